"""Source text of generated functions: lines, blocks, constants and names that are never used twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import schema as s

__all__ = ["MAX_BLOCKS", "MAX_WEIGHT", "Bad", "Source", "recursive_nodes", "weight"]

#: A part that weighs more than this (in nodes, unfolded), or lies deeper in blocks, becomes a function of its own:
#: Python limits how deep blocks nest, and a type used in many places is generated once.
MAX_WEIGHT = 60
MAX_BLOCKS = 5


class Bad(Exception):
    """Raised by generated code for what it refuses; the reference walker then says what it was."""


class Source:
    """The text of one module of generated functions, and the constants it refers to."""

    def __init__(self) -> None:
        self.consts: dict[str, Any] = {"Bad": Bad}
        self.lines: list[str] = []
        self.done: list[str] = []
        self.level = 1
        self.count = 0

    def line(self, text: str) -> None:
        """Adds a line in the current block."""
        self.lines.append("    " * self.level + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """A block: its header, and inside it whatever is added meanwhile, or `pass`."""
        self.line(header)
        self.level += 1
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.line("pass")
        self.level -= 1

    def slot(self) -> int:
        """A place in the current block where `fill` may put a line later."""
        self.line("pass")
        return len(self.lines) - 1

    def fill(self, slot: int, text: str) -> None:
        """Puts a line into a slot."""
        self.lines[slot] = self.lines[slot].replace("pass", text)

    def fresh(self, prefix: str) -> str:
        """A name of a local variable not used before."""
        self.count += 1
        return f"{prefix}{self.count}"

    def const(self, value: Any, prefix: str = "K") -> str:
        """The name under which the generated code finds a value."""
        for name, known in self.consts.items():
            if known is value:
                return name
        name = self.fresh(prefix + "_")
        self.consts[name] = value
        return name

    @contextmanager
    def function(self, header: str, level: int = 1) -> Iterator[None]:
        """A function of its own; the one being written goes on afterwards."""
        outer, self.lines, outer_level, self.level = self.lines, [], self.level, level
        yield
        self.done += [header, *self.lines]
        self.lines, self.level = outer, outer_level

    def text(self) -> str:
        """All finished functions."""
        return "\n".join(self.done) + "\n"

    def compile(self, name: str) -> dict[str, Any]:
        """Runs the text; gives the namespace with its functions."""
        namespace = dict(self.consts)
        exec(compile(self.text(), f"<zkhost codec {name}>", "exec"), namespace)
        return namespace


def weight(node: s.Node, memo: dict[int, int]) -> int:
    """How many nodes a node unfolds to, counted up to some bound: shared parts count each time they are used."""
    known = memo.get(id(node))
    if known is None:
        known = memo[id(node)] = min(1 + sum(weight(c, memo) for c in s.children(node)), 1_000_000)
    return known


def recursive_nodes(root: s.Node) -> set[int]:
    """The ids of the structs and enums that refer back to themselves."""
    return {id(node.target) for node in s.walk(root) if isinstance(node, s.Ref)}
