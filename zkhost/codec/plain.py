"""Descriptors and plain values: a schema and its values as JSON-like data, for the Rust oracles and other tools.

A descriptor is a list, as ["u8"], ["option", T], ["seq", T], ["map", K, V], ["tuple", [T..]], ["array", T, n],
["struct", name, [[field, T]..]], ["newtype", name, T], ["tuple_struct", name, [T..]], ["unit_struct", name],
["enum", name, [[variant, kind, payload]..]] and ["ref", name] for a type used inside itself.
Plain values: ints as int (128-bit ones as 16 little-endian bytes), floats as bit patterns, char as code point; lists,
sets, tuples and structs as lists, maps as lists of pairs, a unit struct as None, an
option as None or [v], an enum as [index, payload].
"""

from __future__ import annotations

import operator
import struct
from typing import Any

from . import schema as s
from .order import order_key
from .ref_decode import contain
from .report import refuse_value
from .types import Some
from .views import as_bytes, as_items

__all__ = ["describe_node", "node_from_plain", "node_to_plain"]


def describe_node(node: s.Node) -> list[Any]:
    """The descriptor of a node. Types that share a name get a number, so that a ref is never ambiguous."""
    return _Describer().describe(node)


class _Describer:
    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.used: set[str] = set()

    def name(self, node: s.Struct | s.Enum) -> str:
        name, n = node.name, 1
        while name in self.used:
            n += 1
            name = f"{node.name}_{n}"
        self.used.add(name)
        self.names[id(node)] = name
        return name

    def describe(self, node: s.Node) -> list[Any]:
        match node:
            case s.Bool() | s.Char() | s.Str() | s.Unit():
                return [type(node).__name__.lower()]
            case s.Int():
                return [node.rust]
            case s.Float(bits=bits):
                return [f"f{bits}"]
            case s.Bytes(serde=True):
                return ["bytes"]
            case s.Bytes(length=length):
                return ["seq", ["u8"]] if length is None else ["array", ["u8"], length]
            case s.Option(inner=inner):
                return ["option", self.describe(inner)]
            case s.Seq(inner=inner) | s.Set(inner=inner):
                return ["seq", self.describe(inner)]
            case s.Array(inner=inner, length=length):
                return ["array", self.describe(inner), length]
            case s.Map(key=key, value=value):
                return ["map", self.describe(key), self.describe(value)]
            case s.Tuple(items=items):
                return ["tuple", [self.describe(i) for i in items]]
            case s.NewType(name=name, inner=inner):
                return ["newtype", name, self.describe(inner)]
            case s.Ref():
                return ["ref", self.names[id(node.target)]]
            case s.Struct() | s.Enum() if id(node) in self.names:
                return ["ref", self.names[id(node)]]
            case s.Struct(fields=fields, kind=kind):
                return self.struct(kind, self.name(node), fields)
            case s.Enum(variants=variants):
                name = self.name(node)
                return ["enum", name, [[v.name, v.kind, self.payload(v.kind, v.fields)] for v in variants]]
        raise AssertionError(node)

    def payload(self, kind: str, fields: tuple[s.Field, ...]) -> Any:
        match kind:
            case "unit":
                return None
            case "newtype":
                return self.describe(fields[0].type)
            case "tuple":
                return [self.describe(f.type) for f in fields]
        return [[f.name, self.describe(f.type)] for f in fields]

    def struct(self, kind: str, name: str, fields: tuple[s.Field, ...]) -> list[Any]:
        match kind:
            case "unit":
                return ["unit_struct", name]
            case "newtype":
                return ["newtype", name, self.payload(kind, fields)]
            case "tuple":
                return ["tuple_struct", name, self.payload(kind, fields)]
        return ["struct", name, self.payload(kind, fields)]


