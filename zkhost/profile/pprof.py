"""Reads the pprof protobuf that the executor writes (`ExecutorEnv.pprof_out`), and those of other writers.

The format is google/pprof's `profile.proto`; a file may be gzipped, as `go tool pprof` writes it. Only what a call tree
needs is read: sample types, samples, locations, functions, strings. Two writers matter. zkhost's own executor writes
for a location the lines of all functions inlined there, as the format intends. r0vm, which is risc0's, has one line per
location and, with RISC0_PPROF_ENABLE_INLINE_FUNCTIONS=1, inlined functions as locations of their own. Both have one
sample type (cycles, count), and paging as a leaf named `[PageIn]` or `[PageOut]` below the function that touched it.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from zkhost.errors import ProfileError

_GZIP_MAGIC = b"\x1f\x8b"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Field numbers of profile.proto.
_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRING = 1, 2, 4, 5, 6


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on a call stack. `line` is its current line in `file`; 0 where unknown.

    `inlined` functions were compiled into the one above them on the stack.
    """

    name: str
    file: str = ""
    line: int = 0
    inlined: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """A call stack, outermost function first, with one value for each of the profile's sample types."""

    stack: tuple[Frame, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pprof:
    """What a pprof file holds: `sample_types` are pairs of name and unit, such as ("cycles", "count")."""

    sample_types: tuple[tuple[str, str], ...]
    samples: tuple[Sample, ...]


def read_pprof(data: bytes) -> Pprof:
    """Decode a pprof file. Raises ProfileError where the bytes are not one."""
    try:
        return _read(gzip.decompress(data) if data.startswith(_GZIP_MAGIC) else data)
    except (ValueError, IndexError, KeyError, OSError, EOFError, zlib.error) as error:
        raise ProfileError(
            f"not a pprof file ({len(data)} bytes): {error}",
            hint="give a file written by pprof_out or RISC0_PPROF_OUT, or a profile.json saved by `zkhost profile`",
        ) from error


def _read(data: bytes) -> Pprof:
    strings: list[str] = []
    types: list[dict[int, int]] = []
    samples: list[tuple[list[int], list[int]]] = []
    locations: dict[int, list[tuple[int, int]]] = {}
    functions: dict[int, dict[int, int]] = {}
    for field, value in _fields(data):
        if field == _STRING:
            strings.append(_message(value).decode())
        elif field == _SAMPLE_TYPE:
            types.append(_scalars(_message(value)))
        elif field == _SAMPLE:
            samples.append(_sample(_message(value)))
        elif field == _LOCATION:
            number, lines = _location(_message(value))
            locations[number] = lines
        elif field == _FUNCTION:
            function = _scalars(_message(value))
            functions[function.get(1, 0)] = function
    if not types:
        raise ValueError("it names no sample type")

    frames: dict[int, list[Frame]] = {}
    for number, lines in locations.items():
        # pprof puts the innermost inlined function first, as it does with the locations of a sample.
        frames[number] = [
            Frame(strings[functions[function].get(2, 0)], strings[functions[function].get(4, 0)], line, depth > 0)
            for depth, (function, line) in enumerate(reversed(lines))
        ]
    return Pprof(
        tuple((strings[t.get(1, 0)], strings[t.get(2, 0)]) for t in types),
        tuple(
            Sample(tuple(frame for number in reversed(stack) for frame in frames[number]), tuple(values))
            for stack, values in samples
        ),
    )


def _sample(data: bytes) -> tuple[list[int], list[int]]:
    stack: list[int] = []
    values: list[int] = []
    for field, value in _fields(data):
        if field == 1:
            stack.extend(_repeated(value))
        elif field == 2:
            values.extend(_signed(number) for number in _repeated(value))
    return stack, values


def _location(data: bytes) -> tuple[int, list[tuple[int, int]]]:
    number, lines = 0, []
    for field, value in _fields(data):
        if field == 1:
            number = _scalar(value)
        elif field == 4:
            line = _scalars(_message(value))
            lines.append((line.get(1, 0), _signed(line.get(2, 0))))
    return number, lines


def _scalars(data: bytes) -> dict[int, int]:
    """Return a message's integer fields by number."""
    return {field: value for field, value in _fields(data) if isinstance(value, int)}


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a protobuf message in order: the field's number with an integer, or with the bytes inside."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        field, wire = key >> 3, key & 7
        if field == 0:
            raise ValueError(f"field number 0 at byte {at}")
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield field, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"unknown wire type {wire} at byte {at}")
        if at + size > len(data):
            raise ValueError(f"field {field} runs past the end")
        yield field, data[at : at + size] if wire == _BYTES else int.from_bytes(data[at : at + size], "little")
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the base-128 integer at byte `at`, as an unsigned 64-bit number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise ValueError(f"an integer longer than 64 bits at byte {at}")


def _repeated(value: int | bytes) -> list[int]:
    """Return a repeated integer field: packed into bytes, or one at a time."""
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(number)
    return numbers


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _scalar(value: int | bytes) -> int:
    if isinstance(value, int):
        return value
    raise ValueError("a message where an integer belongs")


def _message(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ValueError("an integer where a message belongs")
