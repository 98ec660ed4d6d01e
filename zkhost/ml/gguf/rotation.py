"""The angles of rotary positions, computed when a model is compiled: no cosine in the guest.

llama.cpp takes cosf and sinf from its C library, and one result in eighty of glibc's is not the f32 next to the true value. So
these are glibc's own functions (sysdeps/ieee754/flt-32/s_sincosf.h, by Arm): polynomials in f64, without fused multiply-adds.
They use nothing but additions and multiplications, so tables are the same on every machine.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from struct import pack, unpack

import numpy as np

from zkhost.ml.graph import Array

F32 = np.float32
_hex = float.fromhex

_COSINE = tuple(
    map(
        _hex,
        ("0x1p0", "-0x1.ffffffd0c621cp-2", "0x1.55553e1068f19p-5", "-0x1.6c087e89a359dp-10", "0x1.99343027bf8c3p-16"),
    )
)
_SINE = tuple(map(_hex, ("-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13")))
_HALF_PI, _TWO_OVER_PI_24 = _hex("0x1.921FB54442D18p0"), _hex("0x1.45F306DC9C883p+23")
_PI_63 = _hex("0x1.921FB54442D18p-62")
# The bits of 2 / pi, the point before the first byte.
_TWO_OVER_PI = 0xA2F9836E4E441529FC2757D1F534DDC0DB6295993C439041
_BITS = 192


def angles(positions: int, dimensions: int, base: float) -> Array:
    """(cos, sin) for each position and pair of `dimensions`: f32, (positions, dimensions / 2, 2).

    theta = f32(position), then f32(theta * step) for each pair, with step = base^(-2 / dimensions) in f32
    (ggml_rope_cache_init). The power is the f32 next to the true value.
    """
    with localcontext() as context:
        context.prec = 50
        exponent = F32(-2) / F32(dimensions)
        step = F32(float(Decimal(float(F32(base))) ** Decimal(float(exponent))))
    table = np.zeros((positions, dimensions // 2, 2), F32)
    for position in range(positions):
        theta = F32(position)
        for pair in range(dimensions // 2):
            table[position, pair] = cosine_sine(float(theta))
            theta = F32(theta * step)
    return table


def cosine_sine(x: float) -> tuple[float, float]:
    """cosf(x) and sinf(x) before they are rounded to f32, for an f32 that is not negative."""
    if x < _hex("0x1p-12"):
        return 1.0, x
    if x < _hex("0x1.9p-1"):  # the first 12 bits of pi / 4 decide
        return _polynomial(x, x * x, 1, 1.0), _polynomial(x, x * x, 0, 1.0)
    quadrant, rest = _reduce(x) if x < 120 else _reduce_large(x)
    sign = (1.0, -1.0, -1.0, 1.0)[quadrant & 3]
    flip = -1.0 if quadrant & 2 else 1.0
    found = [_polynomial(rest * sign, rest * rest, place, flip) for place in (quadrant ^ 1, quadrant)]
    return found[0], found[1]


def _reduce(x: float) -> tuple[int, float]:
    """Return the quadrant, and what is left of x."""
    quadrant = (int(x * _TWO_OVER_PI_24) + 0x800000) >> 24
    return quadrant, x - quadrant * _HALF_PI


def _reduce_large(x: float) -> tuple[int, float]:
    """Return the same by 96 bits of 2 / pi."""
    (bits,) = unpack("<I", pack("<f", x))
    first = bits >> 26 & 15
    mantissa = ((bits & 0xFFFFFF) | 0x800000) << (bits >> 23 & 7) & 0xFFFFFFFF

    def word(at: int) -> int:
        """Return the 32 bits of 2 / pi that end with byte `at`."""
        return _TWO_OVER_PI >> (_BITS - 8 * (at + 1)) & 0xFFFFFFFF

    product = (mantissa * word(first + 8) >> 32 | mantissa * word(first) << 32) & 0xFFFFFFFFFFFFFFFF
    product = (product + mantissa * word(first + 4)) & 0xFFFFFFFFFFFFFFFF
    quadrant = (product + (1 << 61) & 0xFFFFFFFFFFFFFFFF) >> 62
    rest = (product - (quadrant << 62) + (1 << 63) & 0xFFFFFFFFFFFFFFFF) - (1 << 63)
    return quadrant, float(rest) * _PI_63


def _polynomial(x: float, square: float, cosine: int, sign: float) -> float:
    if cosine & 1 == 0:
        s1, s2, s3 = _SINE
        cube = x * square
        return (x + cube * s1) + (cube * square) * (s2 + square * s3)
    c0, c1, c2, c3, c4 = (sign * c for c in _COSINE)
    fourth = square * square
    return ((c0 + square * c1) + fourth * c2) + (fourth * square) * (c3 + square * c4)
