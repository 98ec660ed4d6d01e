"""Means of bytes by onnxruntime's f32 rule, decided by sums of integers: the tables of `zkhost_nn::pools`."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Array

F32 = np.float32
# Entries of a table at most: windows of 514 positions.
MAX_ENTRIES = 1 << 17
UNREACHED = (1 << 31) - 1


class Means:
    """AveragePoolQ as a function of a window's sum in f32, which is monotone: division, addition and rounding all are.

    `x_added` and `y_added` are what bytes in memory have more than the values.
    """

    def __init__(self, op: ops.AveragePoolQ, x_added: int, y_added: int) -> None:
        self._op, self._y_added = op, y_added
        self._zero = op.x_zero + x_added
        self.low, self.high = op.lo + y_added, op.hi + y_added
        self.values: Array = (np.arange(256) - self._zero).astype(F32) * F32(op.x_scale)

    def _levels(self, sums: Any, divisor: int) -> Any:
        """Return how far the outputs for f32 sums are above the lowest."""
        op = self._op
        with np.errstate(all="ignore"):
            v = sums / F32(divisor) / F32(op.y_scale) + F32(op.y_zero + op.shift)
        return np.clip(np.rint(v), op.lo + op.shift, op.hi + op.shift).astype(np.int64) - (op.lo + op.shift)

    def thresholds(self, divisor: int) -> Array:
        """Return the smallest sum that leads above each level but the highest, as an ordered integer."""
        levels = np.arange(self.high - self.low)
        below = np.full(levels.shape, _ordered(F32(-np.inf)), np.int64)  # a sum that does not lead above, or the first
        above = np.full(levels.shape, _ordered(F32(np.inf)), np.int64)
        reached = self._levels(F32(np.inf), divisor) > levels
        while (above - below > 1).any():
            middle = (below + above) // 2
            higher = self._levels(_float(middle), divisor) > levels
            above, below = np.where(higher, middle, above), np.where(higher, below, middle)
        return np.where(reached, above, UNREACHED).astype(np.int32)

    def table(self, inside: int, divisor: int) -> Array | None:
        """Return the output of each sum of `inside` bytes, or -1 - level where the roundings of additions decide. None where it
        would be too large.

        A sum of n products, each rounded, by n - 1 rounded additions is within n units of 2^-24 of the exact one, relative to
        the sum of all sizes: https://doi.org/10.1137/1.9780898718027, chapter 4.
        """
        count = 255 * inside + 1
        scale = float(F32(self._op.x_scale))
        if count > MAX_ENTRIES or 2 * 255 * inside * scale > np.finfo(F32).max:
            return None
        bytes_ = np.arange(count)
        sums = bytes_ - inside * self._zero
        # The sizes of what is summed, at most: all that is negative, or all that is positive, counts twice.
        sizes = np.minimum(sums + 2 * inside * self._zero, 2 * inside * (255 - self._zero) - sums)
        error = sizes * scale * (1.001 * inside * 2.0**-24)
        least = np.nextafter((sums * scale - error).astype(F32), F32(-np.inf))
        most = np.nextafter((sums * scale + error).astype(F32), F32(np.inf))
        from_, to = self._levels(least, divisor), self._levels(most, divisor)
        table = np.where(from_ == to, from_ + self.low, -1 - from_).astype(np.int16)
        return np.concatenate([table, np.zeros(count % 2, np.int16)])


def _ordered(value: np.float32) -> int:
    """Return an f32's number in the order of all."""
    bits = int(value.view(np.int32))
    return bits ^ (bits >> 31 & 0x7FFFFFFF)


def _float(numbers: Any) -> Any:
    """Return the f32 of ordered numbers."""
    bits = numbers.astype(np.int32)
    return (bits ^ (bits >> 31 & 0x7FFFFFFF)).view(F32)
