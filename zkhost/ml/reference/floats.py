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
    rows = values[op.x].reshape(-1, op.count)
    if op.lanes == 1:
        total = _in_order(np.zeros(len(rows), F32), rows)
    elif op.lanes == 4:
        total = _four_lanes(np.zeros((len(rows), 4), F32), rows)
    else:
        total = np.zeros(len(rows), F32)
        heads = np.minimum(-(np.arange(len(rows)) * op.count) % 4, op.count)
        for head in range(4):
            total[heads == head] = _aligned(rows[heads == head], head)
    return total / F32(op.count) if op.mean else total


def _in_order(total: Any, rows: Any) -> Any:
    for column in rows.T:
        total = total + column
    return total


def _four_lanes(lanes: Any, rows: Any, first: Any = ()) -> Any:
    """Rows added to lanes, lanes added up, then `first` and what is left of the rows."""
    whole = rows.shape[1] // 4 * 4
    for j in range(0, whole, 4):
        lanes = lanes + rows[:, j : j + 4]
    total = (lanes[:, 0] + lanes[:, 2]) + (lanes[:, 1] + lanes[:, 3])
    for part in (first, rows[:, whole:]):
        total = _in_order(total, part) if len(part) else total
    return total


def _aligned(rows: Any, head: int) -> Any:
    if rows.shape[1] - head < 4:
        return _in_order(np.full(len(rows), -0.0, F32), rows)
    lanes, rest = np.full((len(rows), 8), -0.0, F32), rows[:, head:]
    whole = rest.shape[1] // 8 * 8
    for j in range(0, whole, 8):
        lanes = lanes + rest[:, j : j + 8]
    return _four_lanes(lanes[:, :4] + lanes[:, 4:], rest[:, whole:], rows[:, :head])


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
