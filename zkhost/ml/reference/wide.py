"""Numbers with 32 bits of mantissa, in numpy: what functions of f32 are computed in.

`mantissa * 2^(exponent - 31)`, the mantissa's top bit set, or 0 for zero (its exponent is below all others). Every operation truncates, so each is off by less
than one part in 2^31; a result is rounded once, to nearest even, when it becomes an f32. All in integers, so the same on
every machine; `guest-methods/zkhost-nn/src/wide.rs` is the same in Rust.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

U64, I64 = np.uint64, np.int64
TOP = U64(1 << 31)
NOTHING = -2000
"""The exponent of zero."""


def _u(value: int) -> Any:
    return U64(value)


class Wide:
    """An array of them: sign (bool), mantissa (u64 below 2^32), exponent (i64)."""

    def __init__(self, negative: Any, mantissa: Any, exponent: Any) -> None:
        self.negative, self.mantissa, self.exponent = np.broadcast_arrays(
            np.asarray(negative, bool), np.asarray(mantissa, U64), np.asarray(exponent, I64)
        )

    @classmethod
    def of(cls, x: Any) -> Wide:
        """f32, exactly; what is not finite becomes some number."""
        bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(I64).reshape(np.shape(x))
        exponent, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
        normal, small = cls(False, (fraction | 0x800000) << 8, exponent - 127), cls.fixed(fraction, 149)
        return choose(exponent == 0, small, normal).signed(bits >> 31 == 1)

    @classmethod
    def fixed(cls, value: Any, bits: Any) -> Wide:
        """`value * 2^-bits`, of i64."""
        value = np.asarray(value, I64)
        magnitude = np.abs(value).view(U64)
        length = np.zeros(magnitude.shape, I64)
        rest = magnitude.copy()
        for step in (32, 16, 8, 4, 2, 1):
            over = rest >= _u(1 << step)
            length += np.where(over, step, 0)
            rest = np.where(over, rest >> _u(step), rest)
        mantissa = (magnitude << (63 - length).astype(U64)) >> _u(32)
        return cls(value < 0, mantissa, np.where(magnitude == 0, NOTHING, length - bits))

    @classmethod
    def unit(cls, value: Any, exponent: Any) -> Wide:
        """Return a positive number of 2^-30 times 2^exponent."""
        return cls.fixed(value, 30).scale(exponent)

    def f32(self) -> Any:
        """Rounded to nearest even; too large a number is an infinity."""
        m, e = self.mantissa.astype(I64), self.exponent
        shift = np.clip(np.where(e >= -126, 8, -118 - e), 8, 34)
        rounded = (m + (1 << (shift - 1)) - 1 + (m >> shift & 1)) >> shift
        bits = np.where(e >= -126, ((np.clip(e, -126, 127) + 126) << 23) + rounded, rounded)
        bits = np.where(e > 127, 0x7F800000, bits)
        bits = np.where(self.mantissa == 0, 0, bits) | np.where(self.negative, 1 << 31, 0)
        return bits.astype(np.uint32).view(np.float32)

    def to_fixed(self, bits: int) -> Any:
        """Convert to units of 2^-bits, truncated towards zero; numbers from 2^(63 - bits) on become something else."""
        shift = self.exponent - 31 + bits
        left = self.mantissa << np.clip(shift, 0, 31).astype(U64)
        magnitude = np.where(shift >= 0, left, self.mantissa >> np.clip(-shift, 0, 32).astype(U64)).astype(I64)
        return np.where(self.negative, -magnitude, magnitude)

    def scale(self, powers: Any) -> Wide:
        return Wide(self.negative, self.mantissa, self.exponent + powers)

    def signed(self, negative: Any) -> Wide:
        """Return the same magnitude with that sign."""
        return Wide(negative, self.mantissa, self.exponent)

    def abs(self) -> Wide:
        return self.signed(False)

    def __neg__(self) -> Wide:
        return self.signed(~self.negative)

    def __mul__(self, other: Wide) -> Wide:
        product = self.mantissa * other.mantissa
        top = product >> _u(63) == 1
        mantissa = np.where(top, product >> _u(32), product >> _u(31))
        exponent = np.where(product == 0, NOTHING, self.exponent + other.exponent + top)
        return Wide(self.negative != other.negative, mantissa, exponent)

    def __truediv__(self, other: Wide) -> Wide:
        """Divide; by zero the result is HUGE."""
        below = self.mantissa < other.mantissa
        quotient = np.where(below, self.mantissa << _u(32), self.mantissa << _u(31)) // np.maximum(
            other.mantissa, _u(1)
        )
        exponent = np.where(self.mantissa == 0, NOTHING, self.exponent - other.exponent - below)
        found = Wide(self.negative != other.negative, np.where(self.mantissa == 0, _u(0), quotient), exponent)
        return choose(other.mantissa == 0, HUGE.signed(found.negative), found)

    def __add__(self, other: Wide) -> Wide:
        larger = (self.exponent > other.exponent) | (
            (self.exponent == other.exponent) & (self.mantissa >= other.mantissa)
        )
        a, b = choose(larger, self, other), choose(larger, other, self)
        distance = a.exponent - b.exponent
        total = a.mantissa + (b.mantissa >> np.clip(distance, 0, 32).astype(U64))
        over = total >> _u(32) == 1
        same = Wide(a.negative, np.where(over, total >> _u(1), total), a.exponent + over)
        left = (a.mantissa << _u(31)) - ((b.mantissa << _u(31)) >> np.clip(distance, 0, 63).astype(U64))
        apart = Wide.fixed(left.astype(I64), 62 - a.exponent).signed(a.negative)
        found = choose(a.negative == b.negative, same, apart)
        return choose(other.mantissa == 0, self, choose(self.mantissa == 0, other, found))

    def sqrt(self) -> Wide:
        """Compute the square root of numbers that are not negative."""
        odd = (self.exponent & 1).astype(U64)
        square = self.mantissa << (_u(31) + odd)
        root = np.sqrt(square.astype(np.float64)).astype(U64)
        root = np.minimum(root, _u(2**32 - 1))
        root = np.where(root * root > square, root - _u(1), root)
        grown = np.minimum(root + _u(1), _u(2**32 - 1))
        root = np.where((grown > root) & (grown * grown <= square), grown, root)
        return Wide(False, root, np.where(self.mantissa == 0, NOTHING, self.exponent >> 1))


def choose(where: Any, a: Wide, b: Wide) -> Wide:
    """a where the condition holds, otherwise b."""
    return Wide(
        np.where(where, a.negative, b.negative),
        np.where(where, a.mantissa, b.mantissa),
        np.where(where, a.exponent, b.exponent),
    )


def power_of_two(exponent: int) -> Wide:
    return Wide(False, TOP, exponent)


ZERO = Wide(False, 0, NOTHING)
ONE, TWO = power_of_two(0), power_of_two(1)
HUGE = power_of_two(1000)
"""Stands for what is larger than any f32, and for a quotient by zero."""


def polynomial(coefficients: Sequence[int], w: Any) -> Any:
    """Evaluate a polynomial at `w * 2^-32`, coefficients and result in units of 2^-30, each product rounded down."""
    value = np.full(np.shape(w), coefficients[-1], I64)
    for coefficient in coefficients[-2::-1]:
        value = (value * w >> 32) + coefficient
    return value