def node_to_plain(node: s.Node, value: Any) -> Any:
    """The plain form of a value that the node's codec accepts. What it would refuse may fail in any way here."""
    match node:
        case s.Ref():
            return node_to_plain(node.target, value)
        case s.NewType(inner=inner):
            return node_to_plain(inner, value)
        case s.Int(bits=128, signed=signed):
            return operator.index(value).to_bytes(16, "little", signed=signed)
        case s.Int():
            return operator.index(value)
        case s.Float(bits=bits):
            fmt, raw = ("<f", "<I") if bits == 32 else ("<d", "<Q")
            return struct.unpack(raw, struct.pack(fmt, value))[0]
        case s.Char():
            return ord(value)
        case s.Bytes(serde=serde):
            data = as_bytes(value) or b""
            return data if serde else list(data)
        case s.Option(inner=inner, wrapped=wrapped):
            return None if value is None else [node_to_plain(inner, value.value if wrapped else value)]
        case s.Seq(inner=inner) | s.Array(inner=inner):
            return [node_to_plain(inner, v) for v in as_items(inner, value)]
        case s.Set(inner=inner):
            return [node_to_plain(inner, v) for v in sorted(value, key=order_key(inner))]
        case s.Map(key=key, value=item, ordered=ordered):
            keys = sorted(value, key=order_key(key)) if ordered else list(value)
            return [[node_to_plain(key, k), node_to_plain(item, value[k])] for k in keys]
        case s.Tuple(items=items):
            return [node_to_plain(i, v) for i, v in zip(items, value, strict=True)]
        case s.Struct(kind="newtype", fields=(only,)):
            return node_to_plain(only.type, getattr(value, only.name))
        case s.Struct(kind="unit"):
            return None
        case s.Struct(fields=fields):
            return [node_to_plain(f.type, getattr(value, f.name)) for f in fields]
        case s.Enum(variants=variants):
            for v in variants:
                if value is v.python or (not node.plain and type(value) is v.python):
                    return [v.index, _payload(v, [node_to_plain(f.type, getattr(value, f.name)) for f in v.fields])]
            refuse_value(None, f"a variant of {node.name}", value)
    return value


def node_from_plain(node: s.Node, plain: Any) -> Any:
    """The value of a plain form that describes one."""
    match node:
        case s.Ref():
            return node_from_plain(node.target, plain)
        case s.NewType(inner=inner):
            return node_from_plain(inner, plain)
        case s.Int(bits=128, signed=signed):
            return int.from_bytes(plain, "little", signed=signed)
        case s.Float(bits=bits):
            fmt, raw = ("<f", "<I") if bits == 32 else ("<d", "<Q")
            return struct.unpack(fmt, struct.pack(raw, plain))[0]
        case s.Char():
            return chr(plain)
        case s.Bytes():
            return bytes(plain)
        case s.Unit():
            return None
        case s.Option(inner=inner, wrapped=wrapped):
            if plain is None:
                return None
            some = node_from_plain(inner, plain[0])
            return Some(some) if wrapped else some
        case s.Seq(inner=inner, container=container) | s.Array(inner=inner, container=container):
            return contain(container, inner, [node_from_plain(inner, p) for p in plain])
        case s.Set(inner=inner, frozen=frozen):
            return (frozenset if frozen else set)(node_from_plain(inner, p) for p in plain)
        case s.Map(key=key, value=item):
            return {node_from_plain(key, k): node_from_plain(item, v) for k, v in plain}
        case s.Tuple(items=items):
            return tuple([node_from_plain(i, p) for i, p in zip(items, plain, strict=True)])
        case s.Struct(kind="newtype", cls=cls, fields=(only,)):
            return cls(**{only.name: node_from_plain(only.type, plain)})
        case s.Struct(cls=cls, fields=fields):
            return cls(**{f.name: node_from_plain(f.type, p) for f, p in zip(fields, plain or (), strict=True)})
        case s.Enum(variants=variants):
            chosen, payload = variants[plain[0]], plain[1]
            if node.plain:
                return chosen.python
            parts = () if chosen.kind == "unit" else (payload,) if chosen.kind == "newtype" else payload
            pairs = zip(chosen.fields, parts, strict=True)
            return chosen.python(**{f.name: node_from_plain(f.type, p) for f, p in pairs})
    return plain


def _payload(variant: s.Variant, parts: list[Any]) -> Any:
    match variant.kind:
        case "unit":
            return None
        case "newtype":
            return parts[0]
    return parts
