"""Convolutions in their QDQ, QOperator and dynamic forms, and in f32."""

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
from zkhost.ml.lower.views import reshape
from zkhost.ml.lower.window import window_of
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
F32 = np.float32
CONV = "auto_pad dilations group kernel_shape pads strides"


def conv_sums(
    low: Lowering,
    node: Node,
    x: Tensor,
    x_zero: ops.Zero,
    w: Tensor | Const,
    w_zero: Any,
    bias: Tensor | Const | None,
) -> Tensor:
    """Return the s32 sums of a convolution."""
    groups = node.get_int("group", 1)
    _check_conv(node, x.shape, w.shape, groups)
    window = window_of(node, x.shape[2:], w.shape[2:])
    bounds.check(node, bounds.reach(x.dtype, x_zero), w, w_zero, 0, bias)
    y = low.tensor(node, "s32", (x.shape[0], w.shape[0], *window.out(x.shape[2:])))
    zeros = tuple(int(z) for z in np.asarray(w_zero).reshape(-1))
    names = low.name(w), None if bias is None else low.name(bias)
    low.emit(ops.Conv(node.label, y.name, x.name, *names, x_zero, zeros, window, groups))
    return y


def _check_conv(node: Node, x: tuple[int, ...], w: tuple[int, ...], groups: int) -> None:
    if len(x) != len(w) or groups < 1 or x[1] != w[1] * groups or w[0] % groups:
        raise node.invalid(
            f"an input of {list(x)}, weights of {list(w)}, {groups} groups", "(N, C, ...) and (M, C/groups, ...)"
        )


def _fused(low: Lowering, node: Node, x: Value | None, w: Value | None, bias: Value | None) -> Sums:
    q, zero, scale = activation_of(node, x)
    weights, w_scale, w_zero = weights_of(node, w, 0)
    scales = (scale * w_scale).astype(F32)
    sums = conv_sums(low, node, q, zero, weights, w_zero, bias_of(node, bias, weights.shape[0], scales))
    return Sums(sums, scales, 1)


@handles("Conv", attributes=CONV)
def convolution(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Lower to integer sums where input and weights are quantised, otherwise to f32."""
    x, w, bias = (*args, None)[:3]
    w = weights_in_int8(low, node, x, w, bias)
    if isinstance(x, Quant) and isinstance(w, Quant):
        added = float_bias(low, node, x, w, bias)
        sums = _fused(low, node, x, w, bias if added is None else None)
        return [sums if added is None else add_to_channels(low, node, sums, added)]
    left, right = f32(low, node, x), f32(low, node, w)
    left = low.copy(node, left)
    groups = node.get_int("group", 1)
    _check_conv(node, left.shape, right.shape, groups)
    window = window_of(node, left.shape[2:], right.shape[2:])
    offset = None if bias is None else f32(low, node, bias)
    if offset is not None and offset.shape != right.shape[:1]:
        raise node.invalid(f"a bias of {list(offset.shape)}", f"[{right.shape[0]}]")
    y = low.tensor(node, "f32", (left.shape[0], right.shape[0], *window.out(left.shape[2:])))
    names = low.name(right), None if offset is None else low.name(offset)
    low.emit(ops.ConvF(node.label, y.name, left.name, *names, window, groups))
    return [y]


def add_to_channels(low: Lowering, node: Node, value: Value, bias: Tensor | Const) -> Tensor:
    """Return the value with a bias for each channel, added in f32."""
    x = f32(low, node, value)
    if len(bias.shape) != 1 or bias.shape[0] != x.shape[1]:
        raise node.invalid(f"a bias of {list(bias.shape)}", f"[{x.shape[1]}]")
    column = (*bias.shape, *(1 for _ in x.shape[2:]))
    across = Const(bias.array.reshape(column)) if isinstance(bias, Const) else reshape(low, node, bias, column)
    return floats.binary(low, node, "add", x, across)


@handles("QLinearConv", attributes=CONV)
def _qlinear_conv(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, sx, zx, w, sw, zw, sy, zy, bias = (*args, None)[:9]
    sums = _fused(low, node, quant(node, x, sx, zx), quant(node, w, sw, zw), bias)
    return [to_integers(low, node, sums, target_of(node, sy, zy))]


@handles("ConvInteger", attributes=CONV)
def _conv_integer(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, w, zx, zw = (*args, None, None)[:4]
    tensor, zero = integers_of(node, x, zx)
    weights, zeros = integer_weights_of(node, w, zw, 0)
    return [conv_sums(low, node, tensor, zero, weights, zeros, None)]
