"""The native engine: what it takes, what it leaves to the reference, and that it neither leaks nor leaves anything behind."""

from __future__ import annotations

import abc
import array
import enum
import gc
import mmap
import sys
import threading
import tracemalloc
import weakref
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.annotations import of
from zkhost.codec import (
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    Array,
    Char,
    Codec,
    Digest,
    HashMap,
    HashSet,
    IntArray,
    Len,
    SerdeBytes,
    Some,
    codec,
    newtype,
)
from zkhost.codec.native import native_functions
from zkhost.codec.reference import Reference, encode_value
from zkhost.errors import DecodeError, EncodeError

from .test_errors import NOT_VALUES, NOT_WORDS, PACKED_NOT_WORDS
from .vectors import VECTORS, Chain, Node

FORMATS = pytest.mark.parametrize("format", ["standard", "packed"])


class Color(enum.Enum):
    RED = 1
    GREEN = 2


@dataclass
class Order:
    key: Annotated[bytes, Len(32)]
    id: U64
    flag: bool
    note: str
    prices: list[U32]
    color: Color
    weight: float | None
    big: U128
    share: F32
    small: I16
    letter: Char


ORDER = Order(bytes(range(32)), 1 << 63, True, "né", [1, 2, 3], Color.GREEN, 0.5, 1 << 100, 0.25, -5, "ß")


class Refused(Exception):
    pass


def refuse(*_: Any, **__: Any) -> Any:
    raise Refused


def native(kind: Any, format: str = "standard") -> Any:
    """The native functions of a type, with a reference engine that refuses everything."""
    functions = native_functions(codec(kind).schema, format == "packed", (refuse, refuse, refuse))
    assert functions is not None
    return functions


def equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and (np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b)


def test_the_library_is_there() -> None:
    """Everything works without it, so only this would notice that it is not used."""
    made = codec(Order)
    made.decode_from(made.encode(ORDER))
    made.decode(made.encode(ORDER))
    for function in (made.encode, made.decode, made.decode_from):
        assert type(function).__name__ == "builtin_function_or_method"


@FORMATS
@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.name)
def test_it_takes_every_type(vector: Any, format: str) -> None:
    """Strictly or not, whole or as part of a stream, with nothing left to the reference."""
    encode, decode, decode_from = native(vector.type, format)
    words = encode(vector.value)
    assert words == encode_value(codec(vector.type).schema, vector.value, format == "packed")
    assert equal(decode(words), vector.value)
    assert equal(decode(words + bytes(4), strict=False), vector.value)
    for strict in (True, False):
        value, end = decode_from(b"\xff" * 8 + words + b"\x01\0\0\0", 2, strict)
        assert equal(value, vector.value)
        assert end == 2 + len(words) // 4


def test_it_takes_words_in_any_memory() -> None:
    _, decode, decode_from = native(list[tuple[U8, U32]])
    value = [(1, 2), (3, 4)]
    words = codec(list[tuple[U8, U32]]).encode(value)
    with mmap.mmap(-1, len(words)) as mapped:
        mapped.write(words)
        shapes: list[Any] = [bytearray(words), memoryview(words), mapped, np.frombuffer(words, np.uint32),
                             np.frombuffer(words, np.uint8), array.array("I", words),
                             list(memoryview(words).cast("I"))]  # fmt: skip
        for data in shapes:
            assert decode(data) == value
            assert decode_from(data, offset=0) == (value, 5)
    grown = bytearray(words)
    decode(grown)
    grown += b"x"  # nothing holds on to it


Pair = namedtuple("Pair", "a b")


class Number(int):
    pass


class Row(list[Any]):
    pass


