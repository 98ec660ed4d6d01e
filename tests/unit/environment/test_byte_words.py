"""Counting the bytes of a value that take a word each, without encoding it a second time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from zkhost.codec import U8, U16, Len, SerdeBytes, Some, codec, enum, schema_of
from zkhost.environment.byte_words import bytes_as_words


@dataclass(frozen=True)
class Leaf:
    data: bytes
    hashed: SerdeBytes
    number: U16


@enum
class Shape:
    pass


@dataclass(frozen=True)
class Blob(Shape):
    data: bytes


@dataclass(frozen=True)
class Point(Shape):
    x: U8


@dataclass(frozen=True)
class Chain:
    data: bytes
    next: Chain | None


Digest = Annotated[bytes, Len(32)]


@pytest.mark.parametrize(
    ("annotation", "value", "count"),
    [
        (bytes, bytes(7), 7),
        (SerdeBytes, bytes(7), 0),
        (Digest, bytes(32), 32),
        (list[U8], [1, 2, 3], 3),
        (list[U16], [1, 2, 3], 0),
        (list[bool], [True, False], 2),
        (set[U8], {1, 2}, 2),
        (list[list[U8]], [[1], [2, 3], []], 3),
        (tuple[bytes, U16, bytes], (bytes(2), 1, bytes(3)), 5),
        (dict[bytes, bytes], {b"ab": bytes(3), b"c": bytes(4)}, 10),
        (bytes | None, None, 0),
        (bytes | None, bytes(4), 4),
        (Some[bytes | None] | None, Some(bytes(4)), 4),
        (list[Leaf], [Leaf(bytes(3), bytes(100), 1), Leaf(bytes(4), b"", 2)], 7),
        (list[Shape], [Blob(bytes(5)), Point(1), Blob(bytes(6))], 11),
        (Chain, Chain(bytes(2), Chain(bytes(3), None)), 5),
    ],
)
def test_it_counts_what_packs(annotation: Any, value: Any, count: int) -> None:
    assert bytes_as_words(schema_of(annotation), value) == count
    standard, packed = (len(codec(annotation, format).encode(value)) for format in ("standard", "packed"))
    if count == 0 or count > 4:
        assert (packed < standard) == (count > 0), "what it counts is what packing saves"


def test_of_long_sequences_the_first_items_stand_for_all() -> None:
    leaves = [Leaf(bytes(20), b"", 1)] * 100_000
    assert bytes_as_words(schema_of(list[Leaf]), leaves) == 2_000_000
    assert bytes_as_words(schema_of(dict[U16, bytes]), {n: bytes(3) for n in range(1000)}) == 3000
    assert bytes_as_words(schema_of(list[U8]), bytes(10**7)) == 10**7


def test_its_cost_is_bounded() -> None:
    """A tree of sixteen branches on each level has more parts than can be looked at."""
    tree: Any = bytes(1)
    annotation: Any = bytes
    for _ in range(6):
        tree, annotation = [tree] * 16, list[annotation]
    assert 0 < bytes_as_words(schema_of(annotation), tree) < 16**6
