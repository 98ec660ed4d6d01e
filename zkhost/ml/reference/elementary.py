"""Elementary functions of `Wide` numbers, step by step as `guest-methods/zkhost-nn/src/elementary.rs` takes them.

Each is within a few parts in 2^29 of the true value; where a formula would cancel, another one is taken. An argument is
finite and not zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml.reference import constants
from zkhost.ml.reference.wide import HUGE, I64, ONE, TWO, U64, ZERO, Wide, choose, polynomial

LOG2_E, LN_2 = 1549082005, 762123384786
"""log2(e) in units of 2^-30, ln 2 in units of 2^-40."""
HALF_PI, QUARTER_PI = Wide(False, 0xC90FDAA2, 0), Wide(False, 0xC90FDAA2, -1)
SQRT_HALF = Wide(False, 0xB504F333, -1)
GELU_SCALE, GELU_CUBE = Wide(False, 0xCC42299E, -1), Wide(False, 0xB727136A, -5)
"""sqrt(2 / pi) and 0.044715."""


def exp_fixed(t: Any) -> Wide:
    """e^(t * 2^-40), for numbers below 128."""
    power = (((t >> 17) * LOG2_E >> 32) + (1 << 20)) >> 21
    return Wide.unit(polynomial(constants.EXP, (t - power * LN_2) >> 8), power)


def exp(x: Wide) -> Wide:
    large = x.exponent >= 7
    found = exp_fixed(np.where(large, 0, x.to_fixed(40)))
    return choose(large, choose(x.negative, ZERO, HUGE), found)


def expm1(x: Wide) -> Wide:
    small = x.exponent < -2
    w = np.where(small, x.to_fixed(32), 0)
    return choose(small, x * Wide.unit(polynomial(constants.EXPM1, w), 0), exp(x) + -ONE)


def _twice_artanh(s: Wide) -> Wide:
    w = np.clip((s * s).to_fixed(32), 0, 2**31 - 1)
    return s * Wide.unit(polynomial(constants.ATANH, w), 1)


def log(x: Wide) -> Wide:
    """Compute the logarithm of positive numbers."""
    above = x.mantissa > SQRT_HALF.mantissa
    power = x.exponent + above
    number = np.where(above, x.mantissa, x.mantissa << U64(1)).astype(I64)
    of_part = _twice_artanh(Wide.fixed(number - (1 << 32), 32) / Wide.fixed(number + (1 << 32), 32))
    found = choose(power == 0, of_part, Wide.fixed(power * LN_2 + of_part.to_fixed(40), 40))
    return choose(x.exponent >= HUGE.exponent, HUGE, found)


def log1p(x: Wide) -> Wide:
    """log(1 + x), for x above -1."""
    small = x.exponent < -2
    return choose(small, _twice_artanh(x / (TWO + x)), log(ONE + x))


def sigmoid(x: Wide) -> Wide:
    small = exp(x.signed(True))
    return choose(x.negative, small, ONE) / (ONE + small)


def softplus(x: Wide) -> Wide:
    """log(1 + e^x)."""
    small = log1p(exp(x.signed(True)))
    return choose(x.negative, small, x + small)


def tanh(x: Wide) -> Wide:
    grown = expm1(x.abs().scale(1))
    return (grown / (grown + TWO)).signed(x.negative)


def sinh(x: Wide) -> Wide:
    grown = expm1(x.abs())
    return (grown + grown / (grown + ONE)).scale(-1).signed(x.negative)


def cosh(x: Wide) -> Wide:
    grown = exp(x.abs())
    return (grown + ONE / grown).scale(-1)


def asinh(x: Wide) -> Wide:
    square = x * x
    return log1p(x.abs() + square / (ONE + (ONE + square).sqrt())).signed(x.negative)


def acosh(x: Wide) -> Wide:
    """Compute acosh(x) for x of at least 1."""
    above = x + -ONE
    return log1p(above + (above * (above + TWO)).sqrt())


def atanh(x: Wide) -> Wide:
    """Compute atanh(x) for x within -1 and 1."""
    a = x.abs()
    return log1p(a.scale(1) / (ONE + -a)).scale(-1).signed(x.negative)


def atan(x: Wide) -> Wide:
    inverse = x.exponent >= 0
    a = choose(inverse, ONE / x.abs(), x.abs())
    turned = a.exponent >= -1
    v = choose(turned, (a + -ONE) / (a + ONE), a)
    small = v * Wide.unit(polynomial(constants.ATAN, (v * v).to_fixed(32)), 0)
    found = choose(turned, QUARTER_PI + small, small)
    return choose(inverse, HALF_PI + -found, found).signed(x.negative)


def asin(x: Wide) -> Wide:
    """Compute asin(x) for x from -1 to 1."""
    return atan(x / ((ONE + x) * (ONE + -x)).abs().sqrt())


def acos(x: Wide) -> Wide:
    """Compute acos(x) for x from -1 to 1."""
    return atan(((ONE + -x) / (ONE + x)).abs().sqrt()).scale(1)


def _small_erf(v: Wide, square: Wide) -> Wide:
    """erf(v), for a square below 1/2."""
    w = np.clip(square.to_fixed(32), 0, 2**31 - 1)
    return v * Wide.unit(polynomial(constants.ERF, w), 0)


def _large_erfc(a: Wide, square: Any) -> Wide:
    """erfc(a), for a of 0.7 to 16; a * a in units of 2^-40."""
    beyond = square >= U64(1 << 47)
    t = TWO / (TWO + a)
    factor = Wide.unit(np.abs(polynomial(constants.ERFC, t.to_fixed(32) - (1 << 31))), -1)
    return choose(beyond, ZERO, exp_fixed(-np.where(beyond, U64(0), square).astype(I64)) * t * factor)


def _square_fixed(x: Wide, half: int) -> Any:
    """Return the square of an f32 of 1/2 to 16, times 2^-half, in units of 2^-40."""
    return (x.mantissa * x.mantissa) >> np.clip(22 - 2 * x.exponent + half, 0, 63).astype(U64)


def erf(x: Wide) -> Wide:
    a, square = x.abs(), x * x
    large = choose(a.exponent >= 4, ONE, ONE + -_large_erfc(a, _square_fixed(x, 0)))
    return choose(square.exponent < -1, _small_erf(a, square), large).signed(x.negative)


def gelu(x: Wide) -> Wide:
    """x * (1 + erf(x / sqrt 2)) / 2."""
    a = x.abs() * SQRT_HALF
    square = a * a
    tail = _large_erfc(a, _square_fixed(x, 1)).scale(-1)
    small = (ONE + _small_erf(a, square).signed(x.negative)).scale(-1)
    share = choose(square.exponent < -1, small, choose(x.negative, tail, ONE + -tail))
    return choose(x.exponent >= 4, choose(x.negative, ZERO.signed(True), x), x * share)


def gelu_tanh(x: Wide) -> Wide:
    """x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2."""
    cube = x * x * x
    return x * sigmoid(((x + cube * GELU_CUBE) * GELU_SCALE).scale(1))


def mish(x: Wide) -> Wide:
    """x * tanh(log(1 + e^x))."""
    grown = exp(x)
    part = grown * (grown + TWO)
    return x * (part / (part + TWO))


def _turns(x: Wide) -> tuple[Any, Wide]:
    """f32 as quarter turns, 0 to 3, and an angle of at most pi / 4."""
    start = np.clip(x.exponent + 7, 0, 134)
    word, shift = start // 32, (start % 32).astype(U64)
    table = np.array(constants.TWO_OVER_PI, U64)

    def bits(i: int) -> Any:
        pair = table[word + i] << U64(32) | table[word + i + 1]
        return pair << shift >> U64(32)

    mantissa = x.mantissa >> U64(8)
    product = ((mantissa * bits(0)) << U64(32)) + mantissa * bits(1) + ((mantissa * bits(2)) >> U64(32))
    quarter = (product + U64(1 << 61)) >> U64(62)
    angle = Wide.fixed((product - (quarter << U64(62))).view(I64), 62) * HALF_PI
    turned = np.where(x.negative, -quarter.astype(I64), quarter.astype(I64)) & 3
    small = x.exponent < -1
    return np.where(small, 0, turned), choose(small, x, choose(x.negative, -angle, angle))


def _sin_of(y: Wide) -> Wide:
    return y * Wide.unit(polynomial(constants.SIN, (y * y).to_fixed(31)), 0)


def _cos_of(y: Wide) -> Wide:
    return Wide.unit(polynomial(constants.COS, (y * y).to_fixed(31)), 0)


def sin(x: Wide, quarters: int = 0) -> Wide:
    """Return the sine; the cosine with 1 as `quarters`."""
    quarter, angle = _turns(x)
    quarter = quarter + quarters & 3
    found = choose(quarter & 1 == 0, _sin_of(angle), _cos_of(angle))
    return found.signed(found.negative != (quarter >> 1 == 1))


def tan(x: Wide) -> Wide:
    quarter, angle = _turns(x)
    sine, cosine = _sin_of(angle), _cos_of(angle)
    return choose(quarter & 1 == 0, sine / cosine, -(cosine / sine))
