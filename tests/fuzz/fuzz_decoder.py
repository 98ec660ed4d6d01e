"""What the fuzzer runs (see `run.py`), and what the tests replay from its corpus.

The first byte picks a type and a format; the rest are the words. Whatever the words, the decoder must raise
DecodeError or give a value, and must say the same as the reference; a value that strict decoding accepts must encode to
exactly the words it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from zkhost import codec as c
from zkhost.codec import I8, U8, U16, U32, U64, U128, Some
from zkhost.codec.reference import decode_value
from zkhost.errors import DecodeError


@c.enum
class Op: ...


@dataclass(frozen=True)
class Stop(Op): ...


@c.newtype
@dataclass(frozen=True)
class Push(Op):
    value: U8


@dataclass(frozen=True)
class Jump(Op):
    near: bool
    to: I8
    label: str


@dataclass
class Block:
    name: str
    ops: list[Op]
    blocks: list[Block]
    data: bytes
    next: Block | None


TYPES: list[Any] = [
    Block, list[Op], tuple[U8, bytes, U8, bytes, bool], dict[str, U16], set[tuple[U8, str]], Some[U8 | None] | None,
    list[bool], list[I8], Annotated[bytes, c.Len(7)], tuple[U8, str, U8, U128, U8, c.SerdeBytes, c.Char], list[tuple[U8, U64 | None]],
    list[U32], c.HashMap[bytes, list[U8]], c.F64,
]  # fmt: skip
CODECS = [c.codec(t, f) for t in TYPES for f in ("standard", "packed")]


def run(data: bytes) -> None:
    """Checks one input."""
    made = CODECS[data[0] % len(CODECS)] if data else CODECS[0]
    words = data[1 : 1 + (len(data) - 1) // 4 * 4]
    packed = made.format == "packed"
    for strict in (True, False):
        try:
            expected = decode_value(made.schema, words, 0, packed, strict)
        except (DecodeError, RecursionError):
            expected = None
        found = error = None
        try:
            found = made.decode_from(words, 0, strict)
        except DecodeError as caught:
            error = caught
        assert (found is None) == (expected is None), f"{made} {words.hex(' ', 4)}: {found or error}, {expected}"
        if found is None or expected is None:
            assert error is not None
            assert 0 <= error.offset <= len(words) // 4
            continue
        assert (repr(found[0]), found[1] * 4) == (repr(expected[0]), expected[1])
        if strict and "nan" not in repr(found[0]):
            assert made.encode(found[0]) == words[: found[1] * 4]
