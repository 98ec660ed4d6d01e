"""The order of keys: what Rust's derived `Ord` says about values, as sort keys for Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import schema as s

__all__ = ["Key", "order_key"]

Key = Callable[[Any], Any]
NATURAL = (s.Bool, s.Int, s.Str, s.Char, s.Bytes)


def order_key(node: s.Node) -> Key | None:
    """A function whose results sort as the node's Rust type does; None where the values sort so themselves.

    (Python compares str by code point, which is the order of UTF-8 bytes that Rust uses.)
    """
    match node:
        case s.NewType(inner=inner):
            return order_key(inner)
        case s.Seq(inner=inner) | s.Array(inner=inner):
            item = order_key(inner)
            return None if item is None else lambda v: tuple(map(item, v))
        case s.Tuple(items=items):
            keys = [order_key(i) for i in items]
            return None if not any(keys) else lambda v: _apply(keys, v)
        case s.Unit():
            return lambda v: 0
        case s.Option(inner=inner, wrapped=wrapped):
            some = order_key(inner) or _same
            if wrapped:
                return lambda v: () if v is None else (some(v.value),)
            return lambda v: () if v is None else (some(v),)
        case s.Set(inner=inner):
            each = order_key(inner) or _same
            return lambda v: tuple(sorted(map(each, v)))
        case s.Struct(fields=fields):
            return _fields(fields)
        case s.Enum(variants=variants):
            return _enum(node, variants)
        case s.Ref():
            made: list[Key] = []

            def recursive(value: Any) -> Any:
                if not made:
                    made.append(order_key(node.target) or _same)
                return made[0](value)

            return recursive
    assert isinstance(node, NATURAL), node
    return None


def _same(value: Any) -> Any:
    return value


def _apply(keys: list[Key | None], values: Any) -> tuple[Any, ...]:
    return tuple(v if k is None else k(v) for k, v in zip(keys, values, strict=True))


def _fields(fields: tuple[s.Field, ...]) -> Key:
    names = [f.name for f in fields]
    keys = [order_key(f.type) for f in fields]
    return lambda v: _apply(keys, [getattr(v, n) for n in names])


def _enum(node: s.Enum, variants: tuple[s.Variant, ...]) -> Key:
    if node.plain:
        index = {v.name: v.index for v in variants}
        return lambda v: index[v.name]
    keys = {v.python: (v.index, _fields(v.fields)) for v in variants}
    return lambda v: (keys[type(v)][0], keys[type(v)][1](v))
