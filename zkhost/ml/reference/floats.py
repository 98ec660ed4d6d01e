"""f32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zkhost.ml import _windows as windows
from zkhost.ml import ops
from zkhost.ml.graph import Graph
from zkhost.ml.reference.arithmetic import F32, Values, along, fma, rule

_BINARY: dict[ops.BinaryKind, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "min": lambda a, b: np.where(a < b, a, b),
    "max": lambda a, b: np.where(a > b, a, b),
}
_UNARY: dict[ops.UnaryKind, Callable[[Any], Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "rint": np.rint,
}


@rule(ops.Binary)
def _binary(graph: Graph, op: ops.Binary, values: Values) -> Any:
    return _BINARY[op.kind](values[op.a], values[op.b])


@rule(ops.Unary)
def _unary(graph: Graph, op: ops.Unary, values: Values) -> Any:
    return _UNARY[op.kind](values[op.x])


@rule(ops.Clip)
def _clip(graph: Graph, op: ops.Clip, values: Values) -> Any:
    x, lo, hi = values[op.x], F32(op.lo), F32(op.hi)
    x = np.where(x > lo, x, lo)
    return np.where(x < hi, x, hi)


@rule(ops.SumF)
def _sum_f(graph: Graph, op: ops.SumF, values: Values) -> Any:
    rows, done = values[op.x].reshape(-1, op.count), 0
    total = np.zeros(len(rows), F32)
    if op.lanes > 1:
        done = op.count // op.lanes * op.lanes
        lanes = np.zeros((len(rows), op.lanes), F32)
        for j in range(0, done, op.lanes):
            lanes = lanes + rows[:, j : j + op.lanes]
        if op.lanes == 8:
            lanes = lanes[:, :4] + lanes[:, 4:]
            if op.count - done >= 4:
                lanes = lanes + rows[:, done : done + 4]
                done += 4
        total = (lanes[:, 0] + lanes[:, 2]) + (lanes[:, 1] + lanes[:, 3])
    for j in range(done, op.count):
        total = total + rows[:, j]
    return total / F32(op.count) if op.mean else total


@rule(ops.MatMulF)
def _matmul_f(graph: Graph, op: ops.MatMulF, values: Values) -> Any:
    a, w = values[op.a], values[op.w]
    total = np.zeros((*a.shape[:-1], w.shape[-1]), F32)
    for k in range(a.shape[-1]):
        total = fma(a[..., k, None], w[..., k, None, :], total)
    return total if op.bias is None else total + values[op.bias]


@rule(ops.ConvF)
def _conv_f(graph: Graph, op: ops.ConvF, values: Values) -> Any:
    x, w = values[op.x], values[op.w]
    found = windows.at(x, op.window, 0)
    inside = windows.at(np.ones((1, 1, *x.shape[2:]), F32), op.window, 0) > 0
    rank, out = len(op.window.kernel), w.shape[0]
    total = np.zeros((x.shape[0], out, *found.shape[2 : 2 + rank]), F32)
    each_in, each_out = w.shape[1], out // op.groups
    for m in range(out):
        first = (m // each_out) * each_in
        for c in range(each_in):
            for position in np.ndindex(*op.window.kernel):
                at = (..., *position)
                term = fma(found[at][:, first + c], w[(m, c, *position)], total[:, m])
                total[:, m] = np.where(inside[at][:, 0], term, total[:, m])
    return total if op.bias is None else total + along(values[op.bias], 1, total.ndim)
