"""How far sums of products can go: a model whose int32 sums could wrap on some input is refused when it is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml.graph import LIMITS, DType
from zkhost.ml.ops import Zero
from zkhost.ml.read.node import Node

LIMIT = 2**31 - 1


def reach(dtype: DType, zero: Zero) -> tuple[int, int]:
    """The least and greatest of x - zero."""
    lo, hi = LIMITS[dtype]
    return (lo - hi, hi - lo) if isinstance(zero, str) else (lo - zero, hi - zero)


def check_constant(node: Node, x: tuple[int, int], weights: Any, bias: Any) -> None:
    """`weights` (outputs, terms), centred, int64; `bias` (outputs) or None. Raises UnsupportedModelError where a sum can wrap."""
    positive = np.maximum(weights, 0).sum(axis=1)
    negative = np.minimum(weights, 0).sum(axis=1)
    offset = 0 if bias is None else bias.astype(np.int64)
    highest = positive * x[1] + negative * x[0]
    lowest = positive * x[0] + negative * x[1]
    # Partial sums must fit as well, with the bias and without: kernels add in any order.
    worst = max(int(np.max(highest + np.maximum(offset, 0))), -int(np.min(lowest + np.minimum(offset, 0))))
    _refuse(node, worst)


def check_pair(node: Node, a: tuple[int, int], b: tuple[int, int], terms: int) -> None:
    """Sums of `terms` products of two activations."""
    _refuse(node, terms * max(abs(p * q) for p in a for q in b))


def _refuse(node: Node, worst: int) -> None:
    if worst > LIMIT:
        raise node.unsupported(
            f"sums that can reach {worst:,}", f"sums within int32 ({LIMIT:,})", "quantise to 8 bits with a smaller bias, or split the layer"
        )  # fmt: skip
