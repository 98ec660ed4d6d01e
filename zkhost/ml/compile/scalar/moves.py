"""Moves."""

from __future__ import annotations

from math import prod

from zkhost.errors import UnsupportedModelError
from zkhost.ml import ops
from zkhost.ml.compile import shapes
from zkhost.ml.compile.plan_bytes import Code
from zkhost.ml.compile.scalar.writer import writes
from zkhost.ml.compile.target import SIZE, Target, added, bits


@writes(ops.Reshape)
def _reshape(target: Target, op: ops.Reshape) -> None:
    target.places[op.y] = target.read(op.x)


@writes(ops.Move)
def _move(target: Target, op: ops.Move) -> None:
    graph = target.graph
    dtype, shape = graph.dtype(op.y), graph.shape(op.y)
    size, to = SIZE[dtype], target.write(op.y)
    if size > 4:
        raise UnsupportedModelError(
            f"{op.node}: {dtype} values moved; expected f32 or integers",
            hint="convert them to float32 first",
            node=op.node,
        )
    if sum(prod(copy.shape) for copy in op.copies) < prod(shape):
        fill = bits(op.fill) if dtype == "f32" else int(op.fill) + added(dtype)
        target.plan.emit(Code.FILL, size, to, prod(shape), fill)
    strides = shapes.strides_of(shape)
    for copy in op.copies:
        start = sum(i * stride for i, stride in zip(copy.at, strides, strict=True))
        walk = shapes.walk(op.node, copy.shape, copy.strides, strides)
        target.plan.emit(Code.COPY, size, target.read(copy.source) + size * copy.offset, to + size * start, walk)


@writes(ops.Gather)
def _gather(target: Target, op: ops.Gather) -> None:
    graph = target.graph
    rows, *width = graph.shape(op.table)
    row = SIZE[graph.dtype(op.y)] * prod(width)
    count = target.size(op.index)
    target.plan.emit(Code.GATHER, target.read(op.table), rows, row, target.read(op.index), count, target.write(op.y))
