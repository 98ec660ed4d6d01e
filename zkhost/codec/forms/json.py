"""Values as JSON: for people and programs that read what a guest committed, or write what it reads.

As serde_json writes the Rust value (a newtype is its content, an option null or its content, a variant without data its
name, one with data {name: data}), with these differences: bytes and digests are hexadecimal, and a map whose keys JSON
cannot have is a list of pairs. Two conversions lose information: a float that is not finite is null, and so is
Some(None).
"""

from __future__ import annotations

import dataclasses
import math
import operator
import re
import struct
from typing import Any

from .. import schema as s
from ..buffers import as_bytes, as_items, hold
from ..reference.rules import order_key
from ..refusals import Path, refuse_found, refuse_value
from ..types import Some
from .parts import built, variant_of

__all__ = ["node_from_json", "node_to_json"]


def node_to_json(node: s.Node, value: Any) -> Any:
    """Convert a value that the node's codec accepts to what `json.dumps` accepts; other values may fail in any way."""
    match node:
        case s.Ref():
            return node_to_json(node.target, value)
        case s.NewType(inner=inner):
            return node_to_json(inner, value)
        case s.Int():
            return operator.index(value)
        case s.Float():
            return float(value) if math.isfinite(value) else None
        case s.Bytes() | s.Digest():
            return (as_bytes(value) or b"").hex()
        case s.Option(inner=inner, wrapped=wrapped):
            return None if value is None else node_to_json(inner, value.value if wrapped else value)
        case s.Seq(inner=inner) | s.Array(inner=inner):
            return [node_to_json(inner, v) for v in as_items(inner, value)]
        case s.Set(inner=inner):
            return [node_to_json(inner, v) for v in sorted(value, key=order_key(inner))]
        case s.Map(key=key, value=item):
            pairs = [(node_to_json(key, k), node_to_json(item, v)) for k, v in value.items()]
            return _object(pairs)
        case s.Tuple(items=items):
            return [node_to_json(i, v) for i, v in zip(items, value, strict=True)]
        case s.Struct(kind=kind, fields=fields):
            return _parts(kind, fields, value)
        case s.Enum():
            v = variant_of(node, value)
            return v.name if v.kind == "unit" else {v.name: _parts(v.kind, v.fields, value)}
    return value


def _parts(kind: str, fields: tuple[s.Field, ...], value: Any) -> Any:
    parts = {f.name: node_to_json(f.type, getattr(value, f.name)) for f in fields}
    match kind:
        case "unit":
            return None
        case "newtype":
            return next(iter(parts.values()))
        case "tuple":
            return list(parts.values())
    return parts


def _object(pairs: list[tuple[Any, Any]]) -> Any:
    """Return an object where every key is a text, a number or a truth value, written as serde_json writes such keys."""
    if any(isinstance(key, list | dict | float | None) for key, _ in pairs):
        return [list(pair) for pair in pairs]
    return {str(key).lower() if isinstance(key, bool) else str(key): item for key, item in pairs}


def node_from_json(node: s.Node, data: Any, path: Path = None) -> Any:
    """Convert what `json.loads` returned to a value. Raises EncodeError, naming the field, where it does not fit."""
    match node:
        case s.Ref():
            return node_from_json(node.target, data, path)
        case s.NewType(inner=inner):
            return node_from_json(inner, data, path)
        case s.Option(inner=inner, wrapped=wrapped):
            if data is None:
                return None
            some = node_from_json(inner, data, path)
            return Some(some) if wrapped else some
        case s.Seq(inner=inner, container=container):
            return hold(container, inner, _each(inner, data, None, path))
        case s.Array(inner=inner, length=length, container=container):
            return hold(container, inner, _each(inner, data, length, path))
        case s.Set(inner=inner, frozen=frozen):
            found: set[Any] = set()
            for i, item in enumerate(_each(inner, data, None, path)):
                if item in found:
                    refuse_value((path, i), "each element once", item)
                found.add(item)
            return frozenset(found) if frozen else found
        case s.Map():
            return _dict(node, data, path)
        case s.Tuple(items=nodes):
            parts = zip(nodes, _list(data, len(nodes), path), strict=True)
            return tuple([node_from_json(n, d, (path, i)) for i, (n, d) in enumerate(parts)])
        case s.Struct(cls=cls, kind=kind, fields=fields):
            return _instance(cls, kind, fields, data, path)
        case s.Enum():
            return _variant(node, data, path)
    return _scalar(node, data, path)


def _scalar(node: s.Node, data: Any, path: Path) -> Any:
    match node:
        case s.Unit():
            if data is not None:
                refuse_value(path, "null", data)
        case s.Bool():
            if not isinstance(data, bool):
                refuse_value(path, "true or false", data)
        case s.Int():
            if not isinstance(data, int) or isinstance(data, bool) or not node.low <= data <= node.high:
                refuse_value(path, f"{node.rust}, {node.low} to {node.high}", data)
        case s.Float(bits=bits):
            try:
                if isinstance(data, bool):
                    raise TypeError
                return struct.unpack(f"<{'f' if bits == 32 else 'd'}", struct.pack("<f" if bits == 32 else "<d", data))[
                    0
                ]
            except (struct.error, OverflowError, TypeError):
                refuse_value(path, f"a number (f{bits})", data)
        case s.Char():
            if not isinstance(data, str) or len(data) != 1 or 0xD800 <= ord(data) < 0xE000:
                refuse_value(path, "a text of one character", data)
        case s.Str():
            if not isinstance(data, str):
                refuse_value(path, "a text", data)
        case s.Bytes(length=length) | s.Digest(size=length):
            return _octets(data, length, path)
    return data


