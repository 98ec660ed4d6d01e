"""Gemm and MatMul in their QDQ, QOperator and dynamic forms, and in f32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower import bounds, floats
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.operands import (
    activation_of,
    bias_of,
    float_bias,
    integer_weights_of,
    integers_of,
    weights_in_int8,
    weights_of,
)
from zkhost.ml.lower.scales import quant, target_of, to_integers
from zkhost.ml.lower.values import Const, Quant, Sums, Value
from zkhost.ml.lower.views import reshape, transpose
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
F32 = np.float32


def _product(
    low: Lowering,
    node: Node,
    a: Tensor,
    a_zero: ops.Zero,
    w: Tensor | Const,
    w_zero: Any,
    bias: Tensor | Const | None,
) -> Tensor:
    """Return the s32 sums of a matrix product with ONNX's rules of shapes."""
    a, w, batch, squeeze = _matrices(low, node, a, w)
    bounds.check(node, bounds.reach(a.dtype, a_zero), w, w_zero, len(w.shape) - 1, bias)
    y = low.tensor(node, "s32", (*batch, a.shape[-2], w.shape[-1]))
    zeros = tuple(int(z) for z in np.asarray(w_zero).reshape(-1))
    offset = None if bias is None else low.name(bias)
    low.emit(ops.MatMul(node.label, y.name, a.name, low.name(w), offset, a_zero, zeros))
    return (
        y
        if not squeeze
        else reshape(low, node, y, tuple(s for i, s in enumerate(y.shape) if i - len(y.shape) not in squeeze))
    )


def _matrices(
    low: Lowering, node: Node, a: Tensor, w: Tensor | Const
) -> tuple[Tensor, Tensor | Const, tuple[int, ...], set[int]]:
    """Both sides with two axes or more, and the same batch; which axes of the result (from the end) to take off."""
    squeeze: set[int] = set()
    if len(a.shape) == 1:
        a = reshape(low, node, a, (1, *a.shape))
        squeeze.add(-2)
    if len(w.shape) == 1:
        w = Const(w.array.reshape(-1, 1)) if isinstance(w, Const) else reshape(low, node, w, (w.size, 1))
        squeeze.add(-1)
    if isinstance(w, Const) and all(size == 1 for size in w.shape[:-2]):
        lead = max(len(w.shape) - len(a.shape), 0)
        w = Const(w.array.reshape(w.shape[-2:]))
        if lead:
            a = reshape(low, node, a, (*(1 for _ in range(lead)), *a.shape))
    if not a.shape or not w.shape or a.shape[-1] != w.shape[-2]:
        raise node.invalid(f"matrices of {list(a.shape)} and {list(w.shape)}", "an inner size that agrees")
    if len(w.shape) == 2:
        return a, w, a.shape[:-2], squeeze
    batch = floats.broadcast(node, [a.shape[:-2], w.shape[:-2]])
    return low.copy(node, a, (*batch, *a.shape[-2:])), low.copy(node, w, (*batch, *w.shape[-2:])), batch, squeeze


def _fused_product(low: Lowering, node: Node, a: Value | None, w: Value | None, bias: Value | None) -> Sums:
    """MatMul of two Quants."""
    q, zero, scale = activation_of(node, _left(low, node, a))
    weights, w_scale, w_zero = weights_of(node, w, -1)
    scales = (scale * w_scale).astype(F32)
    offset = bias_of(node, bias, weights.shape[-1], scales)
    sums = _product(low, node, q, zero, weights, w_zero, offset)
    return Sums(sums, scales, len(sums.shape) - 1)


def _left(low: Lowering, node: Node, a: Value | None) -> Value | None:
    if isinstance(a, Quant) and isinstance(a.q, Const):
        return Quant(low.copy(node, a.q), a.scale, a.zero, a.axis)
    return a


def _turned(low: Lowering, node: Node, value: Value | None) -> Value | None:
    """Return a matrix transposed."""
    if isinstance(value, Quant):
        q = Const(value.q.array.T) if isinstance(value.q, Const) else transpose(low, node, value.q, (1, 0))
        return Quant(q, value.scale, value.zero, 1 - value.axis)
    if isinstance(value, Const):
        return Const(value.array.T)
    x = f32(low, node, value)
    assert isinstance(x, Tensor)
    return transpose(low, node, x, (1, 0))


@handles("MatMul")
def _matmul(low: Lowering, node: Node, args: Args) -> list[Value]:
    a, w = args
    if isinstance(a, Quant) and isinstance(w, Quant):
        return [_fused_product(low, node, a, w, None)]
    return [_float_product(low, node, f32(low, node, a), f32(low, node, w), None)]


