"""Work and memory are bounded by the input, nesting by a limit, and types of any depth and size compile."""

from __future__ import annotations

import dataclasses
import sys
import time
import tracemalloc
from typing import Annotated, Any

import pytest

from zkhost.codec import U8, U32, Codec, Len, Some, codec
from zkhost.codec.reference import encode_value
from zkhost.codec.refusals import NESTING_LIMIT, ZERO_SIZED_LIMIT
from zkhost.errors import DecodeError, EncodeError

from .vectors import Chain, Node, Unit

FORMATS = pytest.mark.parametrize("format", ["standard", "packed"])
HUGE = [0xFFFF_FFFF]
COLLECTIONS = [
    bytes,
    str,
    list[U8],
    list[U32],
    list[bool],
    list[str],
    list[tuple[U8, U8]],
    list[None],
    list[Unit],
    list[Annotated[list[U32], Len(0)]],
    tuple[U32, ...],
    dict[U32, U32],
    dict[None, None],
    set[U32],
    set[None],
    frozenset[tuple[()]],
    list[list[U8]],
]


@pytest.mark.parametrize("type_", COLLECTIONS, ids=str)
@pytest.mark.parametrize("strict", [True, False])
@FORMATS
def test_a_huge_length_costs_nothing(type_: Any, strict: bool, format: str) -> None:
    made = codec(type_, format)
    with pytest.raises(DecodeError):
        made.decode(HUGE)
    tracemalloc.start()
    start = time.thread_time()
    with pytest.raises(DecodeError):
        made.decode([*HUGE, 0, 0], strict=strict)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.thread_time() - start < 2
    assert peak < 1 << 20


@FORMATS
def test_elements_without_words(format: str) -> None:
    made = codec(list[list[None]], format)
    assert codec(list[None], format).decode([ZERO_SIZED_LIMIT]) == [None] * ZERO_SIZED_LIMIT
    for words in ([1, ZERO_SIZED_LIMIT + 1], [3, ZERO_SIZED_LIMIT, 0, 1]):
        with pytest.raises(DecodeError, match="without words"):
            made.decode(words)


@FORMATS
def test_nesting_up_to_the_limit(format: str) -> None:
    made = codec(Chain, format)
    chain = Chain(0, None)
    for i in range(NESTING_LIMIT):
        chain = Chain(i, chain)
    words = made.encode(chain)
    again = made.decode(words)
    assert made.encode(again) == words
    with pytest.raises(EncodeError, match="nest"):
        made.encode(Chain(0, chain))
    with pytest.raises(DecodeError, match="nest"):
        made.decode([7, 1] * (NESTING_LIMIT + 1) + [7, 0])


@FORMATS
def test_a_value_that_contains_itself(format: str) -> None:
    node = Node(1, [])
    node.children.append(node)
    with pytest.raises(EncodeError, match="nest"):
        codec(Node, format).encode(node)


@FORMATS
def test_a_deep_stream_ends_in_an_error(format: str) -> None:
    limit = sys.getrecursionlimit()
    with pytest.raises(DecodeError):
        codec(Node, format).decode([1, 1] * 100_000)
    assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize("depth", [255, 256, 257, 400])
@FORMATS
def test_types_nested_past_the_reference_crates_limit(depth: int, format: str) -> None:
    nested: Any = U8
    value: Any = 5
    for _ in range(depth):
        nested, value = tuple[nested, U8], (value, 7)
    made = codec(nested, format)
    words = made.encode_words(value)
    if format == "standard":
        assert words == [5] + [7] * depth
    else:
        assert words == list(memoryview(bytes([5] + [7] * depth + [0] * (-(depth + 1) % 4))).cast("I"))
    assert made.decode(words) == value


@FORMATS
def test_a_type_that_unfolds_exponentially(format: str) -> None:
    nested: Any = U8
    value: Any = 1
    for level in range(30):
        cls = dataclasses.make_dataclass(f"L{level}", [("a", nested | None), ("b", nested | None)])
        nested, value = cls, cls(value, None)
    made = codec(nested, format)
    assert made.decode(made.encode(value)) == value


@FORMATS
def test_wide_structs(format: str) -> None:
    cls = dataclasses.make_dataclass("Wide", [(f"f{i}", U8 if i % 3 else U32) for i in range(600)])
    value = cls(*[i % 256 for i in range(600)])
    made: Codec[Any] = codec(cls, format)
    assert made.decode(made.encode(value)) == value


@FORMATS
def test_deep_loops_and_branches(format: str) -> None:
    nested: Any = U8
    value: Any = 3
    for level in range(24):
        nested, value = (list[nested], [value]) if level % 2 else (Some[nested] | None, Some(value))
    made = codec(nested, format)
    assert made.decode(made.encode(value)) == value


@FORMATS
def test_long_parts(format: str) -> None:
    """Lengths around those at which runs of numbers are read another way."""
    kind = tuple[U8, bytes, str, list[U32], U8, list[bool], list[str]]
    made = codec(kind, format)
    for n in (0, 1, 3, 4, 63, 64, 65, 5000):
        value = (1, b"x" * n, "é" * n, list(range(n)), 2, [True] * n, ["ab"] * n)
        assert made.decode(made.encode(value)) == value


@FORMATS
@pytest.mark.parametrize("count", [4095, 4096, 20_000])
def test_long_lists_in_long_lists(count: int, format: str) -> None:
    """With something before and after them, they are what the reference makes of them."""
    texts = [f"text {i}" for i in range(count)]
    pairs = [(i % 256, [] if i % 300 else texts) for i in range(count)]
    wanted: Any = tuple[U8, list[tuple[U8, list[str]]], U8, Annotated[list[None], Len(5000)], list[str], str]
    made, value = codec(wanted, format), (1, pairs, 2, [None] * 5000, texts, "end")
    words = made.encode(value)
    assert words == encode_value(made.schema, value, format == "packed")
    assert made.decode(words) == value
