"""Between f32 and integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.errors import InferenceError
from zkhost.ml import ops
from zkhost.ml.graph import Graph
from zkhost.ml.reference.arithmetic import F32, Values, along, finish, rule


@rule(ops.Quantize)
def _quantize(graph: Graph, op: ops.Quantize, values: Values) -> Any:
    x = values[op.x]
    v = x / along(values[op.scale], op.axis, x.ndim)
    return finish(v, along(op.zero, op.axis, x.ndim), op.lo, op.hi)


@rule(ops.Dequantize)
def _dequantize(graph: Graph, op: ops.Dequantize, values: Values) -> Any:
    x = values[op.x]
    centred = x.astype(np.int64) - along(op.zero, op.axis, x.ndim)
    return centred.astype(F32) * along(values[op.scale], op.axis, x.ndim)


@rule(ops.DynamicQuantize)
def _dynamic_quantize(graph: Graph, op: ops.DynamicQuantize, values: Values) -> Any:
    x = values[op.x]
    if not np.isfinite(x).all():
        raise InferenceError(f"{op.node}: NaN or infinity cannot be quantised", hint="give finite inputs")
    return dynamic_quantize(x)


def dynamic_quantize(x: Any) -> tuple[Any, Any, Any]:
    """Return finite f32 values as u8, with their scale and zero point."""
    high, low = max(F32(0), x.max(initial=F32(0))), min(F32(0), x.min(initial=F32(0)))
    scale = F32(F32(high - low) / F32(255)) if high != low else F32(1)
    zero = int(np.rint(np.clip(F32(0) - F32(low / scale), F32(0), F32(255))))
    y = np.clip(np.rint(np.asarray(x / scale, F32)).astype(np.float64) + zero, 0, 255)
    return y.astype(np.uint8), np.asarray(scale), np.asarray(zero, np.uint8)
