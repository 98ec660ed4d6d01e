"""`strategy(T)`: hypothesis strategies for the values of any type, the edges of every range among them.

They are made of the type's descriptor, in the plain form, so they depend on no class and no kind of node (see the page
on the codec): the codec turns plain data into values.
"""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st

from zkhost import codec as c
from zkhost.codec.forms.plain import node_from_plain

__all__ = ["strategy"]

Strategy = st.SearchStrategy[Any]

#: Values nest this deep, and below that no deeper than necessary.
DEPTH = 6
#: Code points of one, two, three and four bytes of UTF-8, and the borders between them.
EDGES = "\0a\x7f\x80\u07ff\u0800\ufffd\U00010000\U0010ffff"
CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(EDGES)
OCTETS = st.binary(max_size=9) | st.binary(min_size=60, max_size=70)


def strategy(type: Any) -> Strategy:
    """Return a strategy for the values of an annotation: every one that the codec accepts, small ones most often.

    Lengths around a word's four bytes, the ends of integer ranges, NaN and infinities, and code points of every UTF-8
    length come up often. Recursive types stop after a few levels. Raises SchemaError for an annotation without wire
    form.
    """
    node = c.schema_of(type)
    return _Plain().values(c.describe(type), 0).map(lambda plain: node_from_plain(node, plain))


class _Plain:
    def __init__(self) -> None:
        self.named: dict[str, list[Any]] = {}

    def values(self, descriptor: list[Any], depth: int) -> Strategy:
        """Return a strategy for the plain values of a descriptor."""
        kind = descriptor[0]
        most = 3 if depth < 3 else 1
        match descriptor:
            case ["ref", name]:
                target = self.named[name]
                return (
                    st.deferred(lambda: self.values(target, depth + 1)) if depth < DEPTH else self.values(target, depth)
                )
            case ["option", _] if depth >= DEPTH:
                return st.none()
            case ["seq" | "map", *_] if depth >= DEPTH:
                return st.just([])
            case ["option", inner]:
                return st.none() | self.values(inner, depth + 1).map(lambda v: [v])
            case ["seq", ["u8"]]:
                return OCTETS.map(list)
            case ["array", ["u8"], length]:
                return st.binary(min_size=length, max_size=length).map(list)
            case ["seq", inner]:
                return st.lists(self.values(inner, depth + 1), max_size=most)
            case ["array", inner, length]:
                return st.lists(self.values(inner, depth + 1), min_size=length, max_size=length)
            case ["map", key, value]:
                return st.lists(st.tuples(self.values(key, depth + 1), self.values(value, depth + 1)), max_size=most)
            case ["tuple", items]:
                return self.row(items, depth)
        if kind in ("newtype", "tuple_struct", "unit_struct", "struct", "enum"):
            self.named[descriptor[1]] = descriptor
            if kind == "enum":
                return self.variants(descriptor[2], depth)
            return self.payload(kind.removesuffix("_struct"), (descriptor[2:] or [None])[0], depth)
        return _scalar(kind)

    def payload(self, kind: str, parts: Any, depth: int) -> Strategy:
        match kind:
            case "unit":
                return st.none()
            case "newtype":
                return self.values(parts, depth)
            case "tuple":
                return self.row(parts, depth)
        return self.row([part for _, part in parts], depth)

    def row(self, parts: list[Any], depth: int) -> Strategy:
        return st.tuples(*[self.values(part, depth + 1) for part in parts]).map(list)

    def variants(self, variants: list[Any], depth: int) -> Strategy:
        # At the bottom the smallest ones, so that a recursive enum ends.
        sizes = [
            len(payload) if kind in ("tuple", "struct") else int(kind == "newtype") for _, kind, payload in variants
        ]
        chosen = [i for i in range(len(variants)) if depth < DEPTH or sizes[i] == min(sizes)]
        return st.one_of([st.tuples(st.just(i), self.payload(variants[i][1], variants[i][2], depth)) for i in chosen])


def _scalar(kind: str) -> Strategy:
    match kind:
        case "unit":
            return st.none()
        case "bool":
            return st.booleans()
        case "str":
            return st.text(CHARACTERS, max_size=9) | st.text("ab", min_size=60, max_size=70)
        case "char":
            return CHARACTERS.map(ord)
        case "bytes":
            return OCTETS
        case "f32" | "f64":
            floats = st.floats(width=32 if kind == "f32" else 64, allow_nan=False) | st.just(float("nan"))
            return floats.map(lambda v: int.from_bytes(struct.pack("<f" if kind == "f32" else "<d", v), "little"))
    bits, signed = int(kind[1:]), kind[0] == "i"
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    numbers = st.sampled_from([0, 1, high, low]) | st.integers(low, high)
    return numbers.map(lambda v: v.to_bytes(16, "little", signed=signed)) if bits == 128 else numbers
