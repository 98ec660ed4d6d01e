"""Choices."""

from __future__ import annotations

from zkhost.ml import ops
from zkhost.ml.compile.plan_bytes import Code
from zkhost.ml.compile.scalar.writer import writes
from zkhost.ml.compile.target import TYPE, Target, added, bits


@writes(ops.ArgMax)
def _arg_max(target: Target, op: ops.ArgMax) -> None:
    kind = TYPE[target.graph.dtype(op.x)]
    target.plan.emit(
        Code.ARG_MAX, kind, target.read(op.x), target.size(op.y), op.width, int(op.last), target.write(op.y)
    )


@writes(ops.TopK)
def _top_k(target: Target, op: ops.TopK) -> None:
    kind, rows = TYPE[target.graph.dtype(op.x)], target.size(op.x) // op.width
    target.plan.emit(
        Code.TOP_K,
        kind,
        target.read(op.x),
        rows,
        op.width,
        op.k,
        int(op.largest),
        target.write(op.y),
        target.write(op.indices),
    )


@writes(ops.Threshold)
def _threshold(target: Target, op: ops.Threshold) -> None:
    dtype = target.graph.dtype(op.x)
    limit = bits(op.limit) if dtype in ("f32", "f64") else int(op.limit) + added(dtype)
    target.plan.emit(Code.THRESHOLD, TYPE[dtype], target.read(op.x), target.size(op.x), limit, target.write(op.y))
