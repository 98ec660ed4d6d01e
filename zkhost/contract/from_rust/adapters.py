"""Fields that serde writes by code other than their type's: `#[serde(with = ...)]` and `#[serde_as(as = ...)]`.

Only code whose wire form is known is accepted: that of serde_bytes, serde_with and a few more crates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost.contract.from_rust.declarations import Definition
from zkhost.contract.from_rust.known_types import canonical
from zkhost.contract.from_rust.name_resolution import Foreign
from zkhost.contract.from_rust.refusal import RefusalError
from zkhost.contract.from_rust.scope import Scope
from zkhost.contract.from_rust.syntax_tree import path_segments, text_of
from zkhost.contract.from_rust.type_reader import TypeReader, arguments, child
from zkhost.contract.from_rust.wire_forms import Constrained, between, exactly, text
from zkhost.contract.item_model import Array, Named, RustType, Tuple

if TYPE_CHECKING:
    from tree_sitter import Node

_STRING = Named("String")
_UUID = "67e55044-10b1-426f-9247-bb680e5fe0c8"
_RFC3339 = text("a date and time of RFC 3339", "2024-02-29T12:30:00Z")

_WRITTEN_AS: dict[str, RustType] = {
    "humantime_serde": text("a duration", "1s", "2h"),
    "humantime_serde::option": Named("Option", (text("a duration", "1s", "2h"),)),
    "uuid::serde::compact": Array(Named("u8"), 16),
    "uuid::serde::simple": text("32 hex digits", _UUID.replace("-", "")),
    "uuid::serde::hyphenated": text("a UUID", _UUID),
    "uuid::serde::urn": text("a UUID's URN", f"urn:uuid:{_UUID}"),
    "uuid::serde::braced": text("a UUID in braces", f"{{{_UUID}}}"),
    "time::serde::timestamp": between("i64", -(1 << 30), 1 << 30),
    "time::serde::timestamp::option": Named("Option", (between("i64", -(1 << 30), 1 << 30),)),
    "time::serde::rfc3339": _RFC3339,
    "time::serde::rfc3339::option": Named("Option", (_RFC3339,)),
    "rust_decimal::serde::str": text("a decimal number", "1", "2.50"),
    "rust_decimal::serde::str_option": Named("Option", (text("a decimal number", "1", "2.50"),)),
}
for _unit in ("seconds", "milliseconds", "microseconds", "nanoseconds"):
    _WRITTEN_AS[f"chrono::serde::ts_{_unit}"] = between("i64", -(1 << 30), 1 << 30)
    _WRITTEN_AS[f"chrono::serde::ts_{_unit}_option"] = Named("Option", (between("i64", -(1 << 30), 1 << 30),))

_HEX = frozenset(
    """hex hex::serde const_hex const_hex::serde alloy_primitives::hex alloy_primitives::hex::serde
    alloy_primitives::serde_hex""".split()
)
_ARRAYS = frozenset({"serde_big_array::BigArray", "serde_arrays", "serde_big_array::big_array"})
_QUANTITY = frozenset({"alloy_serde::quantity", "alloy_serde::quantity::opt", "alloy_serde::quantity::vec"})

_TIMES = {"Duration": "u64", "Timestamp": "i64"}
_DIGITS = {"bool": ("true", "false"), "char": ("a",), "f32": ("1", "2.5"), "f64": ("1", "2.5"), "String": ("text",)}


def with_module(value: str, node: Node, scope: Scope, reader: TypeReader) -> RustType:
    """Return the wire form of a field `#[serde(with = "value")]`. Raises RefusalError where it is unknown."""
    segments = value.removeprefix("::").split("::")
    target = reader.names.path(scope.module, segments) or reader.names.path(scope.module, ["", *segments])
    name = str(target) if isinstance(target, Foreign) else ""
    if isinstance(target, Foreign) and target.path[0] == "":
        name = "::".join(target.path[1:])
    found: RustType | None = None
    if name == "serde_bytes":
        found = reader.bytes_like(node, scope)
    elif name in _ARRAYS:
        read = reader.read(node, scope)
        found = read if isinstance(read, Array) else None
    elif name in _HEX:
        found = hexadecimal(reader.bytes_like(node, scope))
    elif name in _QUANTITY:
        found = _quantity(reader.read(node, scope))
    elif name in _WRITTEN_AS:
        found = _WRITTEN_AS[name]
    elif isinstance(target, Definition) and any(m.path == "remote" for m in target.attributes.arguments("serde")):
        return reader.definition(node, target, scope)
    if found is None:
        raise RefusalError(node, f'#[serde(with = "{value}")]: what it writes is not known')
    return found


def _quantity(rust_type: RustType) -> RustType | None:
    match rust_type:
        case Named("Option" | "Vec" as outer, (inner,)):
            made = _quantity(inner)
            return made and Named(outer, (made,))
        case Named(name) if name in ("u8", "u16", "u32", "u64", "u128"):
            return exactly(int(name[1:]) // 8)
        case Constrained("ByteBuf"):
            return rust_type
    return None


def hexadecimal(inner: RustType | None) -> RustType | None:
    """Return bytes as a string of hex digits."""
    match inner:
        case Constrained("ByteBuf") as fixed:
            return Constrained("String", (), lambda rng: fixed.sample(rng).hex(), f"{fixed.limit} in hex")
        case Named("ByteBuf"):
            return Constrained("String", (), lambda rng: rng.randbytes(rng.randint(0, 9)).hex(), "bytes in hex")
    return None


def as_type(way: Node, node: Node, scope: Scope, reader: TypeReader) -> RustType:
    """Return the wire form of a field of type `node` that is `#[serde_as(as = "way")]`. Raises RefusalError where it
    is not known.
    """
    if text_of(way) == "_":
        return reader.read(node, scope)
    if way.type == "array_type" and node.type == "array_type":
        length = way.child_by_field_name("length")
        if length is not None:
            item = as_type(child(way, "element"), child(node, "element"), scope, reader)
            return Array(item, reader.length(length, scope))
    if way.type == "tuple_type" and node.type == "tuple_type" and len(way.named_children) == len(node.named_children):
        pairs = zip(way.named_children, node.named_children, strict=True)
        return Tuple(tuple(as_type(w, n, scope, reader) for w, n in pairs))
    generic = way.type == "generic_type"
    path = child(way, "type") if generic else way
    target = reader.names.path(scope.module, path_segments(path))
    given = arguments(way) if generic else []
    found: RustType | None = None
    if isinstance(target, Foreign) and target.path[0] == "serde_with":
        found = _serde_with(target.path[-1], given, node, scope, reader)
    elif isinstance(target, Foreign) and target.path[0] == "" and given and node.type == "generic_type":
        found = _container(canonical(target), given, node, scope, reader)
    if found is None:
        raise RefusalError(way, f'#[serde_as(as = "{text_of(way)}")]: what it writes is not known')
    return found


def _container(target: Foreign, given: list[Node], node: Node, scope: Scope, reader: TypeReader) -> RustType | None:
    """`Option<A>` over `Option<T>`, and the like for lists, maps and pointers."""
    own = reader.names.path(scope.module, path_segments(child(node, "type")))
    if not isinstance(own, Foreign) or canonical(own) != target or len(given) > len(arguments(node)):
        return None
    inner = tuple(as_type(w, n, scope, reader) for w, n in zip(given, arguments(node), strict=False))
    name = target.path[-1].split("::")[-1]
    if name in ("Box", "Rc", "Arc"):
        return inner[0]
    name = {"VecDeque": "Vec", "LinkedList": "Vec"}.get(name, name)
    return Named(name, inner) if name in ("Option", "Vec", "BTreeMap", "HashMap", "BTreeSet", "HashSet") else None


def _serde_with(name: str, given: list[Node], node: Node, scope: Scope, reader: TypeReader) -> RustType | None:
    """Return what serde_with's own adapters write in a format that is not human-readable."""
    match name:
        case "Same":
            return reader.read(node, scope)
        case "Bytes":
            return reader.bytes_like(node, scope)
        case "Hex":
            return hexadecimal(reader.bytes_like(node, scope))
        case "Base64":
            return text("base64", "AQID", "") if reader.bytes_like(node, scope) == Named("ByteBuf") else _STRING
        case "DisplayFromStr":
            return _displayed(node, scope, reader)
        case "BoolFromInt":
            return between("u8", 0, 1)
        case "JsonString" | "StringWithSeparator":
            return _STRING
        case "FromInto" | "TryFromInto" | "FromIntoRef" | "TryFromIntoRef" if given:
            return reader.read(given[0], scope)
        case "DefaultOnNull":
            inner = as_type(given[0], node, scope, reader) if given else reader.read(node, scope)
            return Named("Option", (inner,))
    for start, default in _TIMES.items():
        unit = name.removeprefix(start).removesuffix("WithFrac")
        if name.startswith(start) and unit in ("Seconds", "MilliSeconds", "MicroSeconds", "NanoSeconds"):
            default = "f64" if name.endswith("WithFrac") else default
            form = reader.read(given[0], scope) if given else Named(default)
            return between(form.name, 0, 1 << 30) if isinstance(form, Named) and form.name in ("i64", "u64") else form
    return None


def _displayed(node: Node, scope: Scope, reader: TypeReader) -> RustType:
    """Return the wire form of a value written by its Display."""
    try:
        inner = reader.read(node, scope)
    except RefusalError:
        inner = _STRING  # whatever the type, it is written as a string
    name = inner.name if isinstance(inner, Named) else ""
    return text(f"a {text_of(node)} as text", *_DIGITS.get(name, ("1", "42")))
