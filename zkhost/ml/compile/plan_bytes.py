"""Plans as bytes: what the guest's interpreter runs. The format is that of `guest-methods/zkhost-nn/src/plan.rs`.

Operations are written with symbolic operands; `Plan.to_bytes` lays memory out and puts numbers in their place. The same
operations give the same bytes on every machine.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

import numpy as np

from zkhost.ml.graph import Array

MAGIC, VERSION = b"zkml", 1
HEADER_WORDS = 12
READ_ONCE = 1 << 16
CONSTANT = 1 << 31
ALIGN = 16


class Code(IntEnum):
    """Operations, as `operations.rs` numbers them."""

    FILL = 1
    COPY = 2
    FLIP = 3
    GATHER = 4
    FILL_FROM = 5
    CONVOLUTION = 8
    MATRIX = 9
    NEIGHBOURS = 10
    PRODUCTS = 11
    REQUANTIZE = 16
    ADD = 17
    TABLE = 18
    QUANTIZE = 19
    DEQUANTIZE = 20
    DYNAMIC = 21
    MAX_POOL = 24
    AVERAGE_POOL = 25
    AVERAGE_POOL_BYTES = 26
    ARG_MAX = 32
    TOP_K = 33
    THRESHOLD = 34
    BINARY = 40
    UNARY = 41
    CLIP = 42
    SUM = 43
    MATRIX_F32 = 44
    CONVOLUTION_F32 = 45
    MERGE = 46
    FUNCTION = 48
    POWER = 49
    SOFTMAX = 50
    COMPARE = 51
    SELECT = 52
    SOFTMAX_BYTES = 53
    PROVED_CONVOLUTION = 64
    PROVED_DENSE = 65
    TREES = 80
    GGML_PRODUCT = 88
    GGML_NORM = 89
    GGML_ROPE = 90
    GGML_ATTENTION = 91
    GGML_SWIGLU = 92
    PAIRED_CONVOLUTION = 66
    PAIRED_MATRIX = 67
    PROVED_MATMUL = 68


@dataclass(eq=False)
class Buffer:
    """A piece of the arena, in use from its first operation to its last; or for good, and then never written."""

    nbytes: int
    kept: bool = False
    first: int | None = None
    last: int = -1
    at: int = -1


@dataclass(frozen=True)
class At:
    """A place in a buffer, or in the constants where there is none."""

    buffer: Buffer | None
    offset: int = 0

    def __add__(self, offset: int) -> At:
        return At(self.buffer, self.offset + offset)


Argument: TypeAlias = "int | At"


@dataclass
class Plan:
    """A plan that is being written."""

    operations: list[tuple[Code, tuple[Argument, ...]]] = field(default_factory=list)
    inputs: list[tuple[Buffer, int, int]] = field(default_factory=list)
    outputs: list[tuple[Buffer, int, int]] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    _constants: bytearray = field(default_factory=bytearray)
    _known: dict[bytes, int] = field(default_factory=dict)

    def buffer(self, nbytes: int) -> At:
        """New memory, as long as operations name it."""
        made = Buffer(max(nbytes, 1))
        self.buffers.append(made)
        return At(made)

    def constant(self, array: Array, *, copies: int = 0) -> At:
        """Return the array's bytes among the constants, each content once; `copies` zeros follow it."""
        data = np.ascontiguousarray(array).tobytes() + bytes(copies)
        if data not in self._known:
            self._constants += bytes(-len(self._constants) % ALIGN)
            self._known[data] = len(self._constants)
            self._constants += data
        return At(None, self._known[data])

    def salt(self, data: bytes) -> None:
        """Put bytes that nothing reads among the constants."""
        self.constant(np.frombuffer(data, np.uint8))

    def emit(self, code: Code, *arguments: Argument | Sequence[Argument]) -> None:
        """Append an operation."""
        flat: list[Argument] = []
        for argument in arguments:
            flat.extend([argument] if isinstance(argument, int | At) else argument)
        index = len(self.operations)
        for place in flat:
            if isinstance(place, At) and place.buffer is not None:
                place.buffer.first = index if place.buffer.first is None else place.buffer.first
                place.buffer.last = index
        self.operations.append((code, tuple(flat)))

    def add_input(self, place: At, nbytes: int, kind: int) -> None:
        """`kind` is mode | dtype << 8, with READ_ONCE where it is read once, for all samples."""
        assert place.buffer is not None
        place.buffer.first = -1
        place.buffer.kept = bool(kind & READ_ONCE)
        self.inputs.append((place.buffer, nbytes, kind))

    def add_output(self, place: At, nbytes: int, kind: int) -> None:
        """`kind` is mode | dtype << 8."""
        assert place.buffer is not None
        assert place.offset == 0
        place.buffer.last = len(self.operations)
        self.outputs.append((place.buffer, nbytes, kind))

    def to_bytes(self) -> bytes:
        """Return the plan's bytes."""
        arena, kept = _lay_out(self.buffers)
        words: list[int] = []
        for buffer, nbytes, kind in self.inputs + self.outputs:
            words += [buffer.at, nbytes, kind]
        operations = 4 * (HEADER_WORDS + len(words))
        for code, arguments in self.operations:
            words.append(code << 16 | len(arguments))
            words += [_number(argument) for argument in arguments]
        words += [0] * (-(HEADER_WORDS + len(words)) % 4)
        constants = 4 * (HEADER_WORDS + len(words))
        data = bytes(self._constants) + bytes(-len(self._constants) % 4)
        header = [
            int.from_bytes(MAGIC, "little"), VERSION, constants + len(data), arena, kept,
            len(self.inputs), len(self.outputs), operations, len(self.operations), constants, 0, 0,
        ]  # fmt: skip
        return struct.pack(f"<{len(header) + len(words)}I", *header, *words) + data


def _number(argument: Argument) -> int:
    if isinstance(argument, At):
        return argument.offset | CONSTANT if argument.buffer is None else argument.buffer.at + argument.offset
    return int(argument) & 0xFFFFFFFF


def _lay_out(buffers: Sequence[Buffer]) -> tuple[int, int]:
    """Give each buffer the lowest place that is free while it is used, largest first, behind those that are kept.

    Returns the bytes of all, and of those that are kept.
    """
    kept = 0
    for buffer in buffers:
        if buffer.kept:
            buffer.at = kept
            kept += -(-buffer.nbytes // ALIGN) * ALIGN
    placed: list[Buffer] = []
    used = [buffer for buffer in buffers if buffer.first is not None and not buffer.kept]
    for buffer in sorted(used, key=lambda buffer: (-buffer.nbytes, buffer.first)):
        assert buffer.first is not None
        others = [
            (other.at, other.at + other.nbytes)
            for other in placed
            if other.first is not None and other.first <= buffer.last and buffer.first <= other.last
        ]
        at = kept
        for start, end in sorted(others):
            if at + buffer.nbytes <= start:
                break
            at = max(at, -(-end // ALIGN) * ALIGN)
        buffer.at = at
        placed.append(buffer)
    return max((-(-(buffer.at + buffer.nbytes) // ALIGN) * ALIGN for buffer in placed), default=kept), kept
