"""Low-rank updates of weights."""

from __future__ import annotations

from zkhost.ml import ops
from zkhost.ml.compile.plan_bytes import Code
from zkhost.ml.compile.scalar.writer import writes
from zkhost.ml.compile.target import Target, bits

_PRECISIONS = ("f32", "f16", "bf16")


@writes(ops.Merge)
def _merge(target: Target, op: ops.Merge) -> None:
    """Write one operation of the plan for each group of outputs."""
    graph, plan = target.graph, target.plan
    rank, inputs = graph.shape(op.b)[1], graph.shape(op.a)[1]
    outputs = target.size(op.y) // inputs
    size = outputs // len(op.enable)
    w, a, b, y = target.read(op.w), target.read(op.a), target.read(op.b), target.write(op.y)
    rows, columns, pitch = (inputs, size, outputs) if op.transposed else (size, inputs, inputs)
    scratch = plan.buffer(8 * rank * (columns + 1))
    place = 0
    for group, enabled in enumerate(op.enable):
        at = 4 * group * (size if op.transposed else size * inputs)
        left, right, strides = b + 4 * place * size * rank, a + 4 * place * rank * inputs, [rank, 1, inputs, 1]
        if op.transposed:
            left, right, strides = right, left, [1, inputs, 1, rank]
        plan.emit(
            Code.MERGE, w + at, left, right, y + at, scratch, rows, columns, rank if enabled else 0, pitch, strides,
            bits(op.scaling), _PRECISIONS.index(op.precision),
        )  # fmt: skip
        place += enabled
