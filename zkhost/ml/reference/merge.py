"""Low-rank updates of weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.errors import InferenceError
from zkhost.ml import ops
from zkhost.ml.graph import Array, Graph
from zkhost.ml.reference.arithmetic import F32, Values, fma, rule


@rule(ops.Merge)
def _merge(graph: Graph, op: ops.Merge, values: Values) -> Any:
    w, a, b = values[op.w], values[op.a], values[op.b]
    delta = _delta(op, a, b, w.size // a.shape[1])
    scaled = _rounded(op, delta.T if op.transposed else delta, F32(op.scaling))
    y = rounded(w.reshape(scaled.shape) + scaled, op.precision)
    if not all(np.isfinite(array).all() for array in (w, a, b, y)):
        raise InferenceError(
            f"{op.node}: a weight is not finite", hint="the file is damaged, or alpha is far too large"
        )
    return y.reshape(w.shape)


def _delta(op: ops.Merge, a: Array, b: Array, outputs: int) -> Array:
    """(O, I), before it is scaled."""
    groups, rank = len(op.enable), b.shape[1]
    size, found, place = outputs // groups, np.zeros((outputs, a.shape[1]), F32), 0
    for group, enabled in enumerate(op.enable):
        if enabled:
            left, right = b[place * size :][:size], a[place * rank :][:rank]
            sums = found[group * size :][:size]
            for k in range(rank):
                sums[:] = fma(left[:, k, None], right[None, k], sums)
            place += 1
    return found + F32(0)


def _rounded(op: ops.Merge, delta: Array, scaling: Any) -> Array:
    return rounded(delta * scaling, op.precision)


def rounded(x: Array, precision: ops.Precision) -> Array:
    """f32 rounded to what the precision holds, as f32."""
    if precision == "f16":
        return x.astype(np.float16).astype(F32)
    if precision == "bf16":
        bits = x.view(np.uint32)
        even = (bits >> 16 & 1) + np.uint32(0x7FFF)
        return ((bits + even) & np.uint32(0xFFFF0000)).view(F32)
    return x
