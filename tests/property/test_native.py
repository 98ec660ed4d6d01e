"""The fast path against the reference walkers, over random types: where it gives a result, it is theirs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from zkhost import codec as c
from zkhost.codec.native import native_functions
from zkhost.codec.ref_decode import decode_value
from zkhost.codec.ref_encode import encode_value
from zkhost.errors import DecodeError, EncodeError

from .refusing import FORMATS, Refused, many, refuse
from .schemas import TYPES, same, typed_values, values


def made(annotation: Any, packed: bool) -> tuple[Any, Any, Any]:
    """The node of a tuple that holds the type after a u8, and its fast functions; rejects a type that has none."""
    node = c.schema_of(tuple[c.U8, annotation])
    functions = native_functions(node, packed, refuse, refuse)
    if functions is None:
        reject()
    return node, *functions


@FORMATS
@many
@given(typed_values(), st.integers(0, 255))
def test_both_ways(packed: bool, case: Any, byte: int) -> None:
    annotation, inner = case
    node, encode, decode = made(annotation, packed)
    value = (byte, inner)
    words = encode_value(node, value, packed)
    assert encode(value) == words
    again = decode(words)
    assert same(again, decode_value(node, words, 0, packed, True)[0])
    assert same(again, value)


@FORMATS
@many
@given(typed_values(), st.data())
def test_broken_words(packed: bool, case: Any, data: Any) -> None:
    annotation, inner = case
    node, _, decode = made(annotation, packed)
    words = bytearray(encode_value(node, (7, inner), packed))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(words) - 1))
        words[at] = data.draw(st.sampled_from([0, 1, 2, 255]) | st.integers(0, 255))
    cut = data.draw(st.integers(-1, 2))
    broken = bytes(words) + bytes(4) if cut < 0 else bytes(words[: len(words) - 4 * cut])
    try:
        expected, end = decode_value(node, broken, 0, packed, True)
    except DecodeError:
        expected, end = None, None
    if end != len(broken):
        with pytest.raises(Refused):
            decode(broken)
    else:
        assert same(decode(broken), expected)


@FORMATS
@many
@given(TYPES, TYPES, st.data())
def test_values_of_another_type(packed: bool, wanted: Any, given_type: Any, data: Any) -> None:
    node, encode, _ = made(wanted, packed)
    value = (7, data.draw(values(c.schema_of(given_type))))
    try:
        found = encode(value)
    except Refused:
        return  # the general path decides then
    try:
        expected = encode_value(node, value, packed)
    except EncodeError:
        expected = None
    assert found == expected
