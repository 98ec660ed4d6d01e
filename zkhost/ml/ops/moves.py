"""Moves: no arithmetic, any dtype."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost.ml.ops.base import Op


@dataclass(frozen=True)
class Reshape(Op):
    """The same elements in the same order under another shape: y can be x's memory."""

    x: str

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class Copy:
    """A block of a Move: for every index i below `shape` (rank of y), y[at + i] = source.flat[offset + sum of i * strides].

    Strides and offset count elements; strides may be 0 (broadcast) or negative (flip). All of it lies within source and y.
    """

    source: str
    offset: int
    strides: tuple[int, ...]
    at: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Move(Op):
    """y filled with `fill` (an int, or an f32 value), then its copies made in order; they do not overlap.

    Transpose, Slice, Split, Concat, Pad, Expand and Gather with constant indices are this. Sources are tensors or
    constants of y's dtype.
    """

    fill: float
    copies: tuple[Copy, ...]

    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(copy.source for copy in self.copies))


@dataclass(frozen=True)
class Gather(Op):
    """y[i, :] = table[index[i], :], with table (rows, width), index s32 (any shape, flat), y (index..., width).

    A negative index counts from the end. One outside -rows..rows-1 ends the run with an error.
    """

    table: str
    index: str

    def reads(self) -> tuple[str, ...]:
        return (self.table, self.index)
