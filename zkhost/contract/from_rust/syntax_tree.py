"""Rust source as a syntax tree, by tree-sitter's Rust grammar."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zkhost.errors import ContractError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


def parse(source: bytes) -> Node:
    """Return the root of a file's syntax tree; nodes that are not Rust have `has_error`. Raises ContractError
    where tree-sitter is not installed.
    """
    return _parser().parse(source).root_node


@functools.cache
def _parser() -> Parser:
    try:
        import tree_sitter_rust
        from tree_sitter import Language, Parser
    except ImportError as error:
        raise ContractError(
            "reading Rust needs tree-sitter, which is not installed", hint="pip install 'zkhost[import-types]'"
        ) from error
    return Parser(Language(tree_sitter_rust.language()))


def parse_type(text: str) -> Node | None:
    """Return the node of a type in a string, as in `#[serde_as(as = "Option<Bytes>")]`; None where it is not a type."""
    root = parse(f"type T = {text};".encode())
    alias = root.named_children[0] if root.named_children else None
    return None if root.has_error or alias is None or alias.type != "type_item" else alias.child_by_field_name("type")


def line_of(node: Node) -> int:
    """Return the line of a node, from 1."""
    return int(node.start_point[0]) + 1


def text_of(node: Node) -> str:
    """Return a node's source."""
    return (node.text or b"").decode("utf-8", "replace")


def name_of(node: Node | None) -> str:
    """Return an identifier without `r#`."""
    return "" if node is None else text_of(node).removeprefix("r#")


def string_value(text: str) -> str:
    """Return the value of a string literal, including raw ones (`r#"..."#`)."""
    raw = re.fullmatch(r'b?r(#*)"(.*)"\1', text, re.DOTALL)
    if raw:
        return raw[2]
    continued = re.sub(r"\\\n\s*", "", text)
    continued = re.sub(r"\\u\{([0-9a-fA-F_]+)\}", lambda m: chr(int(m[1].replace("_", ""), 16)), continued)
    try:
        value: Any = ast.literal_eval(f'""{continued}""' if "\n" in continued else continued)
    except (SyntaxError, ValueError):
        return text.strip('"')
    return str(value)


def path_segments(node: Node) -> list[str]:
    """Return the segments of a path, generic arguments left out: `std::collections::HashMap<K, V>` has three."""
    return [part.strip().removeprefix("r#") for part in _without_arguments(text_of(node)).split("::")]


def _without_arguments(text: str) -> str:
    kept, depth = [], 0
    for char in text:
        depth += (char == "<") - (char == ">")
        if depth == 0 and char != ">":
            kept.append(char)
    return re.sub(r"(::\s*)+", "::", "".join(kept).strip()).removesuffix("::")


def preorder(node: Node) -> Iterator[Node]:
    """Yield the node and all below it."""
    todo = [node]
    while todo:
        here = todo.pop()
        yield here
        todo.extend(reversed(here.children))
