"""Pools."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import shapes
from zkhost.ml.compile.plan_bytes import Code
from zkhost.ml.compile.scalar.writer import writes
from zkhost.ml.compile.target import TYPE, Target, added, bits


def _pool(target: Target, op: Any) -> tuple[int, list[int]]:
    (n, c, *sizes), (_, _, *out) = target.graph.shape(op.x), target.graph.shape(op.y)
    return n * c, shapes.window(sizes, op.window, out)


@writes(ops.MaxPool)
def _max_pool(target: Target, op: ops.MaxPool) -> None:
    planes, window = _pool(target, op)
    kind = TYPE[target.graph.dtype(op.x)]
    target.plan.emit(Code.MAX_POOL, kind, target.read(op.x), target.write(op.y), planes, window)


@writes(ops.AveragePool)
def _average_pool(target: Target, op: ops.AveragePool) -> None:
    planes, window = _pool(target, op)
    target.plan.emit(
        Code.AVERAGE_POOL,
        target.read(op.x),
        target.write(op.y),
        planes,
        int(op.count_pads),
        shapes.pads(op.counted),
        window,
    )


@writes(ops.AveragePoolQ)
def _average_pool_q(target: Target, op: ops.AveragePoolQ) -> None:
    graph = target.graph
    planes, window = _pool(target, op)
    values = np.arange(256, dtype=np.int32) - added(graph.dtype(op.x)) - op.x_zero
    table = values.astype(np.float32) * np.float32(op.x_scale)
    target.plan.emit(
        Code.AVERAGE_POOL_BYTES, target.read(op.x), target.write(op.y), planes, int(op.count_pads),
        target.plan.constant(table), bits(op.y_scale), op.y_zero + op.shift, op.lo + op.shift, op.hi + op.shift,
        op.shift - added(graph.dtype(op.y)), shapes.pads(op.counted), window,
    )  # fmt: skip