#: A type, a usual value, and others that stand for it.
STAND_INS: list[tuple[Any, Any, list[Any]]] = [
    (U32, 7, [Number(7), np.uint32(7), np.int64(7)]),
    (U8, 1, [True]),
    (I64, -7, [np.int64(-7), Number(-7)]),
    (U128, 1 << 100, [Number(1 << 100)]),
    (F64, 2.0, [2, True + 1, np.float32(2.0)]),
    (F32, 0.5, [np.float64(0.5)]),
    (bytes, b"ab", [bytearray(b"ab"), memoryview(b"ab"), np.frombuffer(b"ab", np.uint8), memoryview(b"xaxb")[1::2]]),
    (SerdeBytes, b"ab", [bytearray(b"ab")]),
    (Digest, bytes(range(32)), [bytearray(range(32)), memoryview(bytes(range(32)))]),
    (str, "é", [type("Text", (str,), {})("é")]),
    (tuple[U8, U8], (1, 2), [Pair(1, 2)]),
    (list[U32], [1, 2, 3], [(1, 2, 3), Row([1, 2, 3]), array.array("I", [1, 2, 3]), np.array([1, 2, 3], np.uint32),
                            np.array([1, 9, 2, 9, 3], np.uint32)[::2], np.array([3, 2, 1], np.uint32)[::-1],
                            [Number(1), np.int8(2), 3]]),
    (Annotated[list[U32], Len(2)], [1, 2], [np.array([1, 2], np.uint32), array.array("I", [1, 2])]),
    (list[U8], [1, 2], [b"\1\2", bytearray(b"\1\2"), array.array("B", [1, 2])]),
    (list[I8], [-1, 2], [array.array("b", [-1, 2])]),
    (list[I16], [-1, 2], [array.array("h", [-1, 2])]),
    (list[U16], [1, 2], [array.array("H", [1, 2])]),
    (list[I32], [-1, 2], [array.array("i", [-1, 2])]),
    (list[U64], [1, 1 << 40], [array.array("L", [1, 1 << 40]), np.array([1, 1 << 40], np.uint64)]),
    (list[I64], [1, -2], [array.array("l", [1, -2]), array.array("q", [1, -2])]),
    (list[F32], [0.5], [array.array("f", [0.5]), [np.float32(0.5)]]),
    (list[F64], [0.5, 2.0], [array.array("d", [0.5, 2.0]), (0.5, 2)]),
    (list[bool], [True, False], [np.array([True, False])]),
    (list[str], ["a"], [("a",), Row(["a"])]),
    (dict[str, U8], {"a": 1, "b": 2}, [OrderedDict(b=2, a=1), defaultdict(int, {"b": 2, "a": 1})]),
    (dict[U32, U8], {1: 1}, [{Number(1): 1}, {np.uint32(1): 1}]),
    (set[U8], {1, 2}, [frozenset({1, 2}), type("Bag", (set,), {})({1, 2})]),
]  # fmt: skip


@FORMATS
@pytest.mark.parametrize(("kind", "usual", "others"), STAND_INS, ids=lambda v: str(v)[:30])
def test_it_takes_what_stands_for_a_value(kind: Any, usual: Any, others: list[Any], format: str) -> None:
    for inner, wrap in ((kind, lambda v: v), (tuple[U8, kind, U8], lambda v: (1, v, 2))):
        encode, _, _ = native(inner, format)
        for other in others:
            assert (
                encode(wrap(other))
                == encode(wrap(usual))
                == Reference(codec(inner).schema, format == "packed").encode(wrap(other))
            )


def test_a_hash_map_keeps_the_order_of_its_own_class() -> None:
    moved = OrderedDict([(1, 1), (2, 2)])
    moved.move_to_end(1)
    encode, _, _ = native(HashMap[U32, U32])
    assert encode(moved) == array.array("I", [2, 2, 2, 1, 1]).tobytes()


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 3000])
@pytest.mark.parametrize("item", [bool, U8, I8, U16, I16, U32, I32, U64, I64, F32, F64])
@FORMATS
def test_runs_of_numbers(item: Any, count: int, format: str) -> None:
    """Those at which the way of reading changes, with something before and after; then one number that is wrong."""
    node = codec(item).schema
    edges = [False, True] if item is bool else [0.5, -2.0] if item in (F32, F64) else [node.low, node.high, 1]  # type: ignore[attr-defined]
    for kind in (of(list, item), of(tuple, item, ...), of(Array, item, count)):
        items = [edges[i % len(edges)] for i in range(count)]
        value: tuple[int, Any, int] = (1, tuple(items) if kind == of(tuple, item, ...) else items, 2)
        if kind == of(Array, U8, count):
            value = (1, bytes(i % 256 for i in range(count)), 2)
        whole = of(tuple, U8, kind, U8)
        encode, decode, _ = native(whole, format)
        reference = Reference(codec(whole).schema, format == "packed")
        words = encode(value)
        assert words == reference.encode(value)
        assert decode(words) == reference.decode(words) == value
        if count:
            broken = bytearray(words)
            broken[-5 if format == "standard" else -4] ^= 0x80
            for data in (bytes(broken), words[:-4]):
                try:
                    expected = reference.decode(data)
                except DecodeError:
                    with pytest.raises(Refused):
                        decode(data)
                else:
                    assert decode(data) == expected


