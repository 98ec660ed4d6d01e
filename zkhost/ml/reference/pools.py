"""Pools, on integers or f32."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml import _windows as windows
from zkhost.ml import ops
from zkhost.ml.graph import Graph
from zkhost.ml.reference.arithmetic import F32, Values, rule


@rule(ops.MaxPool)
def _max_pool(graph: Graph, op: ops.MaxPool, values: Values) -> Any:
    x = values[op.x]
    lowest = -np.inf if x.dtype == F32 else np.iinfo(x.dtype).min
    found = windows.at(x, op.window, lowest)
    return found.max(axis=tuple(range(-len(op.window.kernel), 0)))


def _average(x: Any, op: ops.AveragePool | ops.AveragePoolQ) -> Any:
    found = windows.at(x, op.window, 0)
    total = np.zeros(found.shape[: x.ndim], F32)
    for position in np.ndindex(*op.window.kernel):
        total = total + found[(..., *position)]
    return total / windows.counts(x.shape[2:], op.window, op.counted if op.count_pads else None).astype(F32)


@rule(ops.AveragePool)
def _average_pool(graph: Graph, op: ops.AveragePool, values: Values) -> Any:
    return _average(values[op.x], op)


@rule(ops.AveragePoolQ)
def _average_pool_q(graph: Graph, op: ops.AveragePoolQ, values: Values) -> Any:
    x = (values[op.x].astype(np.int32) - op.x_zero).astype(F32) * F32(op.x_scale)
    v = _average(x, op) / F32(op.y_scale) + F32(op.y_zero + op.shift)
    return np.clip(np.rint(v), op.lo + op.shift, op.hi + op.shift).astype(np.int32) - op.shift
