"""Random types: hypothesis strategies for annotations of every kind, each with a value of it."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
from array import array
from typing import Annotated, Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.annotations import of
from zkhost import codec as c
from zkhost.codec import schema as s
from zkhost.testing.strategies import strategy

_count = itertools.count()

LEAVES = [
    bool, str, bytes, float, None, c.Char, c.SerdeBytes, c.F32,
    c.U8, c.U16, c.U32, c.U64, c.U128, c.I8, c.I16, c.I32, c.I64, c.I128, c.Digest,
]  # fmt: skip
BUFFERS = [
    Annotated[c.IntArray, c.U8], Annotated[c.IntArray, c.I16], Annotated[c.FloatArray, c.F64],
    NDArray[np.bool_], NDArray[np.uint32], NDArray[np.int64], Annotated[NDArray[np.float32], c.Len(3)],
]  # fmt: skip
KEYS = [bool, str, bytes, c.Char, c.U8, c.U32, c.U64, c.I8, c.I128, c.Digest]


def struct_class(kind: str, parts: list[Any], base: type | None = None, **options: Any) -> type:
    """A new dataclass with these field types; `kind` as in a schema."""
    fields = [(f"f{i}", part) for i, part in enumerate(parts)]
    cls = dataclasses.make_dataclass(f"S{next(_count)}", fields, bases=(base,) if base else (), **options)
    decorators = {"newtype": c.newtype, "tuple": c.tuple_struct}
    return decorators[kind](cls) if kind in decorators else cls


@st.composite
def structs(draw: Any, parts: Any, base: type | None = None) -> type:
    """A dataclass of any kind: plain, frozen or with slots."""
    kind = draw(st.sampled_from(["struct", "struct", "newtype", "tuple", "unit"]))
    low, high = {"struct": (1, 5), "newtype": (1, 1), "tuple": (2, 4), "unit": (0, 0)}[kind]
    fields = draw(st.lists(parts, min_size=low, max_size=high))
    return struct_class(kind, fields, base, frozen=draw(st.booleans()), slots=draw(st.booleans()))


@st.composite
def enums(draw: Any, parts: Any) -> Any:
    """An enum: of units only, a tagged union, or a base class with variants."""
    how = draw(st.sampled_from(["plain", "union", "sealed"]))
    if how == "plain":
        names = draw(st.lists(st.sampled_from("ABCDEF"), unique=True, min_size=1))
        return enum.Enum(f"E{next(_count)}", names)
    base = c.enum(type(f"Base{next(_count)}", (), {})) if how == "sealed" else None
    classes = draw(st.lists(structs(parts, base), min_size=2, max_size=4))
    if base is not None:
        base.keep = classes  # type: ignore[attr-defined]
        return base
    union = classes[0]
    for cls in classes[1:]:
        union = union | cls
    return Annotated[union, c.Tagged(f"U{next(_count)}")]


@st.composite
def recursive(draw: Any, parts: Any) -> Any:
    """A dataclass that holds itself in an option, a list or a map."""
    name = f"R{next(_count)}"
    again = draw(st.sampled_from([f"{name} | None", f"list[{name}]", f"dict[U8, {name}]", f"tuple[U8, {name} | None]"]))
    fields = [("head", draw(parts)), ("rest", again), ("tail", draw(parts))]
    cls = dataclasses.make_dataclass(name, fields)
    cls.__module__ = "zkhost.codec"
    return cls


def _option(item: Any) -> Any:
    node = c.schema_of(item)
    while isinstance(node, s.NewType):
        node = node.inner
    if isinstance(node, s.Unit | s.Option) or not isinstance(item, type):
        return c.Some[item] | None
    return item | None


def _nest(parts: Any) -> Any:
    keys = st.one_of(st.sampled_from(KEYS), st.lists(st.sampled_from(KEYS), max_size=3).map(lambda ks: of(tuple, *ks)))
    return st.one_of(
        parts.map(lambda t: of(list, t)),
        parts.map(lambda t: of(tuple, t, ...)),
        parts.map(_option),
        st.tuples(parts, st.integers(0, 5)).map(lambda a: of(c.Array, *a)),
        st.lists(parts, max_size=5).map(lambda ts: of(tuple, *ts)),
        st.tuples(keys, parts).map(lambda kv: of(dict, *kv)),
        st.tuples(keys, parts).map(lambda kv: of(c.HashMap, *kv)),
        keys.map(lambda k: of(set, k)),
        keys.map(lambda k: of(frozenset, k)),
        structs(parts),
        enums(parts),
        recursive(parts),
    )


TYPES = st.recursive(st.sampled_from(LEAVES) | st.sampled_from(BUFFERS), _nest, max_leaves=12)
"""Any annotation the codec takes."""


def same(a: Any, b: Any) -> bool:
    """Equality in which NaN equals NaN. Two dicts may have their keys in different orders."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, np.ndarray | array):
        return type(a) is type(b) and same(a.tolist(), b.tolist())
    if isinstance(a, list | tuple) and isinstance(b, type(a)):
        return len(a) == len(b) and all(map(same, a, b))
    if dataclasses.is_dataclass(a) and type(a) is type(b):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


@st.composite
def typed_values(draw: Any) -> tuple[Any, Any]:
    """A type and a value of it."""
    annotation = draw(TYPES)
    return annotation, draw(strategy(annotation))


__all__ = ["LEAVES", "TYPES", "same", "struct_class", "typed_values"]
