"""Random types and values: hypothesis strategies for annotations of every kind, and for the values of each."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
from typing import Annotated, Any

from hypothesis import strategies as st

from zkhost import codec as c
from zkhost.codec import schema as s

_count = itertools.count()

LEAVES = [
    bool, str, bytes, float, None, c.Char, c.SerdeBytes, c.F32,
    c.U8, c.U16, c.U32, c.U64, c.U128, c.I8, c.I16, c.I32, c.I64, c.I128,
]  # fmt: skip
KEYS = [bool, str, bytes, c.Char, c.U8, c.U32, c.U64, c.I8, c.I128]


def struct_class(kind: str, parts: list[Any], base: type | None = None, **options: Any) -> type:
    """A new dataclass with these field types; `kind` as in a schema."""
    fields = [(f"f{i}", part) for i, part in enumerate(parts)]
    cls = dataclasses.make_dataclass(f"S{next(_count)}", fields, bases=(base,) if base else (), **options)
    return {"newtype": c.newtype, "tuple": c.tuple_struct}.get(kind, lambda x: x)(cls)


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
    keys = st.one_of(st.sampled_from(KEYS), st.lists(st.sampled_from(KEYS), max_size=3).map(lambda k: tuple[tuple(k)]))
    return st.one_of(
        parts.map(lambda t: list[t]),
        parts.map(lambda t: tuple[t, ...]),
        parts.map(_option),
        st.tuples(parts, st.integers(0, 5)).map(lambda a: c.Array[a[0], a[1]]),
        st.lists(parts, max_size=5).map(lambda ts: tuple[tuple(ts)]),
        st.tuples(keys, parts).map(lambda kv: dict[kv[0], kv[1]]),
        st.tuples(keys, parts).map(lambda kv: c.HashMap[kv[0], kv[1]]),
        keys.map(lambda k: set[k]),
        keys.map(lambda k: frozenset[k]),
        structs(parts),
        enums(parts),
        recursive(parts),
    )


TYPES = st.recursive(st.sampled_from(LEAVES), _nest, max_leaves=12)
"""Any annotation the codec takes."""


def values(node: s.Node, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a schema, the edges of every range among them."""
    lists = {"max_size": 3 if depth < 3 else 1}
    match node:
        case s.Ref(target=target):
            return st.deferred(lambda: values(target, depth + 1)) if depth < 4 else _smallest(target)
        case s.NewType(inner=inner):
            return values(inner, depth)
        case s.Bool():
            return st.booleans()
        case s.Int():
            edges = st.sampled_from([node.low, node.high, 0, 1])
            return edges | st.integers(node.low, node.high)
        case s.Float(bits=bits):
            return st.floats(width=bits, allow_nan=False) | st.just(float("nan"))
        case s.Char():
            return st.characters(exclude_categories=["Cs"])
        case s.Str():
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=9) | st.text(
                "ab", min_size=60, max_size=70
            )
        case s.Unit():
            return st.none()
        case s.Bytes(length=None):
            return st.binary(max_size=9) | st.binary(min_size=60, max_size=70)
        case s.Bytes(length=n):
            return st.binary(min_size=n, max_size=n)
        case s.Option(inner=inner, wrapped=wrapped):
            if depth >= 4:
                return st.none()
            some = values(inner, depth + 1)
            return st.none() | (some.map(c.Some) if wrapped else some)
        case s.Seq(inner=inner, container=container):
            if depth >= 4:
                return st.just(() if container == "tuple" else [])
            return st.lists(values(inner, depth + 1), **lists).map(tuple if container == "tuple" else list)
        case s.Array(inner=inner, length=n):
            return st.lists(values(inner, depth + 1), min_size=n, max_size=n)
        case s.Set(inner=inner, frozen=frozen):
            return st.sets(values(inner, depth + 1), **lists).map(frozenset if frozen else set)
        case s.Map(key=key, value=value):
            if depth >= 4:
                return st.just({})
            return st.dictionaries(values(key, depth + 1), values(value, depth + 1), **lists)
        case s.Tuple(items=items):
            return st.tuples(*[values(i, depth + 1) for i in items])
        case s.Struct(cls=cls, fields=fields):
            return st.builds(cls, **{f.name: values(f.type, depth + 1) for f in fields})
        case s.Enum(variants=variants):
            if node.plain:
                return st.sampled_from([v.python for v in variants])
            return st.one_of(
                [st.builds(v.python, **{f.name: values(f.type, depth + 1) for f in v.fields}) for v in variants]
            )
    raise AssertionError(node)


def _smallest(node: s.Node) -> st.SearchStrategy[Any]:
    return values(node, 4)


def same(a: Any, b: Any) -> bool:
    """Equality in which NaN equals NaN. Two dicts may have their keys in different orders."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, list | tuple) and isinstance(b, type(a)):
        return len(a) == len(b) and all(map(same, a, b))
    if dataclasses.is_dataclass(a) and type(a) is type(b):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


@st.composite
def typed_values(draw: Any) -> tuple[Any, Any]:
    """A type and a value of it."""
    annotation = draw(TYPES)
    return annotation, draw(values(c.schema_of(annotation)))


__all__ = ["LEAVES", "TYPES", "same", "struct_class", "typed_values", "values"]
