"""Every literal vector, both ways, in both formats, with both engines."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest

from zkhost import codec as c
from zkhost.codec.reference import decode_value, encode_value

from .vectors import VECTORS, Vector


def equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and (np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b)


def words_of(vector: Vector, format: str) -> list[int]:
    return vector.standard if format == "standard" or vector.packed is None else vector.packed


CASES = pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.name)
FORMATS = pytest.mark.parametrize("format", ["standard", "packed"])


@CASES
@FORMATS
def test_encode(vector: Vector, format: str) -> None:
    made = c.codec(vector.type, format)
    assert made.encode_words(vector.value) == words_of(vector, format)
    assert list(made.encode_array(vector.value)) == words_of(vector, format)
    assert encode_value(made.schema, vector.value, format == "packed") == made.encode(vector.value)


@CASES
@FORMATS
def test_decode(vector: Vector, format: str) -> None:
    made = c.codec(vector.type, format)
    words = array("I", words_of(vector, format))
    for data in (words.tobytes(), bytearray(words.tobytes()), memoryview(words), words, words.tolist()):
        assert equal(made.decode(data), vector.value)
    assert equal(made.decode(words.tobytes(), strict=False), vector.value)
    value, end = decode_value(made.schema, words.tobytes(), 0, format == "packed", True)
    assert equal(value, vector.value)
    assert end == 4 * len(words)


@CASES
@FORMATS
def test_cut_short_or_longer(vector: Vector, format: str) -> None:
    made = c.codec(vector.type, format)
    words = words_of(vector, format)
    with pytest.raises(c.DecodeError, match="end of the input") as caught:
        made.decode([*words, 0])
    assert caught.value.offset == len(words)
    assert equal(made.decode([*words, 0], strict=False), vector.value)
    if words:
        with pytest.raises(c.DecodeError):
            made.decode(words[:-1])


@CASES
@FORMATS
def test_one_after_another(vector: Vector, format: str) -> None:
    out = c.Writer(format).write(vector.value, vector.type).write(77, c.U32).write(vector.value, vector.type)
    reader = c.Reader(out.to_bytes(), format)
    assert equal(reader.read(vector.type), vector.value)
    assert reader.read(c.U32) == 77
    assert equal(reader.read(vector.type), vector.value)
    reader.finish()


@CASES
def test_plain_form(vector: Vector) -> None:
    plain = c.to_plain(vector.type, vector.value)
    assert equal(c.from_plain(vector.type, plain), vector.value)
