"""Operators that stay in f32: the declared arithmetic of `ops`, where a model leaves the integers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower import integers, tables
from zkhost.ml.lower.context import Lowering, dequantised
from zkhost.ml.lower.values import Const, Curve, Labels, Lazy, Quant, Sums, Value
from zkhost.ml.lower.window import Pool, pool_of
from zkhost.ml.read.node import Node

F32 = np.float32
Lanes = Literal[1, 4, 8]


def f32(low: Lowering, node: Node, value: Value | None) -> Tensor | Const:
    """Return the value in f32, dequantised where it was waiting for a QuantizeLinear. `node` is what reads it."""
    match value:
        case Tensor() if value.dtype == "f32":
            return value
        case Const() if value.array.dtype == F32:
            return value
        case Quant():
            return _dequantise(low, node, value)
        case Sums():
            y = low.tensor(node, "f32", value.shape)
            low.emit(ops.Dequantize(node.label, y.name, value.sums.name, low.constant(value.scale), value.axis, (0,)))
            return y if (value.lo, value.hi) == (-np.inf, np.inf) else clip(low, node, y, value.lo, value.hi)
        case Curve():
            return tables.as_f32(low, node, value)
        case Lazy():
            return _plain(low, value)
        case None:
            raise node.invalid("an input that is left out", "all inputs it needs")
    if isinstance(value, Labels):
        raise node.unsupported("labels that are texts", "float32", "choose another output")
    found = value.dtype if isinstance(value, Tensor) else value.array.dtype
    raise node.unsupported(f"an input of {found}", "float32", "export the model in float32, then quantise it")


def _dequantise(low: Lowering, node: Node, value: Quant) -> Tensor | Const:
    if isinstance(value.q, Const):
        return Const(dequantised(value))
    y = low.tensor(node, "f32", value.shape)
    zero = tuple(int(z) for z in value.zero.reshape(-1))
    low.emit(ops.Dequantize(node.label, y.name, value.q.name, low.constant(value.scale), value.axis, zero))
    return y


def _plain(low: Lowering, lazy: Lazy) -> Tensor | Const:
    """Return the operator in f32 after all."""
    node = lazy.node
    args = [f32(low, node, arg) for arg in lazy.args]
    if node.op in ("Add", "Mul"):
        return binary(low, node, "add" if node.op == "Add" else "mul", args[0], args[1])
    if node.op == "Concat":
        return integers.join(low, node, args, node.get_int("axis", 0))
    (x,) = args
    assert isinstance(x, Tensor)
    if node.op == "AveragePool":
        return average_pool(low, node, x, pool_of(node, x.shape))
    return mean(low, node, x, prod(x.shape) // prod(lazy.shape), lazy.shape, 4 if node.op == "GlobalAveragePool" else 8)


def clip(low: Lowering, node: Node, x: Tensor, lo: float, hi: float) -> Tensor:
    """min(max(x, lo), hi)."""
    y = low.tensor(node, "f32", x.shape)
    low.emit(ops.Clip(node.label, y.name, x.name, float(lo), float(hi)))
    return y


def binary(low: Lowering, node: Node, kind: ops.BinaryKind, a: Tensor | Const, b: Tensor | Const) -> Tensor:
    """Emit one f32 operator on two values that broadcast."""
    y = low.tensor(node, "f32", broadcast(node, [a.shape, b.shape]))
    low.emit(ops.Binary(node.label, y.name, kind, low.name(a), low.name(b)))
    return y


def broadcast(node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape that shapes broadcast to. Raises ModelFormatError where they do not."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise node.invalid(f"inputs of shapes {[list(s) for s in shapes]}", "shapes that broadcast") from error


def average_pool(low: Lowering, node: Node, x: Tensor, pool: Pool) -> Tensor:
    """AveragePool in f32, in the order of onnxruntime's MLAS where that can be said with the operations there are.

    A window over everything is summed as a global one. With steps of 1 or 2, MLAS sums down the columns first, except where
    onnxruntime has put channels in blocks of 16; two pools one after the other do the same where the first divides by a
    power of two, which is exact.
    """
    window, plain = pool.window, not any(pool.window.pads)
    if plain and window.kernel == x.shape[2:]:
        return mean(low, node, x, prod(window.kernel), pool.shape, 4)
    blocked = x.shape[1] % 16 == 0
    if plain and not blocked and len(window.kernel) == 2 and window.strides[1] <= 2 and window.dilations == (1, 1):
        height, width = window.kernel
        if height in (2, 4, 8, 16):
            down = ops.Window((height, 1), (window.strides[0], 1), (0, 0, 0, 0), (1, 1))
            across = ops.Window((1, width), (1, window.strides[1]), (0, 0, 0, 0), (1, 1))
            columns = _average(low, node, x, down, (*x.shape[:2], *down.out(x.shape[2:])), pool)
            return _average(low, node, columns, across, pool.shape, pool)
    return _average(low, node, x, window, pool.shape, pool)


def _average(low: Lowering, node: Node, x: Tensor, window: ops.Window, shape: tuple[int, ...], pool: Pool) -> Tensor:
    y = low.tensor(node, "f32", shape)
    low.emit(ops.AveragePool(node.label, y.name, x.name, window, pool.count_pads, pool.counted))
    return y


def mean(low: Lowering, node: Node, x: Tensor, count: int, shape: tuple[int, ...], lanes: Lanes) -> Tensor:
    """Return the mean of every `count` neighbours (the sum for a ReduceSum), summed in that many lanes."""
    y = low.tensor(node, "f32", shape)
    low.emit(ops.SumF(node.label, y.name, x.name, count, node.op != "ReduceSum", lanes))
    return y