def _float_product(low: Lowering, node: Node, a: Tensor | Const, w: Tensor | Const, bias: str | None) -> Tensor:
    a = a if isinstance(a, Tensor) else low.copy(node, a)
    a, w, batch, squeeze = _matrices(low, node, a, w)
    y = low.tensor(node, "f32", (*batch, a.shape[-2], w.shape[-1]))
    low.emit(ops.MatMulF(node.label, y.name, a.name, low.name(w), bias))
    return (
        y
        if not squeeze
        else reshape(low, node, y, tuple(s for i, s in enumerate(y.shape) if i - len(y.shape) not in squeeze))
    )


@handles("Gemm", attributes="alpha beta transA transB")
def _gemm(low: Lowering, node: Node, args: Args) -> list[Value]:
    a, w, bias = (*args, None)[:3]
    if node.get_float("alpha", 1) == 1 == node.get_float("beta", 1):
        w = weights_in_int8(low, node, a, w, bias)
    a, w, bias = _gemm_sides(low, node, (a, w, bias))
    if isinstance(a, Quant) and isinstance(w, Quant):
        added = float_bias(low, node, a, w, bias)
        sums = _fused_product(low, node, a, w, bias if added is None else None)
        return [sums if added is None else floats.binary(low, node, "add", f32(low, node, sums), added)]
    left, right = f32(low, node, a), f32(low, node, w)
    offset = None if bias is None else f32(low, node, bias)
    alpha, beta = node.get_float("alpha", 1), node.get_float("beta", 1)
    if alpha != 1 or (offset is not None and beta != 1):
        y = _scaled(low, node, _float_product(low, node, left, right, None), alpha)
        return [y if offset is None else floats.binary(low, node, "add", y, _scaled(low, node, offset, beta))]
    vector = isinstance(offset, Const) and offset.array.size == right.shape[-1] == (offset.shape or (0,))[-1]
    if offset is None or vector:
        name = low.constant(offset.array.reshape(-1)) if isinstance(offset, Const) else None
        return [_float_product(low, node, left, right, name)]
    return [floats.binary(low, node, "add", _float_product(low, node, left, right, None), offset)]


def _scaled(low: Lowering, node: Node, x: Tensor | Const, factor: float) -> Tensor:
    return floats.binary(low, node, "mul", x, Const(np.asarray(factor, F32)))


def _gemm_sides(low: Lowering, node: Node, args: Args) -> Args:
    """Return the three inputs with alpha, beta and the transpositions taken care of."""
    a, w, bias = args
    quantised = isinstance(a, Quant) and isinstance(w, Quant)
    if quantised and (node.get_float("alpha", 1) != 1 or (bias is not None and node.get_float("beta", 1) != 1)):
        raise node.unsupported("an alpha or beta other than 1", "1", "fold them into the weights")
    if any(value is None or len(value.shape) != 2 for value in (a, w)):
        raise node.invalid("inputs that are not matrices", "two axes each")
    a = _turned(low, node, a) if node.get_int("transA", 0) else a
    w = _turned(low, node, w) if node.get_int("transB", 0) else w
    return a, w, bias


@handles("QLinearMatMul")
def _qlinear_matmul(low: Lowering, node: Node, args: Args) -> list[Value]:
    a, sa, za, w, sw, zw, sy, zy = args
    sums = _fused_product(low, node, quant(node, a, sa, za), quant(node, w, sw, zw, -1), None)
    return [to_integers(low, node, sums, target_of(node, sy, zy))]


@handles("com.microsoft.QGemm", attributes="alpha transA transB")
def _qgemm(low: Lowering, node: Node, args: Args) -> list[Value]:
    a, sa, za, w, sw, zw, bias, sy, zy = (*args, None, None, None)[:9]
    axis = 0 if node.get_int("transB", 0) else -1
    left, right, bias = _gemm_sides(low, node, (quant(node, a, sa, za), quant(node, w, sw, zw, axis), bias))
    sums = _fused_product(low, node, left, right, bias)
    return [sums if sy is None else to_integers(low, node, sums, target_of(node, sy, zy))]


@handles("MatMulInteger")
def _matmul_integer(low: Lowering, node: Node, args: Args) -> list[Value]:
    a, w, za, zw = (*args, None, None)[:4]
    tensor, zero = integers_of(node, a, za)
    weights, zeros = integer_weights_of(node, w, zw, -1)
    return [_product(low, node, tensor, zero, weights, zeros, None)]
