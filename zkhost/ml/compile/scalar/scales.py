"""Between f32 and integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile.plan_bytes import At, Code
from zkhost.ml.compile.scalar.writer import channels, writes
from zkhost.ml.compile.target import TYPE, Target, added


def _parameters(target: Target, op: Any, more: int) -> tuple[At, At, int]:
    """Scales and zero points, as many of one as of the other."""
    scale = target.graph.constants[op.scale].reshape(-1)
    zero = np.asarray(op.zero, dtype=np.int32).reshape(-1) + more
    count = max(scale.size, zero.size)
    scale, zero = np.broadcast_to(scale, (count,)), np.broadcast_to(zero, (count,))
    return target.plan.constant(scale), target.plan.constant(zero.astype(np.int32)), count


@writes(ops.Quantize)
def _quantize(target: Target, op: ops.Quantize) -> None:
    scale, zero, count = _parameters(target, op, 0)
    layout = channels(target.graph.shape(op.x), op.axis, count)
    target.plan.emit(
        Code.QUANTIZE, target.read(op.x), target.write(op.y), layout, scale, zero, count, op.lo, op.hi,
        added(target.graph.dtype(op.y)),
    )  # fmt: skip


@writes(ops.Dequantize)
def _dequantize(target: Target, op: ops.Dequantize) -> None:
    dtype = target.graph.dtype(op.x)
    scale, zero, count = _parameters(target, op, added(dtype))
    layout = channels(target.graph.shape(op.x), op.axis, count)
    target.plan.emit(Code.DEQUANTIZE, TYPE[dtype], target.read(op.x), target.write(op.y), layout, scale, zero, count)


@writes(ops.DynamicQuantize)
def _dynamic(target: Target, op: ops.DynamicQuantize) -> None:
    target.plan.emit(
        Code.DYNAMIC,
        target.read(op.x),
        target.size(op.x),
        target.write(op.y),
        target.write(op.scale),
        target.write(op.zero),
    )
