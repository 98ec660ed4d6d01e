"""Functions of f32 that are not exact, in a declared arithmetic of integers: the same bits on every machine.

They are computed in numbers with 32 bits of mantissa, by polynomials and integer divisions (`reference.wide` and
`reference.elementary` are the definition, step by step), and rounded once to f32, to nearest even. Errors are in units in
the last place of the f32 result, measured over the whole range (`tests/unit/ml_engine/test_functions.py`): at most 0.54, and
1.2 for `gelu_tanh` far below zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zkhost.ml.ops.base import Op

FunctionKind = Literal[
    "exp", "log", "sigmoid", "tanh", "erf", "softplus", "gelu", "gelu_tanh", "mish", "sin", "cos", "tan", "asin", "acos",
    "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "elu", "celu", "swish",
]  # fmt: skip


@dataclass(frozen=True)
class Function(Op):
    """y = <kind>(x) of each element, f32.

    softplus: log(1 + e^x). gelu: x (1 + erf(x / sqrt 2)) / 2; gelu_tanh: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
    mish: x tanh(log(1 + e^x)). elu: gamma x from 0 on, gamma alpha (e^x - 1) below. celu: x from 0 on, alpha (e^(x / alpha) - 1)
    below. swish: x / (1 + e^(-alpha x)). NaN where x is NaN or the function has no value; at infinities its limit.
    """

    kind: FunctionKind
    x: str
    alpha: float = 1.0
    gamma: float = 1.0

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class Power(Op):
    """y = a^b in f32, a and b (tensors or constants) broadcast to y; special values as C's pow, errors of at most 0.54 units."""

    a: str
    b: str

    def reads(self) -> tuple[str, ...]:
        return (self.a, self.b)


@dataclass(frozen=True)
class Softmax(Op):
    """Softmax of each `width` neighbours of flat x, or its logarithm, f32.

    d = x - max in units of 2^-40, each truncated towards zero to them (a d of f32 where x or max is 2^21 or more);
    e = e^d; s = the sum of all e, each truncated to 2^-40; y = f32(f32(e) (1 / s)), or f32(d - log(1 + (s - 1))).
    The sum is exact, so its order does not matter. A row with a NaN, with an infinity, or of -infinity alone is NaN. Errors:
    at most 1.5 units of y; of the logarithm 0.54 units, or width * 2^-40 where that is more.
    """

    x: str
    width: int
    logarithm: bool

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class SoftmaxQ(Op):
    """Softmax of each `width` neighbours of flat x: u8 or s8, as y. In f32, each step rounded:

    t = table[x + top - max x], with the constant f32 table's entries for 256 values in order (top: the largest of x's dtype is the
    last); s = the sum of t in order from 0; y = rint((t * factor) / s) + zero; at most y's largest.
    Source: onnxruntime's qlinear_softmax.cc; factor is floor(1 / y's scale).
    """

    x: str
    width: int
    table: str
    factor: float
    zero: int

    def reads(self) -> tuple[str, ...]:
        return (self.x, self.table)