@FORMATS
def test_deep_values_need_no_recursion_of_pythons(format: str) -> None:
    encode, decode, _ = native(Node, format)
    tree = Node(1, [])
    for i in range(512):
        tree = Node(i % 256, [tree, Node(7, [])])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(120)
    try:
        words = encode(tree)
        again = decode(words)
    finally:
        sys.setrecursionlimit(limit)
    for _ in range(512):
        assert (again.value, again.children[1]) == (tree.value, Node(7, []))
        again, tree = again.children[0], tree.children[0]
    outcome: list[Any] = []
    size = threading.stack_size(1 << 20)
    try:
        thread = threading.Thread(target=lambda: outcome.append(encode(decode(words)) == words))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert outcome == [True]


#: Words that only lax decoding takes, and what it makes of them; what none takes has no value.
LAX: list[tuple[Any, str, list[int], Any]] = [
    (str, "standard", [1, 0x0161], "a"),
    (SerdeBytes, "packed", [1, 0x0161], b"a"),
    (tuple[U8, U8], "packed", [0xFF_0201], (1, 2)),
    (HashSet[U32], "standard", [2, 1, 1], {1}),
    (set[U32], "standard", [2, 2, 1], {1, 2}),
    (HashMap[U32, U8], "standard", [2, 1, 5, 1, 6], {1: 6}),
    (list[bool], "standard", [100, 2, *[1] * 99], None),
    (list[bool], "packed", [100, 2, *[1] * 24], None),
    (tuple[U8, U32], "packed", [0x0101, 5], None),
]


@pytest.mark.parametrize(("kind", "format", "words", "value"), LAX, ids=str)
def test_what_only_lax_decoding_takes(kind: Any, format: str, words: list[int], value: Any) -> None:
    _, decode, decode_from = native(kind, format)
    data = array.array("I", words).tobytes()
    with pytest.raises(Refused):
        decode(data)
    if value is None:
        with pytest.raises(Refused):
            decode(data, strict=False)
    else:
        assert decode(data, strict=False) == value
        assert decode_from(data, 0, False) == (value, len(words))


@FORMATS
def test_limits_are_those_of_the_reference(format: str) -> None:
    """Of nesting, and of elements that take no words."""
    encode, decode, _ = native(Chain, format)
    chain = None
    for _ in range(513):
        chain = Chain(1, chain)
    assert decode(encode(chain)) is not None
    with pytest.raises(Refused):
        encode(Chain(1, chain))
    with pytest.raises(Refused):
        decode(array.array("I", [1, 1] * 513 + [1, 0]).tobytes())
    _, decode, _ = native(list[list[None]], format)
    assert len(decode(array.array("I", [2, 65_535, 1]).tobytes())) == 2
    with pytest.raises(Refused):
        decode(array.array("I", [2, 65_535, 2]).tobytes())


