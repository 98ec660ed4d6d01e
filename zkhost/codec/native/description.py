"""A type as the tuples that `plan.rs` of the native engine reads: (root, definitions).

A node is its class's name and its fields, as ("Int", 64, False), nodes among them again as tuples. Structs and enums that
are used more than once, or in themselves, are definitions, and ("Use", which, whether in itself) refers to them.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import Any

from .. import schema as s
from ..buffers import fill, native_code
from .constructors import stored_directly

__all__ = ["describe"]


def describe(root: s.Node) -> tuple[Any, tuple[Any, ...]]:
    """Return the description of a type."""
    made = _Description(root)
    node = made.node(root)
    return node, tuple(made.definitions)


class _Description:
    def __init__(self, root: s.Node) -> None:
        self.shared = _shared(root)
        self.known: dict[int, int] = {}
        self.definitions: list[Any] = []

    def node(self, node: s.Node) -> tuple[Any, ...]:
        match node:
            case s.NewType(inner=inner):
                return self.node(inner)
            case s.Ref():
                return self.use(node.target, True)
            case s.Struct() | s.Enum() if id(node) in self.shared:
                return self.use(node, False)
            case s.Struct() | s.Enum():
                return self.whole(node)
        return type(node).__name__, *[self.part(node, getattr(node, f.name)) for f in fields(node)]

    def part(self, node: s.Node, value: Any) -> Any:
        """Return a field of a node."""
        if isinstance(value, s.Node):
            return self.node(value)
        if isinstance(value, tuple):
            return tuple(self.node(item) for item in value)
        if isinstance(value, str) and isinstance(node, s.Seq | s.Array):
            code = native_code(node.inner)
            return value, code and fill(value, code)
        return value

    def use(self, node: s.Node, again: bool) -> tuple[Any, ...]:
        index = self.known.get(id(node))
        if index is None:
            index = self.known[id(node)] = len(self.definitions)
            self.definitions.append(None)
            self.definitions[index] = self.whole(node)
        return "Use", index, again

    def whole(self, node: s.Node) -> tuple[Any, ...]:
        match node:
            case s.Struct(cls=cls, kind=kind, fields=parts):
                return "Struct", self.shape(cls, kind, parts)
            case s.Enum(variants=variants) if node.plain:
                return "Members", tuple(v.python for v in variants)
            case s.Enum(variants=variants):
                return "Enum", tuple(self.shape(v.python, v.kind, v.fields) for v in variants)
        raise AssertionError(node)

    def shape(self, cls: type, kind: str, parts: tuple[s.Field, ...]) -> tuple[Any, ...]:
        names = tuple(sys.intern(f.name) for f in parts)
        types = tuple(self.node(f.type) for f in parts)
        return cls, names, types, stored_directly(cls, parts), kind in ("struct", "tuple")


def _shared(root: s.Node) -> set[int]:
    """Return the ids of the structs and enums that are used more than once, or recursively."""
    once: set[int] = set()
    more: set[int] = set()
    for node in s.walk(root):
        for part in (node.target,) * 2 if isinstance(node, s.Ref) else s.children(node):
            if isinstance(part, s.Struct | s.Enum):
                (more if id(part) in once else once).add(id(part))
    if id(root) in once:
        more.add(id(root))
    return more
