"""Print the constants of the f32 functions: `python tools/function_constants.py rust|python`.

Every function is a polynomial in a variable w below 1/2, kept as a signed number of 2^-32, with coefficients of 2^-30. They
interpolate the function at Chebyshev's nodes, which is within a small factor of the best, and are made in float64, whose
errors are below theirs.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev, polynomial

Function = Callable[[float], float]


def interpolate(function: Function, low: float, high: float, degree: int) -> list[int]:
    """Coefficients of w^0 to w^degree, in units of 2^-30, for w from low to high."""
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    series = chebyshev.chebfit(nodes, [function(middle + half * node) for node in nodes], degree)
    powers = np.zeros(1)
    for term in chebyshev.cheb2poly(series)[::-1]:
        powers = polynomial.polyadd(polynomial.polymul(powers, [-middle / half, 1 / half]), [term])
    return [round(float(each) * 2**30) for each in powers]


def of_square(function: Function, at_zero: float, scale: float = 1) -> Function:
    """f(v) / v for an odd f, as a function of w = scale * v^2."""

    def ratio(w: float) -> float:
        v = math.sqrt(max(w, 0) / scale)
        return function(v) / v if v > 0 else at_zero

    return ratio


def _expm1(w: float) -> float:
    return math.expm1(w) / w if w else 1.0


def _erfc(w: float) -> float:
    a = 2 / (w + 0.5) - 2
    return 2 * math.exp(a * a) * math.erfc(a) / (w + 0.5)


def two_over_pi(words: int) -> list[int]:
    """A word of zeros, then the bits of 2 / pi, first bits first."""
    bits = 32 * words + 64

    def arctan_of_inverse(n: int) -> int:  # Machin's formula
        total, term, k = 0, (1 << bits) // n, 0
        while term:
            total += (-term if k % 2 else term) // (2 * k + 1)
            term, k = term // (n * n), k + 1
        return total

    pi = 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))
    value = (2 << (2 * bits)) // pi >> (bits - 32 * words)
    return [0, *((value >> (32 * (words - 1 - i))) & 0xFFFFFFFF for i in range(words))]


POLYNOMIALS = {
    "EXP": ("e^w", interpolate(math.exp, -0.3467, 0.3467, 7)),
    "EXPM1": ("(e^w - 1) / w", interpolate(_expm1, -0.25, 0.25, 6)),
    "ATANH": ("artanh(s) / s, w = s^2", interpolate(of_square(math.atanh, 1), 0, 0.0295, 4)),
    "SIN": ("sin(y) / y, w = y^2 / 2", interpolate(of_square(math.sin, 1, 0.5), 0, 0.3085, 4)),
    "COS": ("cos(y), w = y^2 / 2", interpolate(lambda w: math.cos(math.sqrt(max(2 * w, 0))), 0, 0.3085, 5)),
    "ATAN": ("arctan(v) / v, w = v^2", interpolate(of_square(math.atan, 1), 0, 0.25, 8)),
    "ERF": ("erf(v) / v, w = v^2", interpolate(of_square(math.erf, 2 / math.sqrt(math.pi)), 0, 0.5, 7)),
    "ERFC": ("2 e^(a^2) erfc(a) / t, w = t - 1/2, t = 2 / (2 + a)", interpolate(_erfc, -0.345, 0.2415, 12)),
}
WORDS = two_over_pi(8)


def rust() -> str:
    """The constants of `guest-methods/zkhost-nn/src/constants.rs`."""
    lines = ["//! Constants of the functions, made by `tools/function_constants.py`.", ""]
    for name, (what, values) in POLYNOMIALS.items():
        lines += [f"/// {what}", f"pub const {name}: [i32; {len(values)}] = [{', '.join(map(str, values))}];"]
    lines += ["/// 32 zeros, then the bits of 2 / pi."]
    lines += [f"pub const TWO_OVER_PI: [u32; {len(WORDS)}] = [{', '.join(f'0x{word:08x}' for word in WORDS)}];"]
    return "\n".join(lines) + "\n"


def python() -> str:
    """The constants of `zkhost/ml/reference/constants.py`."""
    lines = ['"""Constants of the functions, made by `tools/function_constants.py`."""', ""]
    for name, (what, values) in POLYNOMIALS.items():
        lines += [f"{name} = ({', '.join(map(str, values))})", f'"""{what}"""']
    lines += [
        f"TWO_OVER_PI = ({', '.join(f'0x{word:08X}' for word in WORDS)})",
        '"""32 zeros, then the bits of 2 / pi."""',
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(rust() if sys.argv[1:] == ["rust"] else python(), end="")