def test_keys_in_rusts_order() -> None:
    """Each row ascends as Rust's derived Ord says; written in any order, strict decoding refuses all others."""
    rows: list[tuple[Any, list[Any]]] = [
        (str, ["", "\0", "\0a", "a", "a\0", "a\0b", "aa", "b", "é", "\U00010000"]),
        (bytes, [b"", b"\0", b"\0\0", b"\0\1", b"\1", b"\xff", b"\xff\0"]),
        (I8, [-128, -1, 0, 127]),
        (I64, [-(1 << 63), -1, 0, 5]),
        (U128, [0, 1, 1 << 64, 1 << 127]),
        (I128, [-(1 << 127), -(1 << 64), -1, 0, 1, 1 << 64, (1 << 127) - 1]),
        (bool, [False, True]),
        (Char, ["a", "\uffff", "\U00010000"]),
        (Some[U8 | None] | None, [None, Some(None), Some(0), Some(255)]),
        (tuple[U8, ...], [(), (0,), (0, 0), (1,), (255,)]),
        (tuple[str, ...], [(), ("",), ("", ""), ("a",), ("a", ""), ("b",)]),
        (tuple[str, U8], [("", 9), ("\0", 0), ("a", 1), ("a", 2)]),
        (frozenset[U8], [frozenset(), frozenset({0}), frozenset({0, 9}), frozenset({1})]),
        (Color, [Color.RED, Color.GREEN]),
        (Digest, [bytes(32), bytes(4) + b"\1" + bytes(27), b"\1" + bytes(31), b"\0\1" + bytes(30),
                  b"\0\0\1" + bytes(29)]),
    ]  # fmt: skip
    for kind, ascending in rows:
        encode, decode, _ = native(of(dict, kind, U8))
        words = encode(dict.fromkeys(reversed(ascending), 7))
        assert list(decode(words)) == ascending
        encode_any, _, _ = native(of(HashMap, kind, U8))
        assert words == encode_any(dict.fromkeys(ascending, 7))
        with pytest.raises(Refused):
            decode(encode_any(dict.fromkeys(reversed(ascending), 7)))
        assert set(decode(encode_any(dict.fromkeys(reversed(ascending), 7)), strict=False)) == set(ascending)
        _, decode_set, _ = native(of(set, kind))
        assert decode_set(native(of(set, kind))[0](set(ascending))) == set(ascending)


def test_a_dict_that_changes_while_it_is_encoded() -> None:
    items: dict[int, Any] = {}

    @dataclass
    class Sly:
        a: U32

        def __getattribute__(self, name: str) -> Any:
            if name == "a":
                items.clear()
                gc.collect()
            return object.__getattribute__(self, name)

    items |= {1: Sly(2), 3: Sly(4)}
    encode, _, _ = native(dict[U32, Sly])
    assert encode(items) == array.array("I", [2, 1, 2, 3, 4]).tobytes(), "what was there when it began"


def test_a_list_that_changes_while_its_numbers_are_read() -> None:
    items: list[Any] = []

    class Sly:
        def __init__(self, change: Any) -> None:
            self.change = change

        def __index__(self) -> int:
            self.change()
            gc.collect()
            return 1

    encode, _, _ = native(list[U32])
    for change in (items.clear, lambda: items.append(5)):
        items[:] = [Sly(change), 2, 3]
        with pytest.raises(Refused):
            encode(items)


def test_decode_from_takes_offsets_within_the_words() -> None:
    made = codec(U32)
    words = made.encode(7) * 3
    assert made.decode_from(words, 2) == (7, 3)
    assert codec(None).decode_from(words, 3) == (None, 3)
    for offset in (-1, 4, 1 << 40):
        with pytest.raises(DecodeError, match="an offset from 0 to 3"):
            made.decode_from(words, offset)
    with pytest.raises(TypeError):
        made.decode_from(words, "1")  # type: ignore[arg-type]


@FORMATS
@pytest.mark.parametrize("size", [0, 1, 3, 4, 255, 1000, 1 << 14, 32_767, 32_768, 65_535, 65_537, 300_001])
def test_long_bytes_between_others(format: str, size: int) -> None:
    """Whatever goes past the encoder's buffer, at any place in a word."""
    kind = tuple[U8, bytes, U8, SerdeBytes, list[tuple[U8, bytes]], U16]
    data = bytes(i * 7 % 251 for i in range(size))
    for value in ((1, data, 2, b"x", [], 3), (1, b"y", 2, data, [(5, data), (6, data[:-1])], 3)):
        made: Codec[Any] = codec(kind, format)
        words = made.encode(value)
        assert words == Reference(made.schema, format == "packed").encode(value)
        assert made.decode(words) == value


