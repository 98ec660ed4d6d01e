"""Trees as an operation of the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Array, Tensor
from zkhost.ml.lower.context import Lowering
from zkhost.ml.ops.trees import Aggregate
from zkhost.ml.read.node import Node
from zkhost.ml.read.tree_nodes import Nodes

MAX_FEATURES = {np.dtype(np.float32): 1 << 14, np.dtype(np.float64): 1 << 13}
"""What a cell of the kernel has room for."""


def emit(
    low: Lowering, node: Node, x: Tensor, nodes: Nodes, targets: int, aggregate: Aggregate = "sum",
    start: Array | None = None, base: Array | None = None,
) -> Tensor:  # fmt: skip
    """Return the scores of a forest for each row of x. Raises UnsupportedModelError for more features than kernels take."""
    dtype = nodes.dtype
    features = x.shape[-1]
    if features > MAX_FEATURES[dtype]:
        raise node.unsupported(
            f"{features:,} features", f"at most {MAX_FEATURES[dtype]:,} of {dtype}", "select the features that matter"
        )
    y = low.tensor(node, x.dtype, (x.size // features, targets))

    def of(values: Any, kind: Any) -> str:
        return low.constant(np.asarray(values, kind))

    low.emit(
        ops.Trees(
            node.label, y.name, x.name, of(nodes.modes, np.uint8), of(nodes.features, np.int32),
            of(nodes.thresholds, dtype), of(nodes.yes, np.int32), of(nodes.no, np.int32), of(nodes.missing, np.uint8),
            of(nodes.targets or [0], np.int32), of(nodes.weights or [0], dtype), of(nodes.roots, np.int32),
            None if start is None else of(start, dtype), None if base is None else of(base, dtype), aggregate,
        )
    )  # fmt: skip
    return y
