"""f32."""

from __future__ import annotations

from math import prod

from zkhost.ml import ops
from zkhost.ml.compile import shapes
from zkhost.ml.compile.plan_bytes import Argument, Code
from zkhost.ml.compile.scalar.writer import pair, writes
from zkhost.ml.compile.target import Target, bits

_BINARY = ("add", "sub", "mul", "div", "min", "max")
_UNARY = ("neg", "abs", "sqrt", "floor", "ceil", "rint")


@writes(ops.Binary)
def _binary(target: Target, op: ops.Binary) -> None:
    kind = _BINARY.index(op.kind)
    target.plan.emit(Code.BINARY, kind, target.read(op.a), target.read(op.b), target.write(op.y), pair(target, op))


@writes(ops.Unary)
def _unary(target: Target, op: ops.Unary) -> None:
    target.plan.emit(Code.UNARY, _UNARY.index(op.kind), target.read(op.x), target.write(op.y), target.size(op.x))


@writes(ops.Clip)
def _clip(target: Target, op: ops.Clip) -> None:
    target.plan.emit(Code.CLIP, target.read(op.x), target.write(op.y), target.size(op.x), bits(op.lo), bits(op.hi))


@writes(ops.SumF)
def _sum_f(target: Target, op: ops.SumF) -> None:
    target.plan.emit(
        Code.SUM, target.read(op.x), op.count, target.write(op.y), target.size(op.y), int(op.mean), op.lanes
    )


def _bias_f32(target: Target, name: str | None) -> tuple[Argument, Argument]:
    return (1, target.read(name)) if name else (0, 0)


@writes(ops.MatMulF)
def _matmul_f(target: Target, op: ops.MatMulF) -> None:
    graph = target.graph
    *batch, rows, depth = graph.shape(op.a)
    target.plan.emit(
        Code.MATRIX_F32, target.read(op.a), target.read(op.w), _bias_f32(target, op.bias), target.write(op.y),
        prod(batch), rows, depth, graph.shape(op.w)[-1], int(len(graph.shape(op.w)) > 2),
    )  # fmt: skip


@writes(ops.ConvF)
def _conv_f(target: Target, op: ops.ConvF) -> None:
    graph = target.graph
    (n, c, *sizes), (_, m, *out) = graph.shape(op.x), graph.shape(op.y)
    target.plan.emit(
        Code.CONVOLUTION_F32, target.read(op.x), target.read(op.w), _bias_f32(target, op.bias), target.write(op.y),
        n, c, m, op.groups, shapes.window(sizes, op.window, out),
    )  # fmt: skip