@newtype
@dataclass
class Blob:
    data: bytes


def test_a_newtype_is_no_level_of_its_own() -> None:
    for value in (Blob(b"abcde"), Some(Blob(b"abcde"))):
        made: Codec[Any] = codec(Blob if isinstance(value, Blob) else Some[Blob] | None, "packed")
        assert made.encode(value) == Reference(made.schema, True).encode(value)
        assert made.decode(made.encode(value)) == value


@FORMATS
def test_a_buffer_that_fills_up_inside_a_word(format: str) -> None:
    values = [(i % 256, bytes([i % 251]) * 33) for i in range(20_000)]
    made: Codec[Any] = codec(list[tuple[U8, Annotated[bytes, Len(33)]]], format)
    words = made.encode(values)
    assert words == Reference(made.schema, format == "packed").encode(values)
    assert made.decode(words) == values


@FORMATS
def test_many_elements(format: str) -> None:
    values = [(i % 256, bytes(i % 70), i) for i in range(150_000)]
    made: Codec[Any] = codec(list[tuple[U8, bytes, U32]], format)
    words = made.encode(values)
    assert words == Reference(made.schema, format == "packed").encode(values)
    gc.enable()
    assert made.decode(words) == values
    assert gc.isenabled()


def test_arguments_by_name() -> None:
    encode, decode, decode_from = native(U32)
    words = encode(7)
    assert decode(data=words, strict=True) == 7
    assert decode(words + bytes(4), strict=False) == 7
    assert decode(words + bytes(4), 0) == 7
    assert decode_from(strict=False, offset=1, data=bytes(4) + words) == (7, 2)
    for wrong in ({"lax": True}, {"data": words}):
        with pytest.raises(Refused):
            decode(words, **wrong)


