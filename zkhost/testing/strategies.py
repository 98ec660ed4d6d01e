"""`strategy(T)`: hypothesis strategies for the values of any schema, the edges of every range among them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from zkhost import codec as c
from zkhost.codec import schema as s

__all__ = ["strategy"]

Strategy = st.SearchStrategy[Any]

#: Values nest this deep, and no deeper than they must below that.
DEPTH = 6
#: Code points of one, two, three and four bytes of UTF-8, and the borders between them.
EDGES = "\0a\x7f\x80\u07ff\u0800\ufffd\U00010000\U0010ffff"
CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(EDGES)


def strategy(type: Any) -> Strategy:
    """Values of an annotation: every one that the codec takes, small ones most often.

    Lengths around a word's four bytes, the ends of integer ranges, NaN and infinities, and code points of every UTF-8
    length come up often. Recursive types stop after a few levels. Raises SchemaError for what is no schema.
    """
    return _values(c.schema_of(type), 0)


def _values(node: s.Node, depth: int) -> Strategy:
    match node:
        case s.Ref(target=target):
            return st.deferred(lambda: _values(target, depth + 1)) if depth < DEPTH else _values(target, DEPTH)
        case s.NewType(inner=inner):
            return _values(inner, depth)
        case s.Bool():
            return st.booleans()
        case s.Int():
            return st.sampled_from([0, 1, node.high, node.low]) | st.integers(node.low, node.high)
        case s.Float(bits=bits):
            return st.floats(width=64 if bits == 64 else 32, allow_nan=False) | st.just(float("nan"))
        case s.Char():
            return CHARACTERS
        case s.Str():
            return st.text(CHARACTERS, max_size=9) | st.text("ab", min_size=60, max_size=70)
        case s.Unit():
            return st.none()
        case s.Bytes(length=length):
            if length is not None:
                return st.binary(min_size=length, max_size=length)
            return st.binary(max_size=9) | st.binary(min_size=60, max_size=70)
        case s.Option(inner=inner, wrapped=wrapped):
            if depth >= DEPTH:
                return st.none()
            some = _values(inner, depth + 1)
            return st.none() | (some.map(c.Some) if wrapped else some)
        case s.Tuple(items=items):
            return st.tuples(*[_values(item, depth + 1) for item in items])
        case s.Struct(cls=cls, fields=fields):
            return st.builds(cls, **{f.name: _values(f.type, depth + 1) for f in fields})
        case s.Enum():
            return _variants(node, depth)
        case _:
            return _collection(node, depth)


def _collection(node: s.Node, depth: int) -> Strategy:
    most = 3 if depth < 3 else 1
    match node:
        case s.Array(inner=inner, length=length, container=container):
            return st.lists(_values(inner, depth + 1), min_size=length, max_size=length).map(_maker(container))
        case s.Seq(inner=inner, container=container):
            make = _maker(container)
            return st.builds(make) if depth >= DEPTH else st.lists(_values(inner, depth + 1), max_size=most).map(make)
        case s.Set(inner=inner, frozen=frozen):
            make = frozenset if frozen else set
            return st.builds(make) if depth >= DEPTH else st.sets(_values(inner, depth + 1), max_size=most).map(make)
        case s.Map(key=key, value=value):
            if depth >= DEPTH:
                return st.builds(dict)
            return st.dictionaries(_values(key, depth + 1), _values(value, depth + 1), max_size=most)
    raise AssertionError(node)


def _maker(container: str) -> Any:
    return tuple if container == "tuple" else list


def _variants(node: s.Enum, depth: int) -> Strategy:
    if node.plain:
        return st.sampled_from([variant.python for variant in node.variants])
    # At the bottom the variants that carry least, so that an enum which holds itself comes to an end.
    fewest = min(len(variant.fields) for variant in node.variants)
    chosen = [v for v in node.variants if depth < DEPTH or len(v.fields) == fewest]
    return st.one_of([st.builds(v.python, **{f.name: _values(f.type, depth + 1) for f in v.fields}) for v in chosen])
