"""Choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Graph
from zkhost.ml.reference.arithmetic import F32, Values, rule


@rule(ops.ArgMax)
def _argmax(graph: Graph, op: ops.ArgMax, values: Values) -> Any:
    rows = values[op.x].reshape(-1, op.width)
    return op.width - 1 - rows[:, ::-1].argmax(axis=1) if op.last else rows.argmax(axis=1)


@rule(ops.TopK)
def _top_k(graph: Graph, op: ops.TopK, values: Values) -> Any:
    rows = values[op.x].reshape(-1, op.width)
    keys = rows if rows.dtype.kind == "f" else rows.astype(np.int64)
    order = np.argsort(-keys if op.largest else keys, axis=1, kind="stable")[:, : op.k]
    return np.take_along_axis(rows, order, axis=1), order


@rule(ops.Threshold)
def _threshold(graph: Graph, op: ops.Threshold, values: Values) -> Any:
    x = values[op.x]
    return x >= (x.dtype.type(F32(op.limit)) if x.dtype.kind == "f" else int(op.limit))
