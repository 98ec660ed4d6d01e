"""Literal vectors: a type, a value, its standard words and its packed words. None of them was made by this codec.

The standard ones follow risc0-zkvm 3.0.6 `serde/serializer.rs` (and include its own tests), the packed ones
l2r0-small-serde 0.20.1 (`published` marks the vectors of its tests).
"""

from __future__ import annotations

import enum
from array import array
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, NewType, TypeVar

import numpy as np
from numpy.typing import NDArray

from tests.annotations import of
from zkhost import codec as c
from zkhost.codec import I8, I16, I32, I64, I128, U8, U16, U32, U64, U128, Array, Some

T = TypeVar("T")
M = 0xFFFF_FFFF


class Vector(NamedTuple):
    """`packed` is None where it equals `standard`."""

    name: str
    type: Any
    value: Any
    standard: list[int]
    packed: list[int] | None = None


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 100
    HIGH = 7


@c.enum
class Shape: ...


@dataclass(frozen=True)
class Empty(Shape): ...


@c.newtype
@dataclass(frozen=True)
class Dot(Shape):
    at: U8


@c.tuple_struct
@dataclass(frozen=True)
class Pair(Shape):
    a: U8
    b: U16


@dataclass(frozen=True)
class Box(Shape):
    w: U8
    h: U8
    label: str


@dataclass(frozen=True)
class Yes(Generic[T]):
    value: T


@dataclass(frozen=True)
class No:
    pass


Maybe = Annotated[Yes[T] | No, c.Tagged("Maybe")]


@dataclass
class Node:
    value: U8
    children: list[Node]


@dataclass
class Chain:
    value: U32
    next: Chain | None


@c.newtype
@dataclass(frozen=True)
class Wrapped:
    value: U8


@c.tuple_struct
@dataclass(frozen=True)
class Point:
    x: U8
    y: U8


@dataclass
class Unit:
    pass


@dataclass
class Both(Generic[T]):
    a: T
    b: T


@dataclass
class Flags:
    on: bool
    level: U8
    size: U32
    off: bool


Height = NewType("Height", U64)


@dataclass
class Published:
    """`TestType` of l2r0-small-serde's test_mixed_struct."""

    wrapped_u8_seq: list[Wrapped]
    u16_seq: list[U16]
    u32_seq: list[U32]
    u64_seq: list[U64]
    i8_seq: list[I8]
    i16_seq: list[I16]
    i32_seq: list[I32]
    i64_seq: list[I64]
    u8: U8
    bool: bool
    some_u16: U16 | None
    none_u32: U32 | None
    string_seq: bytes
    string_seq_seq: list[bytes]


@dataclass
class Risc0:
    """`Test` of risc0's serializer tests (with floats that Python can write exactly)."""

    bool: bool
    i8: I8
    u8: U8
    i16: I16
    u16: U16
    i32: I32
    u32: U32
    f32: c.F32
    i64: I64
    u64: U64
    f64: c.F64


PUBLISHED = Published(
    [Wrapped(1), Wrapped(231), Wrapped(123)], [124, 41374], [14710471, 3590275702, 1, 2],
    [352905235952532, 2147102974910410], [-1, 120, -22], [-7932], [-4327, 35207277], [-1, 1], 3, True, 5, None,
    b"Here is a string.", [b"string a", b"34720471290497230"],
)  # fmt: skip
PUBLISHED_PACKED = [
    3, 8120065, 2, 124, 41374, 4, 14710471, 3590275702, 1, 2, 2, 658142100, 82167, 1578999754, 499911, 3, 4294967295,
    120, 4294967274, 1, 4294959364, 2, 4294962969, 35207277, 2, 4294967295, 4294967295, 1, 0, 259, 1, 5, 0, 17,
    1701995848, 544434464, 1953701985, 1735289202, 46, 2, 8, 1769108595, 1629513582, 17, 842478643, 825701424,
    875575602, 858928953, 48,
]  # fmt: skip
PUBLISHED_STANDARD = [
    3, 1, 231, 123, 2, 124, 41374, 4, 14710471, 3590275702, 1, 2, 2, 658142100, 82167, 1578999754, 499911, 3,
    4294967295, 120, 4294967274, 1, 4294959364, 2, 4294962969, 35207277, 2, 4294967295, 4294967295, 1, 0, 3, 1, 1, 5, 0,
    17, *b"Here is a string.", 2, 8, *b"string a", 17, *b"34720471290497230",
]  # fmt: skip

