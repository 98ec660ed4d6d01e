"""The compiled codecs against the reference walkers, over random types: same words, same values, same refusals."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zkhost import codec as c
from zkhost.codec.gen_decode import compile_decoder, compile_reader
from zkhost.codec.gen_encode import compile_encoder
from zkhost.codec.ref_decode import decode_value
from zkhost.codec.ref_encode import encode_value
from zkhost.errors import DecodeError, EncodeError

from .refusing import FORMATS, Refused, many, refuse
from .schemas import TYPES, same, typed_values, values


def reference(node: Any, data: bytes, packed: bool, strict: bool) -> Any:
    """What the reference decoder says: (value, end), or None."""
    try:
        return decode_value(node, data, 0, packed, strict)
    except DecodeError:
        return None


@FORMATS
@many
@given(typed_values())
def test_same_words(packed: bool, case: Any) -> None:
    annotation, value = case
    node = c.schema_of(annotation)
    words = encode_value(node, value, packed)
    assert compile_encoder(node, packed, refuse)[0](value) == words


@FORMATS
@many
@given(typed_values())
def test_same_value(packed: bool, case: Any) -> None:
    annotation, value = case
    node = c.schema_of(annotation)
    words = encode_value(node, value, packed)
    expected, end = decode_value(node, words, 0, packed, True)
    assert end == len(words)
    assert same(expected, value)
    again = compile_decoder(node, packed, refuse)[0](words)
    assert encode_value(node, again, packed) == words
    assert same(again, expected)


@FORMATS
@many
@given(typed_values(), st.data())
def test_same_verdict_on_broken_words(packed: bool, case: Any, data: Any) -> None:
    annotation, value = case
    node = c.schema_of(annotation)
    words = bytearray(encode_value(node, value, packed))
    if words:
        for _ in range(data.draw(st.integers(1, 2))):
            words[data.draw(st.integers(0, len(words) - 1))] = data.draw(
                st.sampled_from([0, 1, 2, 255]) | st.integers(0, 255)
            )
    cut = data.draw(st.integers(0, 2))
    broken = bytes(words[: len(words) - 4 * cut] if cut else words)
    for strict in (True, False):
        expected = reference(node, broken, packed, strict)
        try:
            found = compile_reader(node, packed, strict)[0](broken, 0)
        except Exception:
            found = None
        assert (found is None) == (expected is None), (found, expected)
        if expected is not None and found is not None:
            assert found[1] == expected[1]
            assert same(found[0], expected[0])


@FORMATS
@many
@given(TYPES, TYPES, st.data())
def test_same_verdict_on_values_of_another_type(packed: bool, wanted: Any, given_type: Any, data: Any) -> None:
    node = c.schema_of(wanted)
    value = data.draw(values(c.schema_of(given_type)))
    try:
        expected = encode_value(node, value, packed)
    except EncodeError:
        expected = None
    try:
        found = compile_encoder(node, packed, refuse)[0](value)
    except Refused:
        return  # the reference decides then
    assert found == expected


@FORMATS
@many
@given(typed_values())
def test_plain_values_go_both_ways(packed: bool, case: Any) -> None:
    annotation, value = case
    plain = c.to_plain(annotation, value)
    c.describe(annotation)
    again = c.from_plain(annotation, plain)
    assert c.codec(annotation, "packed").encode(again) == c.codec(annotation, "packed").encode(value)
