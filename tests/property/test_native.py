"""The native engine against the reference, over random types: where it has a result, it is the reference's.

It takes every type, and every usual value of one: nothing of these is left to the reference.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.annotations import of
from zkhost import codec as c
from zkhost.codec.native import native_functions
from zkhost.codec.reference import decode_value, encode_value
from zkhost.errors import DecodeError, EncodeError
from zkhost.testing.strategies import strategy

from .odd import spoil
from .refusing import FORMATS, Refused, many, refuse
from .schemas import TYPES, same, typed_values
from .verdicts import corrupt

DAMAGED = -(-int(os.environ.get("ZKHOST_DAMAGED", "800")) // 400)
"""How many damaged streams or values of each example, so that all 400 have ZKHOST_DAMAGED."""


def made(annotation: Any, packed: bool) -> tuple[Any, Any, Any, Any]:
    """The node of a type, and its native functions."""
    node = c.schema_of(annotation)
    functions = native_functions(node, packed, (refuse, refuse, refuse))
    assert functions is not None
    return node, *functions


@FORMATS
@many
@given(typed_values(), st.integers(0, 255))
def test_both_ways(packed: bool, case: Any, byte: int) -> None:
    annotation, inner = case
    for kind, value in ((annotation, inner), (of(tuple, c.U8, annotation), (byte, inner))):
        node, encode, decode, decode_from = made(kind, packed)
        words = encode_value(node, value, packed)
        assert encode(value) == words
        expected = decode_value(node, words, 0, packed, True)[0]
        assert same(expected, value)
        for strict in (True, False):
            assert same(decode(words, strict), expected)
            again, end = decode_from(bytes(8) + words + b"\xff" * 4, 2, strict=strict)
            assert same(again, expected)
            assert end == 2 + len(words) // 4


@FORMATS
@many
@given(typed_values(), st.integers(0, 1 << 32))
def test_damaged_words(packed: bool, case: Any, seed: int) -> None:
    annotation, inner = case
    node, _, decode, decode_from = made(of(tuple, c.U8, annotation), packed)
    whole, rng = encode_value(node, (7, inner), packed), random.Random(seed)
    for _ in range(DAMAGED):
        words = corrupt(whole, rng)
        words += bytes(rng.choice([0, 0, 0, 1, 4]))
        for strict in (True, False):
            try:
                expected: tuple[Any, int | None] = decode_value(node, words, 0, packed, strict)
            except DecodeError:
                expected = None, None
            check_words(words, strict, expected, decode, decode_from)


def check_words(words: bytes, strict: bool, read: tuple[Any, int | None], decode: Any, decode_from: Any) -> None:
    """What the reference accepts is its value, and what it refuses is left to it. `read` is what it read, and its end."""
    expected, end = read
    if end is None or len(words) % 4:
        with pytest.raises((Refused, DecodeError)):
            decode_from(words, 0, strict)
    else:
        value, after = decode_from(words, 0, strict)
        assert same(value, expected)
        assert after * 4 == end
    if end is None or len(words) % 4 or (strict and end != len(words)):
        with pytest.raises((Refused, DecodeError)):
            decode(words, strict)
    else:
        assert same(decode(words, strict), expected)


@FORMATS
@many
@given(TYPES, TYPES, st.data())
def test_values_of_another_type(packed: bool, wanted: Any, given_type: Any, data: Any) -> None:
    node, encode, _, _ = made(tuple[c.U8, wanted], packed)
    check(node, encode, (7, data.draw(strategy(given_type))), packed)


@FORMATS
@many
@given(typed_values(), st.integers(0, 1 << 32))
def test_odd_values(packed: bool, case: Any, seed: int) -> None:
    annotation, inner = case
    node, encode, _, _ = made(of(tuple, c.U8, annotation), packed)
    rng = random.Random(seed)
    for _ in range(DAMAGED):
        check(node, encode, spoil((7, inner), rng), packed)


def check(node: Any, encode: Any, value: Any, packed: bool) -> None:
    """The words are those of the reference, or the reference decides."""
    try:
        found = encode(value)
    except Refused:
        return
    try:
        expected = encode_value(node, value, packed)
    except EncodeError:
        expected = None
    assert found == expected
