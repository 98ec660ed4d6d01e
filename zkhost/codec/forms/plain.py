"""Descriptors and plain values: a schema and its values as data without Python classes, for the Rust oracles and other tools.

A descriptor is a list, as ["u8"], ["option", T], ["seq", T], ["map", K, V], ["tuple", [T..]], ["array", T, n],
["struct", name, [[field, T]..]], ["newtype", name, T], ["tuple_struct", name, [T..]], ["unit_struct", name],
["enum", name, [[variant, kind, payload]..]] and ["ref", name] for a type used inside itself.
Plain values: ints as int (128-bit ones as 16 little-endian bytes), floats as bit patterns, char as code point; lists,
sets, tuples and structs as lists, maps as lists of pairs, a unit struct as None, an
option as None or [v], an enum as [index, payload], a digest as its eight words.
"""

from __future__ import annotations

import operator
import struct
from typing import Any

from .. import schema as s
from ..buffers import as_bytes, as_items, hold
from ..reference.rules import order_key
from ..refusals import Path, refuse_value
from ..types import Some
from .parts import built, variant_of

__all__ = ["describe_node", "node_from_plain", "node_to_plain"]


def describe_node(node: s.Node) -> list[Any]:
    """Return the descriptor of a node. Types that share a name get a number, so that a ref is never ambiguous."""
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
        if node.like is not None:
            return self.describe(node.like)
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
    """Return the plain form of a value that the node's codec accepts; other values may fail in any way."""
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
        case s.Digest(size=size):
            return list(struct.unpack(f"<{size // 4}I", as_bytes(value) or b""))
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
        case s.Enum():
            v = variant_of(node, value)
            return [v.index, _payload(v, [node_to_plain(f.type, getattr(value, f.name)) for f in v.fields])]
    return value


def node_from_plain(node: s.Node, plain: Any, path: Path = None) -> Any:
    """Return the value of a plain form. Raises EncodeError where it does not fit."""
    match node:
        case s.Ref():
            return node_from_plain(node.target, plain, path)
        case s.NewType(inner=inner):
            return node_from_plain(inner, plain, path)
        case s.Option(inner=inner, wrapped=wrapped):
            if plain is None:
                return None
            some = node_from_plain(inner, _items(plain, 1, path)[0], path)
            return Some(some) if wrapped else some
        case s.Seq(inner=inner, container=container):
            return hold(container, inner, _each(inner, _items(plain, None, path), path))
        case s.Array(inner=inner, length=length, container=container):
            return hold(container, inner, _each(inner, _items(plain, length, path), path))
        case s.Set(inner=inner, frozen=frozen):
            items = set(_each(inner, _items(plain, None, path), path))
            return frozenset(items) if frozen else items
        case s.Map(key=key, value=item):
            pairs = [_items(pair, 2, (path, i)) for i, pair in enumerate(_items(plain, None, path))]
            keys = [node_from_plain(key, k, (path, f"[#{i}].key")) for i, (k, _) in enumerate(pairs)]
            return {k: node_from_plain(item, v, (path, f"[{k!r}]")) for k, (_, v) in zip(keys, pairs, strict=True)}
        case s.Tuple(items=nodes):
            parts = zip(nodes, _items(plain, len(nodes), path), strict=True)
            return tuple([node_from_plain(n, p, (path, i)) for i, (n, p) in enumerate(parts)])
        case s.Struct(cls=cls, kind=kind, fields=fields):
            return _instance(cls, kind, fields, plain, path)
        case s.Enum(variants=variants):
            index, payload = _items(plain, 2, path)
            if not isinstance(index, int) or not 0 <= index < len(variants):
                refuse_value(path, f"an index of {node.name}, 0 to {len(variants) - 1}", index)
            v = variants[index]
            return v.python if node.plain else _instance(v.python, v.kind, v.fields, payload, path)
    return _scalar(node, plain, path)


def _scalar(node: s.Node, plain: Any, path: Path) -> Any:
    match node:
        case s.Unit() if plain is None:
            return None
        case s.Bool() if isinstance(plain, bool):
            return plain
        case s.Int(bits=128, signed=signed) if isinstance(plain, bytes) and len(plain) == 16:
            return int.from_bytes(plain, "little", signed=signed)
        case s.Int(bits=bits) if bits < 128 and _is_int(plain, node.low, node.high):
            return plain
        case s.Float(bits=bits) if _is_int(plain, 0, (1 << bits) - 1):
            return struct.unpack("<f" if bits == 32 else "<d", plain.to_bytes(bits // 8, "little"))[0]
        case s.Char() if _is_int(plain, 0, 0x10FFFF) and not 0xD800 <= plain < 0xE000:
            return chr(plain)
        case s.Str() if isinstance(plain, str):
            return plain
        case s.Bytes(length=length):
            octets = s.Int(8, False)
            data = plain if isinstance(plain, bytes) else bytes(_each(octets, _items(plain, length, path), path))
            if length in (None, len(data)):
                return data
        case s.Digest(size=size):
            return struct.pack(f"<{size // 4}I", *_each(s.Int(32, False), _items(plain, size // 4, path), path))
    return refuse_value(path, f"the plain form of {node}", plain)


def _instance(cls: Any, kind: str, fields: tuple[s.Field, ...], plain: Any, path: Path) -> Any:
    match kind:
        case "unit":
            if plain is not None:
                refuse_value(path, f"None, for {cls.__name__}", plain)
            parts: Any = ()
        case "newtype":
            parts = (plain,)
        case _:
            parts = _items(plain, len(fields), path, cls.__name__)
    pairs = zip(fields, parts, strict=True)
    values = {f.name: node_from_plain(f.type, p, (path, f".{f.name}")) for f, p in pairs}
    return built(cls, values, path)


def _each(node: s.Node, items: Any, path: Path) -> list[Any]:
    return [node_from_plain(node, item, (path, i)) for i, item in enumerate(items)]


def _items(plain: Any, count: int | None, path: Path, name: str = "") -> Any:
    """Return the items of a list (msgpack makes tuples of those that are keys)."""
    if not isinstance(plain, list | tuple) or count not in (None, len(plain)):
        expected = "a list" if count is None else f"a list of {count}"
        hint = "from_json takes names of fields" if isinstance(plain, dict) else None
        refuse_value(path, f"{expected}, for {name}" if name else expected, plain, hint)
    return plain


def _is_int(plain: Any, low: int, high: int) -> bool:
    return isinstance(plain, int) and not isinstance(plain, bool) and low <= plain <= high


def _payload(variant: s.Variant, parts: list[Any]) -> Any:
    match variant.kind:
        case "unit":
            return None
        case "newtype":
            return parts[0]
    return parts
