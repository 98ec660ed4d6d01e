"""What is refused, and how: the path, the word offset, what was expected and what was found."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.annotations import of
from zkhost import codec as c
from zkhost.codec import I8, I16, U8, U16, U32, U64, U128, Array, Codec, Some, codec
from zkhost.errors import DecodeError, EncodeError

from .vectors import Box, Color, Dot, Level, Node, Shape, Wrapped

FORMATS = pytest.mark.parametrize("format", ["standard", "packed"])


@dataclass
class Line:
    price: U32
    tags: dict[str, U8]


@dataclass
class Order:
    id: U64
    lines: list[Line]
    note: str | None = None


@dataclass
class Impostor:
    price: U32
    tags: dict[str, U8]


@dataclass
class Even:
    value: U32

    def __post_init__(self) -> None:
        if self.value % 2:
            raise ValueError("odd")


NOT_VALUES: list[tuple[Any, Any, str]] = [
    (U8, 256, ""),
    (U8, -1, ""),
    (U8, 1.0, ""),
    (U8, "1", ""),
    (U8, None, ""),
    (U16, 65536, ""),
    (U32, 1 << 32, ""),
    (U64, 1 << 64, ""),
    (U64, -1, ""),
    (U128, 1 << 128, ""),
    (U128, -1, ""),
    (U128, 1.5, ""),
    (I8, 128, ""),
    (I8, -129, ""),
    (I16, 32768, ""),
    (c.I32, 1 << 31, ""),
    (c.I64, 1 << 63, ""),
    (c.I128, 1 << 127, ""),
    (c.I128, (-1 << 127) - 1, ""),
    (bool, 1, ""),
    (bool, None, ""),
    (bool, np.True_, ""),
    (c.F32, "1", ""),
    (c.F32, 1e39, ""),
    (c.F64, None, ""),
    (c.Char, "ab", ""),
    (c.Char, "", ""),
    (c.Char, "\ud800", ""),
    (c.Char, b"a", ""),
    (c.Char, 97, ""),
    (str, b"abc", ""),
    (str, "\udcff", ""),
    (str, 5, ""),
    (None, 0, ""),
    (None, (), ""),
    (bytes, "abc", ""),
    (bytes, 5, ""),
    (bytes, [1, 2], ""),
    (bytes, np.zeros(3, dtype=np.uint32), ""),
    (of(Array, U8, 4), b"abc", ""),
    (of(Array, U8, 4), b"abcde", ""),
    (c.SerdeBytes, "abc", ""),
    (list[U8], [1, 256], "[1]"),
    (list[U8], 3, ""),
    (list[U8], "abc", ""),
    (list[bool], [True, 2], "[1]"),
    (list[U16], [70000], "[0]"),
    (list[I8], [200], "[0]"),
    (list[U32], [1, -1], "[1]"),
    (list[U32], {1: 2}, ""),
    (list[U32], {1, 2}, ""),
    (list[U32], [1.0], "[0]"),
    (list[U32], array("Q", [1]), ""),
    (list[U32], np.zeros((2, 2), dtype=np.uint32), ""),
    (list[c.F32], [1e39], "[0]"),
    (list[c.F64], ["x"], "[0]"),
    (list[str], ["a", 1], "[1]"),
    (list[str], "ab", ""),
    (list[U32], iter([1]), ""),
    (tuple[U32, ...], 5, ""),
    (of(Array, U32, 2), [1], ""),
    (of(Array, U32, 2), [1, 2, 3], ""),
    (of(Array, str, 1), [], ""),
    (of(Array, U32, 2), "ab", ""),
    (Annotated[c.IntArray, U32], array("i", [1]), ""),
    (NDArray[np.uint32], np.zeros(2, dtype=np.int32), ""),
    (NDArray[np.uint32], np.zeros(2, dtype=">u4"), ""),
    (tuple[U8, U8], (1,), ""),
    (tuple[U8, U8], [1, 2], ""),
    (tuple[U8, U8], (1, 300), "[1]"),
    (tuple[()], (1,), ""),
    (dict[str, U8], [("a", 1)], ""),
    (dict[str, U8], {"a": 300}, "['a']"),
    (dict[str, U8], {1: 1}, "[1].key"),
    (dict[U8, U8], {"a": 1, 2: 3}, "['a'].key"),
    (set[U8], [1], ""),
    (set[U8], {300}, "[300].key"),
    (U8 | None, "x", ""),
    (Some[U8] | None, 5, ""),
    (Some[U8] | None, Some(300), ".value"),
    (Color, "RED", ""),
    (Color, Level.LOW, ""),
    (Level, 7, ""),
    (Shape, Shape(), ""),
    (Shape, 5, ""),
    (Shape, Box(1, 2, 3), ".label"),  # type: ignore[arg-type]
    (Shape, Dot(300), ".at"),
    (Wrapped, 5, ""),
    (Wrapped, Wrapped(300), ".value"),
    (Node, Node(1, [Node(2, [Node(3, 4)])]), ".children[0].children[0].children"),  # type: ignore[arg-type]
    (Order, Order(1, [Line(1, {}), Line(-1, {})]), ".lines[1].price"),
    (Order, Order(1, [Impostor(1, {})]), ".lines[0]"),  # type: ignore[list-item]
    (Order, Order(1, [Line(1, {"x": 256})]), ".lines[0].tags['x']"),
    (Order, Order(1, [], 5), ".note"),  # type: ignore[arg-type]
    (Order, {"id": 1}, ""),
]


@pytest.mark.parametrize(("type_", "value", "path"), NOT_VALUES)
@FORMATS
def test_encode_refuses(type_: Any, value: Any, path: str, format: str) -> None:
    with pytest.raises(EncodeError) as caught:
        codec(type_, format).encode(value)
    assert caught.value.path == path
    assert caught.value.expected
    assert (path or "the value") in str(caught.value)
    assert isinstance(caught.value, ValueError)


NOT_WORDS: list[tuple[Any, list[int], str, int, str]] = [
    (bool, [2], "", 0, "bool"),
    (U8, [256], "", 0, "u8"),
    (U16, [65536], "", 0, "u16"),
    (I8, [128], "", 0, "i8"),
    (of(Array, U8, 2), [1, 256], "[1]", 1, "u8"),
    (bytes, [300, *[1] * 299, 256], "[299]", 300, "u8"),
    (I8, [0xFFFF_FF7F], "", 0, "i8"),
    (I16, [32768], "", 0, "i16"),
    (c.Char, [0x11_0000], "", 0, "char"),
    (c.Char, [0xD800], "", 0, "char"),
    (str, [2, 0xC0C0], "", 1, "UTF-8"),
    (str, [5, 0x6161_6161], "", 1, "5 bytes"),
    (str, [1, 0x0161], "", 1, "padding"),
    (c.SerdeBytes, [2, 0x0101_0101], "", 1, "padding"),
    (str, [0xFFFF_FFFF], "", 1, "bytes"),
    (U8 | None, [2, 1], "", 0, "option"),
    (Color, [3], "", 0, "variant"),
    (Shape, [4], "", 0, "variant"),
    (list[U32], [3, 1, 2], "[2]", 3, "u32"),
    (list[U32], [0xFFFF_FFFF], "[0]", 1, "u32"),
    (list[str], [9, 1], "[0]", 2, "bytes"),
    (dict[U32, U32], [2, 2, 0, 1, 0], "[#1].key", 3, "ascending"),
    (dict[U32, U32], [2, 1, 0, 1, 0], "[#1].key", 3, "once"),
    (c.HashMap[U32, U32], [2, 1, 0, 1, 0], "[#1].key", 3, "once"),
    (set[U32], [2, 2, 1], "[1]", 2, "ascending"),
    (set[U32], [2, 2, 2], "[1]", 2, "once"),
    (tuple[U32, U64], [1, 2], "[1]", 2, "u64"),
    (U128, [1, 2, 3], "", 0, "u128"),
    (Order, [1, 0, 1, 5, 1, 1, 0x61, 256], ".lines[0].tags['a']", 7, "u8"),
    (Even, [3], "", 0, "Even accepts"),
    (Node, [1, 1, 2, 1, 3, 9], ".children[0].children[0].children[0].value", 6, "u8"),
    (U32, [1, 2], "", 1, "end of the input"),
    (Order, [1, 0, 0, 0, 7], "", 4, "end of the input"),
]


@pytest.mark.parametrize(("type_", "words", "path", "offset", "expected"), NOT_WORDS)
def test_decode_refuses(type_: Any, words: list[int], path: str, offset: int, expected: str) -> None:
    for error in refusals(codec(type_), words):
        assert (error.path, error.offset) == (path, offset)
        assert expected in error.expected
        assert error.found


def refusals(made: Codec[Any], words: list[int]) -> Iterator[DecodeError]:
    """How both ways in refuse the words: as bytes, which are decoded directly, and as ints, which become bytes first."""
    for data in (words, array("I", words).tobytes()):
        with pytest.raises(DecodeError) as caught:
            made.decode(data)
        yield caught.value


PACKED_NOT_WORDS: list[tuple[Any, list[int], str, int, str]] = [
    (U8, [0x0101], "", 0, "padding"),
    (tuple[U8, U32], [0x0101, 5], "[1]", 0, "padding"),
    (bytes, [1, 0x0101], "", 1, "padding"),
    (tuple[bytes, str], [1, 0x0101, 0], "[1]", 1, "padding"),
    (tuple[U8, bool], [0x0201], "[1]", 0, "bool"),
    (bytes, [5, 1], "[4]", 2, "u8"),
    (list[U8], [0xFFFF_FFFF, 0], "[4]", 2, "u8"),
    (list[bool], [1, 2], "[0]", 1, "bool"),
]


@pytest.mark.parametrize(("type_", "words", "path", "offset", "expected"), PACKED_NOT_WORDS)
def test_packed_decode_refuses(type_: Any, words: list[int], path: str, offset: int, expected: str) -> None:
    for error in refusals(codec(type_, "packed"), words):
        assert (error.path, error.offset) == (path, offset)
        assert expected in error.expected


@pytest.mark.parametrize("case", [*NOT_WORDS, *PACKED_NOT_WORDS])
@pytest.mark.parametrize("format", ["standard", "packed"])
def test_the_hint_names_strict_exactly_where_it_helps(case: tuple[Any, list[int], str, int, str], format: str) -> None:
    """A journal that a Rust host decodes: it ignores what only strict decoding refuses."""
    made = codec(case[0], format)
    try:
        made.decode(case[1])
    except DecodeError as error:
        helps = "strict=False" in (error.hint or "")
    else:
        return  # in the other format these are words of the type
    try:
        made.decode(case[1], strict=False)
    except DecodeError:
        assert not helps
    else:
        assert helps


def test_lax_accepts_what_rust_accepts() -> None:
    assert codec(str).decode([1, 0x0161], strict=False) == "a"
    assert codec(c.SerdeBytes).decode([1, 0x0161], strict=False) == b"a"
    assert codec(U8, "packed").decode([0x0101], strict=False) == 1
    assert codec(dict[U32, U32]).decode([3, 2, 5, 1, 6, 2, 7], strict=False) == {1: 6, 2: 7}
    assert codec(set[U32]).decode([2, 2, 2], strict=False) == {2}
    assert codec(U32).decode([1, 2, 3], strict=False) == 1
    for bad in ([2, 0], [256]):
        with pytest.raises(DecodeError):
            codec(tuple[bool, U8]).decode(bad, strict=False)
    with pytest.raises(DecodeError, match="padding"):
        codec(tuple[U8, U32], "packed").decode([0x0101, 5], strict=False)


@pytest.mark.parametrize("data", [b"abc", "words", 5, [1 << 32], [-1], ["a"], None])
def test_not_words_at_all(data: Any) -> None:
    with pytest.raises(DecodeError):
        codec(U32).decode(data)


def test_a_refusal_by_the_class_is_chained() -> None:
    with pytest.raises(DecodeError, match="odd") as caught:
        codec(list[Even]).decode([2, 2, 3])
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.path == "[1]"


def test_reader_gives_offsets_in_the_whole_input() -> None:
    reader = c.Reader([1, 7])
    assert reader.read(U32) == 1
    with pytest.raises(DecodeError) as caught:
        reader.read(bool)
    assert (caught.value.offset, reader.offset, reader.left) == (1, 1, 1)
    assert reader.read(U32) == 7
    with pytest.raises(DecodeError):
        reader.read(U32)


def test_unknown_format() -> None:
    with pytest.raises(c.SchemaError, match="tight"):
        codec(U8, "tight")
