"""The fast path against the reference walkers, over random types: where it gives a result, it is theirs."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from zkhost import codec as c
from zkhost.codec.native import native_functions
from zkhost.codec.ref_decode import decode_value
from zkhost.codec.ref_encode import encode_value
from zkhost.errors import DecodeError, EncodeError

from .odd import spoil
from .refusing import FORMATS, Refused, many, refuse
from .schemas import TYPES, same, typed_values, values
from .verdicts import corrupt

DAMAGED = -(-int(os.environ.get("ZKHOST_DAMAGED", "800")) // 400)
"""How many damaged streams or values of each example, so that all 400 have ZKHOST_DAMAGED."""


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
@given(typed_values(), st.integers(0, 1 << 32))
def test_damaged_words(packed: bool, case: Any, seed: int) -> None:
    annotation, inner = case
    node, _, decode = made(annotation, packed)
    whole, rng = encode_value(node, (7, inner), packed), random.Random(seed)
    for _ in range(DAMAGED):
        words = corrupt(whole, rng)
        words += bytes(rng.choice([0, 0, 0, 1, 4]))
        try:
            expected, end = decode_value(node, words, 0, packed, True)
        except DecodeError:
            expected, end = None, None
        if end != len(words):
            with pytest.raises(Refused):
                decode(words)
        else:
            assert same(decode(words), expected)


@FORMATS
@many
@given(TYPES, TYPES, st.data())
def test_values_of_another_type(packed: bool, wanted: Any, given_type: Any, data: Any) -> None:
    node, encode, _ = made(wanted, packed)
    check(node, encode, (7, data.draw(values(c.schema_of(given_type)))), packed)


@FORMATS
@many
@given(typed_values(), st.integers(0, 1 << 32))
def test_odd_values(packed: bool, case: Any, seed: int) -> None:
    annotation, inner = case
    node, encode, _ = made(annotation, packed)
    rng = random.Random(seed)
    for _ in range(DAMAGED):
        check(node, encode, spoil((7, inner), rng), packed)


def check(node: Any, encode: Any, value: Any, packed: bool) -> None:
    """The words are those of the reference, or the general path decides."""
    try:
        found = encode(value)
    except Refused:
        return
    try:
        expected = encode_value(node, value, packed)
    except EncodeError:
        expected = None
    assert found == expected
