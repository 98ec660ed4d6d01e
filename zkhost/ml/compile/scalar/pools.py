"""Pools."""

from __future__ import annotations

from typing import Any

from zkhost.ml import ops
from zkhost.ml._windows import counts
from zkhost.ml.compile import shapes
from zkhost.ml.compile.plan_bytes import Argument, At, Code
from zkhost.ml.compile.scalar.means import Means
from zkhost.ml.compile.scalar.writer import writes
from zkhost.ml.compile.target import TYPE, Target, added


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
    graph, plan = target.graph, target.plan
    planes, window = _pool(target, op)
    means = Means(op, added(graph.dtype(op.x)), added(graph.dtype(op.y)))
    counted = counts(graph.shape(op.x)[2:], op.window, op.counted if op.count_pads else None)
    inside = counts(graph.shape(op.x)[2:], op.window, None)
    cases = sorted(set(zip(inside.reshape(-1).tolist(), counted.reshape(-1).tolist(), strict=True)))
    arguments: list[Argument] = []
    for positions, divisor in cases:
        table = means.table(positions, divisor)
        place = At(None) if table is None else plan.constant(table)
        arguments += [positions, divisor, plan.constant(means.thresholds(divisor)), int(table is not None), place]
    plan.emit(
        Code.AVERAGE_POOL_BYTES, target.read(op.x), target.write(op.y), planes, int(op.count_pads),
        plan.constant(means.values), means.low, means.high, len(cases), arguments, shapes.pads(op.counted), window,
    )  # fmt: skip