VECTORS = [
    Vector("bool false", bool, False, [0]),
    Vector("bool true", bool, True, [1]),
    Vector("u8", U8, 255, [255]),
    Vector("u16", U16, 65535, [65535]),
    Vector("u32", U32, M, [M]),
    Vector("u64", U64, 0x1_0000_0002, [2, 1]),
    Vector("u128", U128, (4 << 96) + (3 << 64) + (2 << 32) + 1, [1, 2, 3, 4]),
    Vector("u128 max", U128, (1 << 128) - 1, [M, M, M, M]),
    Vector("i8", I8, -128, [0xFFFF_FF80]),
    Vector("i8 positive", I8, 127, [127]),
    Vector("i16", I16, -5, [0xFFFF_FFFB]),
    Vector("i32", I32, -1, [M]),
    Vector("i64", I64, -2, [0xFFFF_FFFE, M]),
    Vector("i128", I128, -1 << 127, [0, 0, 0, 0x8000_0000]),
    Vector("f32", c.F32, 1.5, [0x3FC0_0000]),
    Vector("f64", c.F64, -2.0, [0, 0xC000_0000]),
    Vector("float is f64", float, 1.0, [0, 0x3FF0_0000]),
    Vector("f32 inf", c.F32, float("inf"), [0x7F80_0000]),
    Vector("char", c.Char, "\U0001f600", [0x1F600]),
    Vector("str empty", str, "", [0]),
    Vector("str", str, "abc", [3, 0x0063_6261]),
    Vector("str of a word", str, "abcd", [4, 0x6463_6261]),
    Vector("str in UTF-8", str, "é€", [5, 0x82E2_A9C3, 0xAC]),
    Vector("str with nul", str, "a\0", [2, 0x61]),
    Vector("unit", None, None, []),
    Vector("Vec<u8>", bytes, b"\x01\x02\x03\x04\x05", [5, 1, 2, 3, 4, 5], [5, 0x0403_0201, 5]),
    Vector("Vec<u8> empty", bytes, b"", [0]),
    Vector("Vec<u8> as list", list[U8], [1, 255], [2, 1, 255], [2, 0xFF01]),
    Vector("[u8; 5]", of(Array, U8, 5), b"\x01\x02\x03\x04\x05", [1, 2, 3, 4, 5], [0x0403_0201, 5]),
    Vector("[u8; 0]", of(Array, U8, 0), b"", []),
    Vector("serde bytes", c.SerdeBytes, b"\x01\x02\x03\x04\x05", [5, 0x0403_0201, 5]),
    Vector("digest", c.Digest, bytes(range(32)), [0x0302_0100 + 0x0404_0404 * i for i in range(8)]),
    Vector("byte, digest, byte", tuple[U8, c.Digest, U8], (1, b"\xff" * 32, 2), [1, *[M] * 8, 2]),
    Vector("None", U32 | None, None, [0]),
    Vector("Some", U32 | None, 9, [1, 9]),
    Vector("Some(u8) at depth 0", U8 | None, 9, [1, 9]),
    Vector("Some(None)", Some[U8 | None] | None, Some(None), [1, 0]),
    Vector("Some(Some)", Some[U8 | None] | None, Some(7), [1, 1, 7]),
    Vector("Option<Option>> None", Some[U8 | None] | None, None, [0]),
    Vector("Option<()>", Some[None] | None, Some(None), [1]),
    Vector("Vec<u16>", list[U16], [1, 65535], [2, 1, 65535]),
    Vector("Vec<i8>", list[I8], [-1, 2], [2, M, 2]),
    Vector("Vec<i16>", list[I16], [-2], [1, 0xFFFF_FFFE]),
    Vector("Vec<u32>", list[U32], [1, 2, M], [3, 1, 2, M]),
    Vector("Vec<u64>", list[U64], [1, 1 << 32], [2, 1, 0, 0, 1]),
    Vector("Vec<bool>", list[bool], [True, False, True, True, True], [5, 1, 0, 1, 1, 1], [5, 0x0101_0001, 1]),
    Vector("Vec<f32>", list[c.F32], [1.5], [1, 0x3FC0_0000]),
    Vector("Vec<char>", list[c.Char], ["a", "é"], [2, 0x61, 0xE9]),
    Vector("Vec<String>", list[str], ["a", "bcde"], [2, 1, 0x61, 4, 0x6564_6362]),
    Vector("Vec<()>", list[None], [None, None], [2]),
    Vector("Vec as tuple", tuple[U32, ...], (1, 2), [2, 1, 2]),
    Vector("[u16; 2]", Annotated[list[U16], c.Len(2)], [3, 4], [3, 4]),
    Vector("[u32; 3]", of(Array, U32, 3), [3, 4, 5], [3, 4, 5]),
    Vector("[bool; 3]", of(Array, bool, 3), [True, False, True], [1, 0, 1], [0x0001_0001]),
    Vector("array.array", Annotated[c.IntArray, U32], array("I", [1, 2]), [2, 1, 2]),
    Vector("array.array u8", Annotated[c.IntArray, U8], array("B", [1, 2]), [2, 1, 2], [2, 0x0201]),
    Vector("array.array f64", Annotated[c.FloatArray, c.F64], array("d", [-2.0]), [1, 0, 0xC000_0000]),
    Vector("numpy bool", NDArray[np.bool_], np.array([True, False]), [2, 1, 0], [2, 1]),
    Vector("numpy", NDArray[np.uint32], np.array([1, 2], dtype=np.uint32), [2, 1, 2]),
    Vector("numpy i16", NDArray[np.int16], np.array([-1, 2], dtype=np.int16), [2, M, 2]),
    Vector("numpy fixed", Annotated[NDArray[np.uint64], c.Len(1)], np.array([1 << 32], dtype=np.uint64), [0, 1]),
    Vector("()", tuple[()], (), []),
    Vector("(u8, u8)", tuple[U8, U8], (1, 2), [1, 2], [0x0201]),
    Vector("nested tuples", tuple[tuple[U8, U8], tuple[U8, U8]], ((1, 2), (3, 4)), [1, 2, 3, 4], [0x0403_0201]),
    Vector("byte, Vec, byte", tuple[U8, bytes, U8], (4, b"\x05", 6), [4, 1, 5, 6], [4, 1, 0x0605]),
    Vector("byte, i8", tuple[U8, I8, U8], (1, -1, 2), [1, M, 2]),
    Vector("byte, unit, byte", tuple[U8, None, U8], (1, None, 2), [1, 2], [0x0201]),
    Vector("byte, option, byte", tuple[U8, U8 | None, U8], (1, 2, 3), [1, 1, 2, 3], [1, 1, 0x0302]),
    Vector("byte, none, byte", tuple[U8, U8 | None, U8], (1, None, 3), [1, 0, 3]),
    Vector("byte, u128", tuple[U8, U128], (1, 2), [1, 2, 0, 0, 0]),
    Vector("byte, str, byte", tuple[U8, str, U8], (1, "abc", 2), [1, 3, 0x0063_6261, 2]),
    Vector("byte, serde bytes", tuple[U8, c.SerdeBytes, U8], (1, b"a", 2), [1, 1, 0x61, 2]),
    Vector("byte, f32", tuple[U8, c.F32], (1, 1.5), [1, 0x3FC0_0000]),
    Vector("byte, char", tuple[U8, c.Char], (1, "a"), [1, 0x61]),
    Vector("byte, empty Vec, byte", tuple[U8, bytes, U8], (1, b"", 2), [1, 0, 2]),
    Vector("Vec of Vec", list[bytes], [b"\x01", b"\x02\x03"], [2, 1, 1, 2, 2, 3], [2, 1, 1, 2, 0x0302]),
    Vector("Vec of pairs", list[tuple[U8, U8]], [(1, 2), (3, 4), (5, 6)],
           [3, 1, 2, 3, 4, 5, 6], [3, 0x0403_0201, 0x0605]),
    Vector("five bytes", tuple[U8, U8, U8, U8, U8], (1, 2, 3, 4, 5), [1, 2, 3, 4, 5], [0x0403_0201, 5]),
    Vector("published tuple", tuple[bytes, U32, U8, U8, bytes, U8], (b"\0\1", 8, 7, 222, b"\1\1\1\1\1", 5),
           [2, 0, 1, 8, 7, 222, 5, 1, 1, 1, 1, 1, 5], [2, 256, 8, 56839, 5, 16843009, 1281]),
    Vector("published struct", Published, PUBLISHED, PUBLISHED_STANDARD, PUBLISHED_PACKED),
    Vector("risc0's struct", Risc0, Risc0(True, -4, 4, -5, 5, -6, 6, 1.5, -7, 7, 2.5),
           [1, M - 3, 4, M - 4, 5, M - 5, 6, 0x3FC0_0000, M - 6, M, 7, 0, 0, 0x4004_0000]),
    Vector("newtype at depth 0", Wrapped, Wrapped(9), [9]),
    Vector("newtypes packed", tuple[Wrapped, Wrapped], (Wrapped(1), Wrapped(2)), [1, 2], [0x0201]),
    Vector("tuple struct", Point, Point(1, 2), [1, 2], [0x0201]),
    Vector("unit struct", Unit, Unit(), []),
    Vector("struct of flags", Flags, Flags(True, 5, 9, True), [1, 5, 9, 1], [0x0501, 9, 1]),
    Vector("generic struct", Both[U8], Both(1, 2), [1, 2], [0x0201]),
    Vector("generic, other argument", Both[U16], Both(1, 2), [1, 2]),
    Vector("NewType", Height, 1 << 32, [0, 1]),
    Vector("unit enum", Color, Color.BLUE, [2]),
    Vector("unit enum by position", Level, Level.HIGH, [1]),
    Vector("enum unit", Shape, Empty(), [0]),
    Vector("enum newtype at depth 0", Shape, Dot(7), [1, 7]),
    Vector("enum tuple", Shape, Pair(1, 2), [2, 1, 2]),
    Vector("enum struct", Shape, Box(1, 2, "a"), [3, 1, 2, 1, 0x61], [3, 0x0201, 1, 0x61]),
    Vector("enums in a row", tuple[U8, Shape, U8], (9, Dot(1), 2), [9, 1, 1, 2], [9, 1, 0x0201]),
    Vector("tagged union", of(Maybe, U8), Yes(5), [0, 5]),
    Vector("tagged union, unit", of(Maybe, U8), No(), [1]),
    Vector("recursive", Node, Node(1, [Node(2, []), Node(3, [])]), [1, 2, 2, 0, 3, 0]),
    Vector("recursive option", Chain, Chain(1, Chain(2, None)), [1, 1, 2, 0]),
    Vector("BTreeMap in order", dict[str, U32], {"foo": 1, "bar": 2}, [2, 3, 0x0072_6162, 2, 3, 0x006F_6F66, 1]),
    Vector("BTreeMap of bytes", dict[U8, U8], {2: 9, 1: 8}, [2, 1, 8, 2, 9], [2, 0x0902_0801]),
    Vector("HashMap as it is", c.HashMap[U32, U32], {2: 9, 1: 8}, [2, 2, 9, 1, 8]),
    Vector("BTreeSet", set[I8], {1, -1}, [2, M, 1]),
    Vector("frozenset", frozenset[U8], frozenset({3, 1}), [2, 1, 3], [2, 0x0301]),
    Vector("HashSet", c.HashSet[U32], {5}, [1, 5]),
    Vector("map of tuples", dict[tuple[U8, str], None], {(1, "b"): None, (1, "a"): None}, [2, 1, 1, 0x61, 1, 1, 0x62]),
]  # fmt: skip
