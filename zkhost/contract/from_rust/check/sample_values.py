"""Random values of the types read, in the codec's plain form, and the kinds of their words."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from typing import Any

from zkhost.contract.from_rust.wire_forms import Constrained
from zkhost.contract.item_model import Array, Fields, Item, Named, RustType, Struct, Tuple

_DEEP = 5
_LONG = 3
_CHARACTERS = "aZ0 é√𝄞"


class SampleValues:
    """Makes values of items; beyond a depth the smallest ones, so that recursive types end."""

    def __init__(self, items: Mapping[str, Item], rng: random.Random) -> None:
        self._items, self._rng = items, rng
        self._heights = _heights(items)

    def of(self, item: Item, args: tuple[RustType, ...], depth: int = 0) -> Any:
        """Return a value of an item with its type arguments."""
        given = dict(zip(item.params, args, strict=True))
        if isinstance(item, Struct):
            return self._fields(item.fields, given, depth)
        variants = list(range(len(item.variants)))
        if depth > _DEEP:
            heights = [_height(v.fields, self._heights) for v in item.variants]
            variants = [i for i in variants if heights[i] == min(heights)]
        index = self._rng.choice(variants)
        return [index, self._fields(item.variants[index].fields, given, depth)]

    def _fields(self, fields: Fields, given: Mapping[str, RustType], depth: int) -> Any:
        if not fields.items:
            return None
        values = [self._value(f.type, given, depth + 1) for f in fields.items]
        return values[0] if fields.kind == "tuple" and len(values) == 1 else values

    def _value(self, rust_type: RustType, given: Mapping[str, RustType], depth: int) -> Any:
        match rust_type:
            case Constrained():
                return rust_type.sample(self._rng)
            case Tuple(()):
                return None
            case Tuple(items):
                return [self._value(item, given, depth) for item in items]
            case Array(item, length):
                return [self._value(item, given, depth) for _ in range(length)]
            case Named("Option", (inner,)):
                none = depth > _DEEP or self._rng.random() < 0.4
                return None if none else [self._value(inner, given, depth + 1)]
            case Named("Vec" | "BTreeSet" | "HashSet" | "BTreeMap" | "HashMap" as name, args):
                return self._collection(name, args, given, depth)
            case Named(name) if name in given:
                return self._value(given[name], {}, depth)
            case Named(name, args) if name in self._items:
                return self.of(self._items[name], tuple(_given(arg, given) for arg in args), depth + 1)
            case Named(name):
                return self._scalar(name)

    def _collection(self, name: str, args: tuple[RustType, ...], given: Mapping[str, RustType], depth: int) -> Any:
        # Rust's hashed collections have an order of their own; with one element there is only one order.
        longest = 0 if depth > _DEEP else 1 if name.startswith("Hash") else _LONG
        rows = [[self._value(arg, given, depth + 1) for arg in args] for _ in range(self._rng.randint(0, longest))]
        if name != "Vec":
            rows = list({repr(row[0]): row for row in rows}.values())
        return rows if len(args) == 2 else [row[0] for row in rows]

    def _scalar(self, name: str) -> Any:
        rng = self._rng
        match name:
            case "bool":
                return rng.random() < 0.5
            case "char":
                return ord(rng.choice(_CHARACTERS))
            case "String":
                return "".join(rng.choices(_CHARACTERS, k=rng.randint(0, 9)))
            case "ByteBuf":
                return rng.randbytes(rng.randint(0, 9))
            case "f32":
                return struct.unpack("<I", struct.pack("<f", rng.uniform(-1e9, 1e9)))[0]
            case "f64":
                return struct.unpack("<Q", struct.pack("<d", rng.uniform(-1e9, 1e9)))[0]
        bits = int(name[1:])
        wide = rng.choice((bits, bits, rng.randint(1, bits)))
        value = rng.getrandbits(wide)
        if name[0] == "i" and value >> (bits - 1):
            value -= 1 << bits
        return value.to_bytes(16, "little", signed=name[0] == "i") if bits == 128 else value


def _given(rust_type: RustType, given: Mapping[str, RustType]) -> RustType:
    match rust_type:
        case Named(name) if name in given:
            return given[name]
        case Named(name, args) if args:
            return Named(name, tuple(_given(arg, given) for arg in args))
        case Tuple(items):
            return Tuple(tuple(_given(item, given) for item in items))
        case Array(item, length):
            return Array(_given(item, given), length)
    return rust_type


def _heights(items: Mapping[str, Item]) -> dict[str, int]:
    """Return how deep items nest in the smallest value of each."""
    heights = dict.fromkeys(items, 1000)
    for _ in items:
        for name, item in items.items():
            groups = [item.fields] if isinstance(item, Struct) else [v.fields for v in item.variants]
            heights[name] = 1 + min(_height(fields, heights) for fields in groups)
    return heights


def _height(fields: Fields, heights: Mapping[str, int]) -> int:
    return max((_type_height(f.type, heights) for f in fields.items), default=0)


def _type_height(rust_type: RustType, heights: Mapping[str, int]) -> int:
    match rust_type:
        case Named("Option" | "Vec" | "BTreeSet" | "HashSet" | "BTreeMap" | "HashMap"):
            return 0
        case Named(name):
            return heights.get(name, 0)
        case Tuple(items):
            return max((_type_height(item, heights) for item in items), default=0)
        case Array(item, length):
            return _type_height(item, heights) if length else 0


def kinds(descriptor: list[Any], plain: Any) -> list[str]:
    """Return the kinds of a plain value's words, in their order: `u32`, `str`, `len`, `option`, `variant`, ...

    `descriptor` is what `zkhost.codec.describe` returns for its type.
    """
    return _Spelling(descriptor).of(descriptor, plain)


class _Spelling:
    def __init__(self, descriptor: list[Any]) -> None:
        self._named: dict[str, list[Any]] = {}
        self._name(descriptor)

    def _name(self, part: Any) -> None:
        """Record what a ref may mean: it may be described in a part that a value does not have."""
        if isinstance(part, list):
            if part and part[0] in ("struct", "tuple_struct", "newtype", "enum") and isinstance(part[1], str):
                self._named.setdefault(part[1], part)
            for each in part:
                self._name(each)

    def of(self, descriptor: list[Any], plain: Any) -> list[str]:
        head, *rest = descriptor
        match head:
            case "unit":
                return []
            case "option":
                return ["option", *([] if plain is None else self.of(rest[0], plain[0]))]
            case "seq":
                return ["len", *self._each([rest[0]] * len(plain), plain)]
            case "map":
                return ["len", *(kind for pair in plain for kind in self._each(rest, pair))]
            case "array":
                return self._each([rest[0]] * len(plain), plain)
            case "tuple":
                return self._each(rest[0], plain)
            case "ref":
                return self.of(self._named[rest[0]], plain)
            case "struct" | "tuple_struct" | "newtype" | "unit_struct" | "enum":
                return self._declared(head, rest, plain)
        return [head]

    def _declared(self, head: str, rest: list[Any], plain: Any) -> list[str]:
        if head == "enum":
            _, kind, payload = rest[1][plain[0]]
            return ["variant", *self._payload(kind, payload, plain[1])]
        return self._payload({"tuple_struct": "tuple", "unit_struct": "unit"}.get(head, head), (*rest, None)[1], plain)

    def _payload(self, kind: str, payload: Any, plain: Any) -> list[str]:
        match kind:
            case "unit":
                return []
            case "newtype":
                return self.of(payload, plain)
            case "tuple":
                return self._each(payload, plain)
        return self._each([descriptor for _, descriptor in payload], plain)

    def _each(self, descriptors: list[Any], plain: list[Any]) -> list[str]:
        return [
            kind for descriptor, value in zip(descriptors, plain, strict=True) for kind in self.of(descriptor, value)
        ]