@FORMATS
def test_errors_are_those_of_the_reference(format: str) -> None:
    made: Codec[Any] = codec(Order, format)
    general = Reference(made.schema, format == "packed")
    for change in (
        {"id": -1},
        {"id": 1 << 64},
        {"note": "\ud800"},
        {"prices": [1, "x"]},
        {"key": b""},
        {"big": 1 << 128},
    ):
        wrong = Order(**{**ORDER.__dict__, **change})
        with pytest.raises(EncodeError) as fast:
            made.encode(wrong)
        with pytest.raises(EncodeError) as slow:
            general.encode(wrong)
        assert str(fast.value) == str(slow.value)
        assert fast.value.path == slow.value.path == "." + next(iter(change)) + ("[1]" if "prices" in change else "")
    words = made.encode(ORDER)
    for broken in (words[:-4], words + bytes(4), bytes(len(words)), b"\xff" * len(words), words[:-1], b""):
        with pytest.raises(DecodeError) as fast_decode:
            made.decode(broken)
        with pytest.raises(DecodeError) as slow_decode:
            general.decode(broken)
        assert str(fast_decode.value) == str(slow_decode.value)
    with pytest.raises(TypeError):
        made.decode()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        made.decode(words, True, 3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        made.decode(words, lax=True)  # type: ignore[call-arg]


@FORMATS
def test_refusals(format: str) -> None:
    """Whatever the reference refuses, alone or inside a tuple, is left to it."""
    for kind, value, _ in NOT_VALUES:
        for inner, wrapped in ((kind, value), (of(tuple, kind), (value,))):
            with pytest.raises(Refused):
                native(inner, format)[0](wrapped)
    refused = 0
    for kind, words_of in [(kind, words) for kind, words, *_ in (*NOT_WORDS, *PACKED_NOT_WORDS)]:
        for inner in (kind, of(tuple, kind)):
            _, decode, _ = native(inner, format)
            data = array.array("I", words_of).tobytes()
            try:
                expected = Reference(codec(inner).schema, format == "packed").decode(data)
            except DecodeError:
                refused += 1
                with pytest.raises(Refused):
                    decode(data)
            else:
                assert decode(data) == expected
    assert refused > 60


def test_a_length_that_lies_takes_no_memory() -> None:
    made: Codec[Any] = codec(list[tuple[U8, U8]], "packed")
    with pytest.raises(DecodeError):
        made.decode(b"\xff" * 8)
    tracemalloc.start()
    with pytest.raises(DecodeError):
        made.decode((1 << 20).to_bytes(4, "little") + bytes(64))
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


@dataclass
class Checked:
    interrupted: ClassVar[bool] = False

    a: U32
    seen: list[U32] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.a == 13:
            raise ValueError("thirteen")
        if self.a == 14 and not Checked.interrupted:
            Checked.interrupted = True
            raise KeyboardInterrupt
        self.a += 0


@dataclass(frozen=True, slots=True)
class Frozen:
    a: U32
    b: I64


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> int: ...


@dataclass
class Vague(Shape):
    a: U32


def test_classes_are_made_as_their_constructors_make_them() -> None:
    checked: Codec[Any] = codec(Checked)
    assert checked.decode(checked.encode(Checked(1, [2]))) == Checked(1, [2])
    with pytest.raises(DecodeError, match="thirteen"):
        checked.decode((13).to_bytes(4, "little") + bytes(4))
    with pytest.raises(KeyboardInterrupt):  # and not once more by the reference, which would swallow this one
        checked.decode((14).to_bytes(4, "little") + bytes(4))
    frozen = codec(Frozen).decode(codec(Frozen).encode(Frozen(1, -2)))
    assert frozen == Frozen(1, -2)
    assert hash(frozen) == hash(Frozen(1, -2))
    with pytest.raises(DecodeError, match="abstract"):
        codec(Vague).decode(bytes(4))


def test_a_property_may_change_what_is_being_encoded() -> None:
    items: list[Any] = []

    @dataclass
    class Sly:
        a: U32
        b: U32

        def __getattribute__(self, name: str) -> Any:
            if name == "a":
                items.clear()
                gc.collect()
            return object.__getattribute__(self, name)

    items += [Sly(1, 2), Sly(3, 4), Sly(5, 6)]
    made: Codec[Any] = codec(list[Sly])
    assert made.encode(items) == bytes(4), "the first element is held to its end; then the reference finds none"


def test_nothing_leaks() -> None:
    """Neither values nor codecs, whether all goes well or not."""
    kind = tuple[
        Order, list[Some[U8] | None], dict[str, set[U8]], NDArray[np.uint32], Annotated[IntArray, U8], Digest, Node
    ]
    made: Codec[Any] = codec(kind)
    rest = ({"a": {1, 2}, "b": set()}, np.arange(99, dtype=np.uint32), array.array("B", b"x" * 99), bytes(32),
            Node(1, [Node(2, [])]))  # fmt: skip
    value = (ORDER, [None, Some(3)], *rest)
    words = made.encode(value)

    def work() -> None:
        for _ in range(300):
            made.decode(made.encode(value), strict=False)
            made.decode_from(bytearray(words))
            for broken in (words[:40], words[:-4], words + bytes(4)):
                with pytest.raises(DecodeError):
                    made.decode(broken)
            with pytest.raises(EncodeError):
                made.encode((ORDER, [None, Some(300)], *rest))
            with pytest.raises(EncodeError):
                made.encode((ORDER, [], {"a": {1, 300}}, *rest[1:]))

    def blocks() -> int:
        gc.collect()
        return len(gc.get_objects())

    tracemalloc.start()
    work()
    before, counted = tracemalloc.get_traced_memory()[0], blocks()
    work()
    assert tracemalloc.get_traced_memory()[0] - before < 20_000
    tracemalloc.stop()
    assert blocks() - counted < 100


def test_a_codec_and_its_classes_can_go() -> None:
    @dataclass
    class Local:
        a: U32

    made: Codec[Any] = codec(tuple[Local, U8], namespace={"x": 1})
    made.decode_from(made.encode((Local(1), 2)))
    gone = weakref.ref(Local)
    del made, Local
    gc.collect()
    assert gone() is None


def test_threads() -> None:
    made = codec(Order)
    words = made.encode(ORDER)
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(2000):
            if made.encode(ORDER) != words or made.decode(words) != ORDER:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
