"""Functions of f32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import LIMITS, Graph
from zkhost.ml.reference import constants
from zkhost.ml.reference import elementary as el
from zkhost.ml.reference.arithmetic import F32, Values, rule
from zkhost.ml.reference.wide import HUGE, I64, ONE, U64, ZERO, Wide, choose, polynomial

Limits = tuple[float, float, float, float]

NAN, INF, HALF_PI, LN_2 = np.nan, np.inf, np.pi / 2, np.log(2)
_ODD, _GATE = (0.0, -0.0, NAN, NAN), (0.0, -0.0, INF, -0.0)

_LIMITS: dict[ops.FunctionKind, Limits] = {
    "exp": (1, 1, INF, 0), "log": (-INF, -INF, INF, NAN), "sigmoid": (0.5, 0.5, 1, 0), "tanh": (0.0, -0.0, 1, -1),
    "erf": (0.0, -0.0, 1, -1), "softplus": (LN_2, LN_2, INF, 0), "gelu": _GATE, "gelu_tanh": _GATE, "mish": _GATE, "sin": _ODD,
    "cos": (1, 1, NAN, NAN), "tan": _ODD, "asin": _ODD, "acos": (HALF_PI, HALF_PI, NAN, NAN), "atan": (0.0, -0.0, HALF_PI, -HALF_PI),
    "sinh": (0.0, -0.0, INF, -INF), "cosh": (1, 1, INF, INF), "asinh": (0.0, -0.0, INF, -INF), "acosh": (NAN, NAN, INF, NAN),
    "atanh": _ODD,
}  # fmt: skip
"""Values at 0, -0, infinity and -infinity; functions without them are computed there too."""

_UNDEFINED: dict[ops.FunctionKind, Callable[[Any], Any]] = {
    "log": lambda x: x < 0, "acosh": lambda x: x < 1,
    "asin": lambda x: np.abs(x) > 1, "acos": lambda x: np.abs(x) > 1, "atanh": lambda x: np.abs(x) > 1,
}  # fmt: skip

_FORMULAS: dict[ops.FunctionKind, Callable[[Wide], Wide]] = {
    "exp": el.exp, "log": el.log, "sigmoid": el.sigmoid, "tanh": el.tanh, "erf": el.erf, "softplus": el.softplus,
    "gelu": el.gelu, "gelu_tanh": el.gelu_tanh, "mish": el.mish, "sin": el.sin, "cos": lambda x: el.sin(x, 1), "tan": el.tan,
    "asin": el.asin, "acos": el.acos, "atan": el.atan, "sinh": el.sinh, "cosh": el.cosh, "asinh": el.asinh, "acosh": el.acosh,
    "atanh": el.atanh,
}  # fmt: skip


@rule(ops.Function)
def _function(graph: Graph, op: ops.Function, values: Values) -> Any:
    x = values[op.x]
    y = _formula(op, Wide.of(x)).f32()
    if op.kind in _LIMITS:
        for value, at in zip(_LIMITS[op.kind], (0.0, -0.0, INF, -INF), strict=True):
            y = np.where((x == at) & (np.signbit(x) == np.signbit(at)), F32(value), y)
    undefined = np.isnan(x)
    if op.kind in _UNDEFINED:
        undefined |= _UNDEFINED[op.kind](x)
    return np.where(undefined, F32(NAN), y)


def _formula(op: ops.Function, x: Wide) -> Wide:
    if op.kind in _FORMULAS:
        return _FORMULAS[op.kind](x)
    alpha, gamma = Wide.of(F32(op.alpha)), Wide.of(F32(op.gamma))
    if op.kind == "swish":
        return x * el.sigmoid(x * alpha)
    linear = ~x.negative | (x.mantissa == 0)
    if op.kind == "celu":
        return choose(linear, x, alpha * el.expm1(x / alpha))
    return choose(linear, gamma * x, gamma * (alpha * el.expm1(x)))


@rule(ops.Power)
def _power(graph: Graph, op: ops.Power, values: Values) -> Any:
    x, y = np.broadcast_arrays(values[op.a], values[op.b])
    magnitude = np.abs(x)
    whole, odd = _parity(Wide.of(y))
    limit = (magnitude == 0) | np.isinf(x) | (np.isinf(y) & (magnitude != 1))
    grows = (y > 0) == (magnitude > 1)
    found = choose(limit, choose(grows, HUGE, ZERO), _finite_power(Wide.of(magnitude), Wide.of(y)))
    found = choose(~limit & (magnitude == 1), ONE, found).signed(np.signbit(x) & odd)
    undefined = np.isnan(x) | np.isnan(y) | (~limit & np.signbit(x) & ~whole)
    return np.where((y == 0) | (x == 1), F32(1), np.where(undefined, F32(NAN), found.f32()))


def _parity(y: Wide) -> tuple[Any, Any]:
    """Return whether numbers are whole, and odd."""
    exponent = np.clip(y.exponent, 0, 30)
    fraction = (y.mantissa.astype(I64) << (exponent + 1)) & 0xFFFFFFFF
    whole = (y.exponent > 30) | ((y.exponent >= 0) & (fraction == 0))
    return whole, whole & (y.exponent <= 30) & (y.mantissa.astype(I64) >> (31 - exponent) & 1 == 1)


_LN_2_LONG = 49946518145322874
"""ln 2 in units of 2^-56."""


def _finite_power(x: Wide, y: Wide) -> Wide:
    """x^y for positive x other than 1, by a logarithm in 64 bits."""
    above = x.mantissa > el.SQRT_HALF.mantissa
    power = x.exponent + above
    number = np.where(above, x.mantissa, x.mantissa << U64(1)).astype(I64)
    part, whole = Wide.fixed(number - (1 << 32), 32), Wide.fixed(number + (1 << 32), 32)
    s = part / whole
    dividend = np.where(part.mantissa < whole.mantissa, part.mantissa << U64(32), part.mantissa << U64(31))
    rest = dividend - s.mantissa * whole.mantissa
    long = s.mantissa << U64(32) | (rest << U64(32)) // whole.mantissa
    square = s * s
    w = np.clip(square.to_fixed(32), 0, 2**31 - 1)
    more = s * square * Wide.unit(polynomial(constants.ATANH[1:], w), 1)
    bits = np.where(power == 0, 62, 56)
    shift = 62 - bits - s.exponent
    twice = np.where((part.mantissa == 0) | (shift > 63), U64(0), long >> np.clip(shift, 0, 63).astype(U64)).astype(I64)
    more_fixed = np.where(power == 0, more.to_fixed(62), more.to_fixed(56))
    log = power * _LN_2_LONG + np.where(s.negative, -twice, twice) + more_fixed
    top = Wide.fixed(log, bits).exponent
    zeros = np.clip(63 - bits - top, 0, 63).astype(U64)
    magnitude = np.abs(log).view(U64) << zeros
    factor = y.mantissa >> U64(8)
    product = factor * (magnitude >> U64(32)) + ((factor * (magnitude & U64(0xFFFFFFFF))) >> U64(32))
    exponent = top + y.exponent
    t = np.where(exponent < -49, U64(0), product >> np.clip(14 - exponent, 0, 63).astype(U64))
    beyond = (exponent >= 7) | (t >= U64(1 << 47))
    falls = (log < 0) != y.negative
    t = np.where(beyond, U64(0), t).astype(I64)
    return choose(beyond, choose(falls, ZERO, HUGE), el.exp_fixed(np.where(falls, -t, t)))


@rule(ops.Softmax)
def _softmax(graph: Graph, op: ops.Softmax, values: Values) -> Any:
    x = values[op.x].reshape(-1, op.width)
    most = np.max(np.where(np.isnan(x), -INF, x), axis=1, keepdims=True).astype(F32)
    exact, d, near = _below(x, most)
    share = choose(near & (d > -(1 << 47)), el.exp_fixed(np.where(near, np.maximum(d, -(1 << 47)), 0)), ZERO)
    total = share.to_fixed(40).sum(axis=1, keepdims=True)
    if op.logarithm:
        y = (
            choose(exact, Wide.fixed(np.where(exact, d, 0), 40), Wide.of(x - most))
            + -el.log1p(Wide.fixed(total - (1 << 40), 40))
        ).f32()
        y = np.where(x == -INF, F32(-INF), y)
    else:
        y = (Wide.of(share.f32()) * (ONE / Wide.fixed(total, 40))).f32()
    return np.where(np.isnan(x).any(axis=1, keepdims=True) | ~np.isfinite(most), F32(NAN), y)


def _below(x: Any, most: Any) -> tuple[Any, Any, Any]:
    """x - most in units of 2^-40: where it is exact, the values, and where there is one."""
    wide, largest, apart = Wide.of(x), Wide.of(most), Wide.of(x - most)
    exact = (wide.exponent <= 20) & (largest.exponent <= 20)
    return (
        exact,
        np.where(exact, wide.to_fixed(40) - largest.to_fixed(40), apart.to_fixed(40)),
        exact | (apart.exponent <= 20),
    )


@rule(ops.SoftmaxQ)
def _softmax_q(graph: Graph, op: ops.SoftmaxQ, values: Values) -> Any:
    x = values[op.x].reshape(-1, op.width).astype(I64)
    terms = values[op.table][255 + x - x.max(axis=1, keepdims=True)]
    total = np.zeros(len(x), F32)
    for column in terms.T:
        total = total + column
    y = np.rint(terms * F32(op.factor) / total[:, None]).astype(I64) + op.zero
    return np.minimum(y, LIMITS[graph.dtype(op.y)][1])
