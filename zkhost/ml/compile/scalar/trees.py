"""Ensembles of decision trees."""

from __future__ import annotations

from zkhost.ml import ops
from zkhost.ml.compile import tree_cells
from zkhost.ml.compile.plan_bytes import Argument, Code
from zkhost.ml.compile.scalar.writer import writes
from zkhost.ml.compile.target import SIZE, Target

_AGGREGATES = ("sum", "average", "min", "max")


@writes(ops.Trees)
def _trees(target: Target, op: ops.Trees) -> None:
    graph, plan = target.graph, target.plan
    rows, targets = graph.shape(op.y)
    features = graph.shape(op.x)[-1]
    cells, roots = tree_cells.cells(tree_cells.of(graph, op))
    size = SIZE[graph.dtype(op.x)]
    slots = 1 << (features - 1).bit_length()

    def optional(name: str | None) -> tuple[Argument, Argument]:
        return (1, target.read(name)) if name else (0, 0)

    plan.emit(
        Code.TREES, size // 8, target.read(op.x), rows, features, plan.constant(cells), cells.size,
        plan.constant(roots), roots.size, _AGGREGATES.index(op.aggregate), optional(op.start), optional(op.base),
        target.write(op.y), targets, plan.buffer(slots * size), slots,
    )  # fmt: skip
