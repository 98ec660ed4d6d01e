"""Comparisons and choices."""

from __future__ import annotations

from typing import get_args

from zkhost.ml import ops
from zkhost.ml.compile import shapes
from zkhost.ml.compile.plan_bytes import Code
from zkhost.ml.compile.scalar.writer import pair, writes
from zkhost.ml.compile.target import SIZE, TYPE, Target

_RELATIONS = get_args(ops.Relation)


@writes(ops.Compare)
def _compare(target: Target, op: ops.Compare) -> None:
    kind, relation = TYPE[target.graph.dtype(op.a)], _RELATIONS.index(op.relation)
    target.plan.emit(
        Code.COMPARE, kind, relation, target.read(op.a), target.read(op.b), target.write(op.y), pair(target, op)
    )


@writes(ops.Select)
def _select(target: Target, op: ops.Select) -> None:
    graph = target.graph
    shape = graph.shape(op.y)
    strides = [shapes.broadcast(graph.shape(name), shape) for name in op.reads()]
    reads = [target.read(name) for name in op.reads()]
    target.plan.emit(
        Code.SELECT, SIZE[graph.dtype(op.y)], reads, target.write(op.y), shapes.walk(op.node, shape, *strides)
    )
