"""Corrupted streams, and whether two decoders say the same about them. Any oracle can be plugged in.

An oracle takes a descriptor, streams of words (bytes) and whether they are packed, and gives for each stream None where
it refuses, the plain form of the value and the number of words left, or UNDECIDED where a limit of its own stopped it
(of nesting, or of elements that take no words).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from zkhost import codec as c
from zkhost.codec.reference import decode_value
from zkhost.errors import DecodeError

UNDECIDED = ("undecided", 0)
Verdict = tuple[Any, int] | None
Oracle = Callable[[list[Any], list[bytes], bool], list[Verdict]]

WORDS = [
    0,
    1,
    2,
    3,
    4,
    255,
    256,
    0x0101,
    0x0001_0000,
    0xD800,
    0x11_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FF80,
    0xFFFF_FFFF,
]


def corrupt(data: bytes, rng: random.Random) -> bytes:
    """The stream with one to three changes: words and bytes changed, inserted, dropped, swapped, cut off or added."""
    words = [data[i : i + 4] for i in range(0, len(data), 4)]
    for _ in range(rng.randint(1, 3)):
        where = rng.randrange(len(words) + 1)
        match rng.randrange(7):
            case 0 | 1 if where < len(words):
                words[where] = rng.choice(WORDS).to_bytes(4, "little")
            case 2 if where < len(words):
                word = bytearray(words[where])
                word[rng.randrange(4)] = rng.choice([0, 1, 2, 127, 128, 255, rng.randrange(256)])
                words[where] = bytes(word)
            case 3:
                words.insert(where, rng.choice(WORDS).to_bytes(4, "little"))
            case 4 if where < len(words):
                del words[where]
            case 5 if len(words) > 1:
                other = rng.randrange(len(words))
                words[other], words[where % len(words)] = words[where % len(words)], words[other]
            case _:
                words = words[:where]
    return b"".join(words)


def reference(annotation: Any) -> Oracle:
    """The reference decoder as an oracle (it needs the annotation, not the descriptor)."""
    node = c.schema_of(annotation)

    def verdicts(_: list[Any], streams: list[bytes], packed: bool) -> list[Verdict]:
        return [_verdict(annotation, partial(decode_value, node, s, 0, packed, False), s) for s in streams]

    return verdicts


def decoder(annotation: Any) -> Oracle:
    """What users decode with as an oracle."""

    def verdicts(_: list[Any], streams: list[bytes], packed: bool) -> list[Verdict]:
        made: c.Codec[Any] = c.codec(annotation, "packed" if packed else "standard")

        def run(stream: bytes) -> tuple[Any, int]:
            value, end = made.decode_from(stream, strict=False)
            return value, end * 4

        return [_verdict(annotation, partial(run, s), s) for s in streams]

    return verdicts


def _verdict(annotation: Any, run: Callable[[], tuple[Any, int]], stream: bytes) -> Verdict:
    try:
        value, end = run()
    except DecodeError as error:
        return UNDECIDED if "without words" in error.message or "nest" in error.message else None
    return c.to_plain(annotation, value), (len(stream) - end) // 4


def as_python(annotation: Any, plain: Any) -> Any:
    """The plain form of what Python makes of a value: of equal keys one, and a signalling NaN of f32 quiet."""
    return c.to_plain(annotation, c.from_plain(annotation, plain))


def disagreements(
    annotation: Any, values: list[Any], packed: bool, oracles: tuple[Oracle, Oracle], *, seed: int, count: int
) -> Iterator[str]:
    """What two oracles say differently about `count` corrupted streams of the values."""
    rng = random.Random(seed)
    one, other = oracles
    made: c.Codec[Any] = c.codec(annotation, "packed" if packed else "standard")
    good = [made.encode(v) for v in values]
    streams = [corrupt(rng.choice(good), rng) for _ in range(count)]
    descriptor = c.describe(annotation)
    for stream, a, b in zip(streams, one(descriptor, streams, packed), other(descriptor, streams, packed), strict=True):
        if a != b and a is not UNDECIDED and b is not UNDECIDED:
            yield f"{annotation} {stream.hex(' ', 4)} packed={packed}: {a} or {b}"
