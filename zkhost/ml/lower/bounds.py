"""How far sums of products can go: a model whose int32 sums could wrap on some input is refused when it is loaded."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from zkhost.ml.graph import LIMITS, DType, Tensor
from zkhost.ml.lower.context import along
from zkhost.ml.lower.values import Const
from zkhost.ml.ops import Zero
from zkhost.ml.read.node import Node

LIMIT = 2**31 - 1


def reach(dtype: DType, zero: Zero) -> tuple[int, int]:
    """Return the least and greatest of x - zero."""
    lo, hi = LIMITS[dtype]
    return (lo - hi, hi - lo) if isinstance(zero, str) else (lo - zero, hi - zero)


def check(
    node: Node, x: tuple[int, int], w: Tensor | Const, w_zero: Any, axis: int, bias: Tensor | Const | None
) -> None:
    """Sums of products with weights whose outputs are on `axis`; a bias that is a tensor may wrap around. Raises
    UnsupportedModelError where a sum can leave s32.
    """
    offset = bias.array if isinstance(bias, Const) else None
    zeros = np.asarray(w_zero).astype(np.int64).reshape(-1)
    if isinstance(w, Const):
        centred = w.array.astype(np.int64) - along(zeros, axis, w.array.ndim)
        _check_constant(node, x, np.moveaxis(centred, axis, 0).reshape(w.shape[axis], -1), offset)
        return
    terms = prod(w.shape[1:]) if axis == 0 else w.shape[-2]
    reaches = [reach(w.dtype, int(zero)) for zero in (zeros.min(), zeros.max())]
    worst = max(abs(p * q) for each in reaches for p in x for q in each)
    _refuse(node, terms * worst + (0 if offset is None else int(np.abs(offset.astype(np.int64)).max(initial=0))))


def _check_constant(node: Node, x: tuple[int, int], weights: Any, bias: Any) -> None:
    """`weights` (outputs, terms), centred, int64; `bias` (outputs) or None. Raises UnsupportedModelError where a sum can wrap."""
    positive = np.maximum(weights, 0).sum(axis=1)
    negative = np.minimum(weights, 0).sum(axis=1)
    offset = 0 if bias is None else bias.astype(np.int64)
    highest = positive * x[1] + negative * x[0]
    lowest = positive * x[0] + negative * x[1]
    # Partial sums must fit as well, with the bias and without: kernels add in any order.
    worst = max(int(np.max(highest + np.maximum(offset, 0))), -int(np.min(lowest + np.minimum(offset, 0))))
    _refuse(node, worst)


def _refuse(node: Node, worst: int) -> None:
    if worst > LIMIT:
        raise node.unsupported(
            f"sums that can reach {worst:,}", f"sums within int32 ({LIMIT:,})", "quantise to 8 bits with a smaller bias, or split the layer"
        )  # fmt: skip
