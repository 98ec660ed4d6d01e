"""Moves: no arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.errors import InferenceError
from zkhost.ml import ops
from zkhost.ml.graph import NUMPY, Graph
from zkhost.ml.reference.arithmetic import Values, along, rule


@rule(ops.Reshape)
def _reshape(graph: Graph, op: ops.Reshape, values: Values) -> Any:
    return values[op.x]


@rule(ops.Move)
def _move(graph: Graph, op: ops.Move, values: Values) -> Any:
    tensor = graph.tensors[op.y]
    y: Any = np.full(tensor.shape, op.fill, NUMPY[tensor.dtype])
    for copy in op.copies:
        flat = np.ascontiguousarray(values[copy.source]).reshape(-1)
        index = np.full(copy.shape, copy.offset, np.int64)
        for axis, stride in enumerate(copy.strides):
            index += along(np.arange(copy.shape[axis]) * stride, axis, index.ndim)
        y[tuple(slice(at, at + size) for at, size in zip(copy.at, copy.shape, strict=True))] = flat[index]
    return y


@rule(ops.Gather)
def _gather(graph: Graph, op: ops.Gather, values: Values) -> Any:
    table, index = values[op.table], values[op.index]
    if index.size and (index.max() >= len(table) or index.min() < -len(table)):
        raise InferenceError(
            f"{op.node}: an index of {int(index.max())} or {int(index.min())} is outside a table of {len(table)} rows",
            hint="give indices within the table",
        )
    return table[index]
