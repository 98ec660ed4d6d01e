"""Why a Rust type is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost.contract.from_rust.syntax_tree import line_of

if TYPE_CHECKING:
    from tree_sitter import Node


class RefusalError(Exception):
    """A construct is not understood, or has no wire form: where, and why."""

    def __init__(self, line: Node | int, message: str) -> None:
        super().__init__(message)
        self.line = line if isinstance(line, int) else line_of(line)
        self.message = message
