"""The fast path of the codec: what it takes, what it hands over, and that it neither leaks nor leaves anything behind."""

from __future__ import annotations

import abc
import array
import enum
import gc
import threading
import tracemalloc
import weakref
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from zkhost.codec import F32, I16, I64, U8, U16, U32, U64, U128, Array, Char, Codec, SerdeBytes, Some, codec, newtype
from zkhost.codec.general import General
from zkhost.codec.native import native_functions
from zkhost.codec.ref_decode import decode_value
from zkhost.codec.ref_encode import encode_value
from zkhost.errors import DecodeError, EncodeError

from .test_errors import NOT_VALUES, NOT_WORDS, PACKED_NOT_WORDS
from .vectors import VECTORS

FORMATS = pytest.mark.parametrize("format", ["standard", "packed"])


class Color(enum.Enum):
    RED = 1
    GREEN = 2


@dataclass
class Order:
    key: Array[U8, 32]  # type: ignore[valid-type]
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


def is_fast(made: Codec[Any]) -> bool:
    made.decode(made.encode(ORDER))
    return type(made.encode).__name__ == "builtin_function_or_method"


def test_the_library_is_there() -> None:
    """Everything works without it, so only this would notice that it is not used."""
    assert is_fast(codec(Order))
    assert is_fast(codec(Order, "packed"))


@FORMATS
@pytest.mark.parametrize("size", [0, 1, 3, 4, 255, 1000, 1 << 14, 32_767, 32_768, 65_535, 65_537, 300_001])
def test_long_bytes_between_others(format: str, size: int) -> None:
    """Whatever goes past the encoder's buffer, at any place in a word."""
    kind = tuple[U8, bytes, U8, SerdeBytes, list[tuple[U8, bytes]], U16]
    data = bytes(i * 7 % 251 for i in range(size))
    for value in ((1, data, 2, b"x", [], 3), (1, b"y", 2, data, [(5, data), (6, data[:-1])], 3)):
        made: Codec[Any] = codec(kind, format)
        words = made.encode(value)
        assert words == General(made.schema, format == "packed").encode(value)
        assert made.decode(words) == value


@newtype
@dataclass
class Blob:
    data: bytes


def test_a_newtype_is_no_level_of_its_own() -> None:
    for value in (Blob(b"abcde"), Some(Blob(b"abcde"))):
        made: Codec[Any] = codec(Blob if isinstance(value, Blob) else Some[Blob] | None, "packed")
        assert made.encode(value) == General(made.schema, True).encode(value)
        assert made.decode(made.encode(value)) == value


@FORMATS
def test_a_buffer_that_fills_up_inside_a_word(format: str) -> None:
    values = [(i % 256, bytes([i % 251]) * 33) for i in range(20_000)]
    made: Codec[Any] = codec(list[tuple[U8, Array[U8, 33]]], format)
    words = made.encode(values)
    assert words == General(made.schema, format == "packed").encode(values)
    assert made.decode(words) == values


@FORMATS
def test_many_elements(format: str) -> None:
    values = [(i % 256, bytes(i % 70), i) for i in range(150_000)]
    made: Codec[Any] = codec(list[tuple[U8, bytes, U32]], format)
    words = made.encode(values)
    assert words == General(made.schema, format == "packed").encode(values)
    gc.enable()
    assert made.decode(words) == values
    assert gc.isenabled()


def test_unusual_values_are_taken_by_the_general_way() -> None:
    class Number(int):
        pass

    made: Codec[Any] = codec(tuple[U32, bytes, tuple[U8, ...], str])
    usual = (7, b"ab", (1, 2), "x")
    unusual = (Number(7), bytearray(b"ab"), array.array("B", [1, 2]), type("Text", (str,), {})("x"))
    assert made.encode(unusual) == made.encode(usual)
    words = made.encode(usual)
    assert made.decode(bytearray(words)) == usual
    assert made.decode(data=words, strict=True) == usual
    assert made.decode(words + bytes(4), strict=False) == usual
    assert made.decode(words + bytes(4), False) == usual


@FORMATS
def test_errors_are_those_of_the_general_way(format: str) -> None:
    made: Codec[Any] = codec(Order, format)
    general = General(made.schema, format == "packed")
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


class Refused(Exception):
    pass


def refuse(*_: Any) -> Any:
    raise Refused


@FORMATS
def test_vectors_and_refusals_one_tuple_deep(format: str) -> None:
    """Inside a tuple every type that has a fast form uses it; each verdict is that of the reference walkers."""
    packed = format == "packed"
    fast = 0
    for kind, value in [(v.type, v.value) for v in VECTORS] + [(kind, value) for kind, value, _ in NOT_VALUES]:
        node = codec(tuple[kind]).schema
        functions = native_functions(node, packed, refuse, refuse)
        if functions is None:
            continue
        encode, decode = functions
        try:
            words = encode((value,))
        except Refused:
            continue
        fast += 1
        assert words == encode_value(node, (value,), packed)
        assert decode(words) == (value,)
    assert fast > 60
    refused = 0
    for kind, words_of in [(kind, words) for kind, words, *_ in (*NOT_WORDS, *PACKED_NOT_WORDS)]:
        node = codec(tuple[kind]).schema
        functions = native_functions(node, packed, refuse, refuse)
        if functions is None:
            continue
        data = array.array("I", words_of).tobytes()
        try:
            expected, end = decode_value(node, data, 0, packed, True)
        except DecodeError:
            expected, end = None, None
        if end == len(data):
            assert functions[1](data) == expected
            continue
        refused += 1
        with pytest.raises(Refused):
            functions[1](data)
    assert refused > 15


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
    with pytest.raises(KeyboardInterrupt):  # and not once more by the general way, which would swallow this one
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
    assert made.encode(items) == bytes(4), "the first element is held to its end; then the general way finds none"


def test_nothing_leaks() -> None:
    """Neither values nor codecs, whether all goes well or not."""
    kind = tuple[Order, list[Some[U8] | None]]
    made: Codec[Any] = codec(kind)
    value = (ORDER, [None, Some(3)])
    words = made.encode(value)

    def work() -> None:
        for _ in range(300):
            made.decode(made.encode(value))
            for broken in (words[:40], words[:-4], words + bytes(4)):
                with pytest.raises(DecodeError):
                    made.decode(broken)
            with pytest.raises(EncodeError):
                made.encode((ORDER, [None, Some(300)]))

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
    made.decode(made.encode((Local(1), 2)))
    gone = weakref.ref(made._general)
    del made
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


def test_types_it_does_not_know_have_none() -> None:
    for kind in (dict[str, U32], tuple[U8, set[U8]], list[U32], bytes, U32):
        node = codec(kind).schema
        assert native_functions(node, False, lambda _: b"", lambda *_: None) is None
