"""Ensembles of decision trees, walked node by node."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Graph
from zkhost.ml.ops.trees import LEAF, LT
from zkhost.ml.reference.arithmetic import Values, rule


@rule(ops.Trees)
def _trees(graph: Graph, op: ops.Trees, values: Values) -> Any:
    x, weights, targets = values[op.x], values[op.weights], values[op.targets].tolist()
    yes, no = values[op.yes].tolist(), values[op.no].tolist()
    roots, (rows, columns) = values[op.roots].tolist(), graph.shape(op.y)
    scores = np.zeros((rows, columns), x.dtype)
    if op.start is not None:
        scores[:] = values[op.start]
    for row, scored in zip(x.reshape(rows, -1), scores, strict=True):
        found = np.zeros(columns, bool)
        for root in roots:
            leaf = _leaf(op, values, row, root)
            for entry in range(yes[leaf], no[leaf]):
                target, weight = targets[entry], weights[entry]
                if op.aggregate in ("sum", "average"):
                    scored[target] = scored[target] + weight
                elif not found[target] or (
                    weight < scored[target] if op.aggregate == "min" else weight > scored[target]
                ):
                    scored[target] = weight
                found[target] = True
    if op.aggregate == "average":
        scores /= x.dtype.type(len(roots))
    return scores if op.base is None else scores + values[op.base]


def _leaf(op: ops.Trees, values: Values, row: Any, node: int) -> int:
    modes, features, thresholds = values[op.modes], values[op.features], values[op.thresholds]
    yes, no, missing = values[op.yes], values[op.no], values[op.missing]
    while modes[node] != LEAF:
        value, threshold = row[features[node]], thresholds[node]
        if np.isnan(value):
            taken = missing[node] == 1
        else:
            taken = value < threshold if modes[node] == LT else value <= threshold
        node = int(yes[node] if taken else no[node])
    return node
