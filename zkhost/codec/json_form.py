"""Values as JSON: for people and programs that read what a guest committed. There is no way back.

As serde_json writes the Rust value (a newtype is its content, an option null or its content, a variant without data its
name, one with data {name: data}), with these differences: bytes are hexadecimal, and a map whose keys JSON cannot have
is a list of pairs.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from . import schema as s
from .order import order_key
from .report import refuse_value
from .views import as_bytes, as_items

__all__ = ["node_to_json"]


def node_to_json(node: s.Node, value: Any) -> Any:
    """What `json.dumps` takes, of a value that the node's codec accepts. What it would refuse may fail in any way here."""
    match node:
        case s.Ref():
            return node_to_json(node.target, value)
        case s.NewType(inner=inner):
            return node_to_json(inner, value)
        case s.Int():
            return operator.index(value)
        case s.Float():
            return float(value) if math.isfinite(value) else None
        case s.Bytes():
            return (as_bytes(value) or b"").hex()
        case s.Option(inner=inner, wrapped=wrapped):
            return None if value is None else node_to_json(inner, value.value if wrapped else value)
        case s.Seq(inner=inner) | s.Array(inner=inner):
            return [node_to_json(inner, v) for v in as_items(inner, value)]
        case s.Set(inner=inner):
            return [node_to_json(inner, v) for v in sorted(value, key=order_key(inner))]
        case s.Map(key=key, value=item):
            pairs = [(node_to_json(key, k), node_to_json(item, v)) for k, v in value.items()]
            return _map(pairs)
        case s.Tuple(items=items):
            return [node_to_json(i, v) for i, v in zip(items, value, strict=True)]
        case s.Struct(kind=kind, fields=fields):
            return _fields(kind, fields, value)
        case s.Enum(variants=variants):
            for v in variants:
                if value is v.python or (not node.plain and type(value) is v.python):
                    return v.name if v.kind == "unit" else {v.name: _fields(v.kind, v.fields, value)}
            refuse_value(None, f"a variant of {node.name}", value)
    return value


def _fields(kind: str, fields: tuple[s.Field, ...], value: Any) -> Any:
    parts = {f.name: node_to_json(f.type, getattr(value, f.name)) for f in fields}
    match kind:
        case "unit":
            return None
        case "newtype":
            return next(iter(parts.values()))
        case "tuple":
            return list(parts.values())
    return parts


def _map(pairs: list[tuple[Any, Any]]) -> Any:
    """An object where every key is a text, a number or a truth value, written as serde_json writes such keys."""
    if any(isinstance(key, list | dict | float | None) for key, _ in pairs):
        return [list(pair) for pair in pairs]
    return {str(key).lower() if isinstance(key, bool) else str(key): item for key, item in pairs}