def _octets(data: Any, length: int | None, path: Path) -> bytes:
    expected = "bytes in hexadecimal" if length is None else f"{length} bytes in hexadecimal"
    if not isinstance(data, str) or not re.fullmatch(r"(0x)?([0-9a-fA-F]{2})*", data):
        refuse_value(path, expected, data)
    octets = bytes.fromhex(data.removeprefix("0x"))
    if length not in (None, len(octets)):
        refuse_found(path, expected, f"{len(octets)} bytes")
    return octets


def _dict(node: s.Map, data: Any, path: Path) -> dict[Any, Any]:
    pairs: list[tuple[Any, Any, Path]]
    if isinstance(data, dict):
        pairs = [
            (_key(node.key, key, (path, f"[{key!r}].key")), item, (path, f"[{key!r}]")) for key, item in data.items()
        ]
    else:
        rows = [_list(pair, 2, (path, i)) for i, pair in enumerate(_list(data, None, path))]
        keys = [node_from_json(node.key, key, (path, f"[#{i}].key")) for i, (key, _) in enumerate(rows)]
        pairs = [(key, item, (path, f"[{key!r}]")) for key, (_, item) in zip(keys, rows, strict=True)]
    result: dict[Any, Any] = {}
    for key, item, where in pairs:
        if key in result:
            refuse_value(where, "each key once", key)
        result[key] = node_from_json(node.value, item, where)
    return result


def _key(node: s.Node, text: str, path: Path) -> Any:
    """Return the key that the name of a member stands for."""
    inner = node
    while isinstance(inner, s.NewType) or (isinstance(inner, s.Struct) and inner.kind == "newtype"):
        inner = inner.inner if isinstance(inner, s.NewType) else inner.fields[0].type
    data: Any = text
    if isinstance(inner, s.Int) and re.fullmatch(r"-?[0-9]+", text):
        data = int(text)
    elif isinstance(inner, s.Bool) and text in ("true", "false"):
        data = text == "true"
    return node_from_json(node, data, path)


def _instance(cls: Any, kind: str, fields: tuple[s.Field, ...], data: Any, path: Path) -> Any:
    match kind:
        case "unit":
            if data is not None:
                refuse_value(path, f"null, for {cls.__name__}", data)
            parts = {}
        case "newtype":
            parts = {fields[0].name: data}
        case "tuple":
            parts = dict(zip([f.name for f in fields], _list(data, len(fields), path), strict=True))
        case _:
            parts = _members(cls, fields, data, path)
    types = {f.name: f.type for f in fields}
    values = {name: node_from_json(types[name], part, (path, f".{name}")) for name, part in parts.items()}
    return built(cls, values, path)


def _members(cls: Any, fields: tuple[s.Field, ...], data: Any, path: Path) -> dict[str, Any]:
    """Return the members of an object. Options and fields with a default may be left out, as in serde."""
    names = ", ".join(f.name for f in fields)
    if not isinstance(data, dict):
        refuse_value(path, f"an object with {names}, for {cls.__name__}", data)
    for name in data:
        if name not in {f.name for f in fields}:
            refuse_found(
                (path, f".{name}"), f"a field of {cls.__name__}", f"another name, {name!r}", f"its fields are {names}"
            )
    defaults = {
        f.name
        for f in dataclasses.fields(cls)
        if f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
    }
    parts = {}
    for f in fields:
        if f.name in data:
            parts[f.name] = data[f.name]
        elif f.name in defaults:
            continue
        elif isinstance(f.type, s.Option):
            parts[f.name] = None
        else:
            refuse_found((path, f".{f.name}"), "a value", "no such member", f"{cls.__name__} has {names}")
    return parts


def _variant(node: s.Enum, data: Any, path: Path) -> Any:
    names = ", ".join(v.name for v in node.variants)
    payload = None
    name = data
    if isinstance(data, dict) and len(data) == 1:
        ((name, payload),) = data.items()
    for v in node.variants:
        if v.name == name and (v.kind == "unit") == (name is data):
            return v.python if node.plain else _instance(v.python, v.kind, v.fields, payload, path)
    return refuse_value(path, f"the name of a variant of {node.name} ({names}), or {{name: its data}}", data)


def _each(node: s.Node, data: Any, count: int | None, path: Path) -> list[Any]:
    return [node_from_json(node, item, (path, i)) for i, item in enumerate(_list(data, count, path))]


def _list(data: Any, count: int | None, path: Path) -> list[Any]:
    if not isinstance(data, list) or count not in (None, len(data)):
        refuse_value(path, "a list" if count is None else f"a list of {count}", data)
    return data
