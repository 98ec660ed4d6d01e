"""Functions of f32."""

from __future__ import annotations

from typing import get_args

from zkhost.ml import ops
from zkhost.ml.compile.plan_bytes import Code
from zkhost.ml.compile.scalar.writer import pair, writes
from zkhost.ml.compile.target import Target, added, bits

_KINDS = get_args(ops.FunctionKind)


@writes(ops.Function)
def _function(target: Target, op: ops.Function) -> None:
    target.plan.emit(
        Code.FUNCTION, _KINDS.index(op.kind), target.read(op.x), target.write(op.y), target.size(op.x),
        bits(op.alpha), bits(op.gamma),
    )  # fmt: skip


@writes(ops.Power)
def _power(target: Target, op: ops.Power) -> None:
    target.plan.emit(Code.POWER, target.read(op.a), target.read(op.b), target.write(op.y), pair(target, op))


@writes(ops.Softmax)
def _softmax(target: Target, op: ops.Softmax) -> None:
    rows = target.size(op.x) // op.width
    target.plan.emit(Code.SOFTMAX, target.read(op.x), target.write(op.y), rows, op.width, int(op.logarithm))


@writes(ops.SoftmaxQ)
def _softmax_q(target: Target, op: ops.SoftmaxQ) -> None:
    dtype = target.graph.dtype(op.y)
    rows = target.size(op.x) // op.width
    target.plan.emit(
        Code.SOFTMAX_BYTES, target.read(op.x), target.write(op.y), rows, op.width, target.read(op.table), bits(op.factor),
        op.zero + added(dtype),
    )  # fmt: skip
