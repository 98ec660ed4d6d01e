"""User cycles of f32: each figure is what one element, product or row was counted to take in the zkVM, whose processor has no
floating-point unit. `python -m tests.bench.bench_floats` counts them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import get_args

from zkhost.ml import ops
from zkhost.ml.compile.plan_bytes import Code

MAC, OUTPUT, CONVOLUTION_MAC, CONVOLUTION_OUTPUT = 72, 80, 95, 195
"""A fused multiply-add, with its loads; what an output takes beside them."""
WALK, ROW = 1_700, 40
"""Strided operands are checked and prepared; a row of them is begun."""
BEGIN = 400
UNARY = {"neg": 9, "abs": 9, "sqrt": 84, "floor": 28, "ceil": 19, "rint": 172}
BINARY = {"add": 132, "sub": 133, "mul": 106, "div": 153, "min": 86, "max": 86}
FUNCTIONS = {
    "exp": 189, "log": 220, "sigmoid": 306, "tanh": 372, "erf": 286, "softplus": 511, "gelu": 300, "gelu_tanh": 382, "mish": 331,
    "sin": 251, "cos": 250, "tan": 336, "asin": 565, "acos": 615, "atan": 374, "sinh": 387, "cosh": 271, "asinh": 752,
    "acosh": 600, "atanh": 420, "elu": 205, "celu": 210, "swish": 338,
}  # fmt: skip
CLIP, POWER, COMPARE, COMPARE_BYTES, SELECT = 46, 420, 76, 35, 63
SUM = {1: 75, 4: 82, 8: 88}
SUM_ROW = {1: 80, 4: 140, 8: 160}
SOFTMAX, LOG_SOFTMAX, SOFTMAX_ROW, SOFTMAX_BYTES = 176, 330, 180, 80
QUANTIZE, DEQUANTIZE, DYNAMIC, AVERAGE, AVERAGE_ROW = 62, 114, 150, 55, 45
LARGEST = 40
"""A tap of a maximum."""

_UNARY, _BINARY, _FUNCTIONS = (
    list(UNARY.values()),
    list(BINARY.values()),
    [FUNCTIONS[k] for k in get_args(ops.FunctionKind)],
)


def _walk(shape: Sequence[int], each: float) -> float:
    return WALK + prod(shape[:-1]) * ROW + prod(shape) * each


def _taps(window: Sequence[int]) -> int:
    """Positions of all windows of a plane that lie inside it."""
    sizes, out, kernel, strides, pads, dilations = (window[3 * i : 3 * i + 3] for i in range(6))
    return prod(
        sum(
            0 <= at * strides[axis] - pads[axis] + tap * dilations[axis] < sizes[axis]
            for at in range(out[axis])
            for tap in range(kernel[axis])
        )
        for axis in range(3)
    )


def _entry(values: Sequence[int], index: int) -> int:
    return values[index] if index < len(values) else 0


COSTS: Mapping[Code, Callable[[Sequence[int]], float]] = {
    Code.QUANTIZE: lambda a: BEGIN + prod(a[2:5]) * QUANTIZE,
    Code.DEQUANTIZE: lambda a: BEGIN + prod(a[3:6]) * DEQUANTIZE,
    Code.DYNAMIC: lambda a: BEGIN + a[1] * DYNAMIC,
    Code.BINARY: lambda a: _walk(a[4:10], _entry(_BINARY, a[0])),
    Code.UNARY: lambda a: BEGIN + a[3] * _entry(_UNARY, a[0]),
    Code.CLIP: lambda a: BEGIN + a[2] * CLIP,
    Code.SUM: lambda a: BEGIN + a[3] * (SUM_ROW[a[5]] + SUM[a[5]] * a[1]),
    Code.MATRIX_F32: lambda a: BEGIN + prod(a[5:7]) * a[8] * (a[7] * MAC + OUTPUT),
    Code.CONVOLUTION_F32: lambda a: (
        BEGIN + a[5] * a[7] * (prod(a[12:15]) * CONVOLUTION_OUTPUT + _taps(a[9:]) * CONVOLUTION_MAC * a[6] / a[8])
    ),
    Code.AVERAGE_POOL: lambda a: BEGIN + a[2] * (prod(a[13:16]) * AVERAGE_ROW + _taps(a[10:]) * AVERAGE),
    Code.FUNCTION: lambda a: BEGIN + a[3] * _entry(_FUNCTIONS, a[0]),
    Code.POWER: lambda a: _walk(a[3:9], POWER),
    Code.SOFTMAX: lambda a: BEGIN + a[2] * (SOFTMAX_ROW + (LOG_SOFTMAX if a[4] else SOFTMAX) * a[3]),
    Code.SOFTMAX_BYTES: lambda a: BEGIN + a[2] * (200 + SOFTMAX_BYTES * a[3]),
    Code.COMPARE: lambda a: _walk(a[5:11], COMPARE if a[0] else COMPARE_BYTES),
    Code.SELECT: lambda a: WALK + _walk(a[5:11], SELECT),
}


def cycles(op: ops.Op, size: int) -> float:
    """About what an operation takes for `size` results, without compiling it: what is counted of f32 alone."""
    match op:
        case ops.Binary():
            return size * BINARY[op.kind]
        case ops.Unary():
            return size * UNARY[op.kind]
        case ops.Function():
            return size * FUNCTIONS[op.kind]
        case ops.Softmax():
            return size * (LOG_SOFTMAX if op.logarithm else SOFTMAX)
        case ops.SumF():
            return size * (SUM_ROW[op.lanes] + op.count * SUM[op.lanes])
        case ops.AveragePool():
            return size * (AVERAGE_ROW + prod(op.window.kernel) * AVERAGE)
    return size * _EACH.get(type(op), 0)


_EACH: Mapping[type[ops.Op], int] = {
    ops.Quantize: QUANTIZE, ops.Dequantize: DEQUANTIZE, ops.DynamicQuantize: DYNAMIC, ops.Clip: CLIP, ops.Power: POWER,
    ops.SoftmaxQ: SOFTMAX_BYTES, ops.GgmlNorm: 200, ops.GgmlRope: 200, ops.GgmlSwiglu: 640, ops.Compare: COMPARE, ops.Select: SELECT,
}  # fmt: skip
