"""Choices: on u8, s8, s32, or f32 and f64 without NaN."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost.ml.ops.base import Op


@dataclass(frozen=True)
class ArgMax(Op):
    """y[o] = the index (s32) of the largest of each `width` neighbours of x; the first of equals, or the last."""

    x: str
    width: int
    last: bool

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class TopK(Op):
    """From each `width` neighbours of x the k largest (or smallest), in order; of equals the lower index first.

    y: values (outer, k) in x's dtype; indices: s32 (outer, k).
    """

    indices: str
    x: str
    width: int
    k: int
    largest: bool

    def reads(self) -> tuple[str, ...]:
        return (self.x,)

    def writes(self) -> tuple[str, ...]:
        return (self.y, self.indices)


@dataclass(frozen=True)
class Threshold(Op):
    """y = 1 where x >= limit, else 0 (u8). limit: an int for integers, an f32 value for f32 and f64."""

    x: str
    limit: float

    def reads(self) -> tuple[str, ...]:
        return (self.x,)
