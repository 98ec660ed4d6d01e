"""Integers: sums of products, and what finishes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml import _windows as windows
from zkhost.ml import ops
from zkhost.ml.graph import Graph
from zkhost.ml.reference.arithmetic import F32, Values, along, finish, fma, rule


def _zero(zero: ops.Zero, values: Values) -> int:
    return zero if isinstance(zero, int) else int(values[zero])


@rule(ops.Conv)
def _conv(graph: Graph, op: ops.Conv, values: Values) -> Any:
    x = values[op.x].astype(np.int64) - _zero(op.x_zero, values)
    w = values[op.w].astype(np.int64)
    w = w - along(op.w_zero, 0, w.ndim)
    found = windows.at(x, op.window, 0)
    rank, groups = len(op.window.kernel), op.groups
    n, c = found.shape[:2]
    sizes = found.shape[2 : 2 + rank]
    left = found.reshape(n, groups, c // groups, *found.shape[2:])
    right = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    space, kernel = "xyz"[:rank], "ijk"[:rank]
    y = np.einsum(f"ngc{space}{kernel},goc{kernel}->ngo{space}", left, right, optimize=True)
    y = y.reshape(n, w.shape[0], *sizes)
    return y if op.bias is None else _added(graph, op.bias, y, along(values[op.bias].astype(np.int64), 1, y.ndim))


def _added(graph: Graph, name: str, sums: Any, bias: Any) -> Any:
    """Sums with their bias; one that is a tensor can lead them around s32."""
    y = sums + bias
    return y.astype(np.int32) if name in graph.tensors else y


@rule(ops.MatMul)
def _matmul(graph: Graph, op: ops.MatMul, values: Values) -> Any:
    a = values[op.a].astype(np.int64) - _zero(op.a_zero, values)
    w = values[op.w].astype(np.int64)
    y = a @ (w - along(op.w_zero, w.ndim - 1, w.ndim))
    return y if op.bias is None else _added(graph, op.bias, y, values[op.bias].astype(np.int64))


@rule(ops.SumQ)
def _sum_q(graph: Graph, op: ops.SumQ, values: Values) -> Any:
    return (values[op.x].astype(np.int64) - op.x_zero).reshape(-1, op.count).sum(axis=1)


@rule(ops.MulQ)
def _mul_q(graph: Graph, op: ops.MulQ, values: Values) -> Any:
    return (values[op.a].astype(np.int64) - op.a_zero) * (values[op.b].astype(np.int64) - op.b_zero)


@rule(ops.Requantize)
def _requantize(graph: Graph, op: ops.Requantize, values: Values) -> Any:
    x = values[op.x]
    v = x.astype(F32) * along(values[op.scale], op.axis, x.ndim)
    return finish(v, op.zero, op.lo, op.hi)


@rule(ops.AddQ)
def _add_q(graph: Graph, op: ops.AddQ, values: Values) -> Any:
    a, b = values[op.a].astype(F32), values[op.b].astype(F32)
    v = fma(F32(op.ratio_a), a, fma(F32(op.ratio_b), b, F32(op.fixed)))
    return np.clip(np.rint(v), op.lo, op.hi).astype(np.int32)


@rule(ops.Table)
def _table(graph: Graph, op: ops.Table, values: Values) -> Any:
    x = values[op.x]
    return values[op.table][x.astype(np.int32) + (128 if x.dtype == np.int8 else 0)]
