"""Pools and means."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower import floats, integers
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.moves import move
from zkhost.ml.lower.scales import quant, target_of
from zkhost.ml.lower.values import Lazy, Quant, Value
from zkhost.ml.lower.views import reshape, transpose
from zkhost.ml.lower.window import pool_of
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
POOL = "auto_pad ceil_mode dilations kernel_shape pads strides"


def _spatial(node: Node, value: Value | None) -> tuple[int, ...]:
    if value is None or len(value.shape) < 3:
        raise node.invalid("an input without spatial axes", "(N, C, ...)")
    return value.shape


@handles("MaxPool", attributes=f"{POOL} storage_order")
def _max_pool(low: Lowering, node: Node, args: Args) -> list[Value]:
    pool = pool_of(node, _spatial(node, args[0]))
    if len(node.outputs) > 1:
        raise node.unsupported("the indices of the maxima", "one output", "export without return_indices")

    def pooled(x: Tensor) -> Tensor:
        y = low.tensor(node, x.dtype, pool.shape)
        low.emit(ops.MaxPool(node.label, y.name, x.name, pool.window))
        return y

    value = args[0]
    if isinstance(value, Quant) and value.per_tensor:
        return [move(low, node, value, pooled)]
    return [pooled(value if isinstance(value, Tensor) else low.copy(node, f32(low, node, value)))]


@handles("AveragePool", attributes=f"{POOL} count_include_pad")
def _average_pool(low: Lowering, node: Node, args: Args) -> list[Value]:
    value = args[0]
    pool = pool_of(node, _spatial(node, value))
    if fuses(low, node, value):
        return [Lazy(node, (value,), pool.shape)]  # type: ignore[arg-type]
    return [floats.average_pool(low, node, low.copy(node, f32(low, node, value)), pool)]


def fuses(low: Lowering, node: Node, value: Value | None) -> bool:
    """Return whether onnxruntime runs the operator on these integers."""
    return (
        isinstance(value, Quant)
        and value.per_tensor
        and isinstance(value.q, Tensor)
        and value.dtype != "s32"
        and low.meets_quantize(node.outputs[0])
    )


@handles("GlobalAveragePool", "GlobalMaxPool")
def _global(low: Lowering, node: Node, args: Args) -> list[Value]:
    value = args[0]
    shape = _spatial(node, value)
    target = (*shape[:2], *(1 for _ in shape[2:]))
    if node.op == "GlobalMaxPool":
        size = shape[2:]
        window = ops.Window(size, (1,) * len(size), (0,) * (2 * len(size)), (1,) * len(size))

        def pooled(x: Tensor) -> Tensor:
            y = low.tensor(node, x.dtype, target)
            low.emit(ops.MaxPool(node.label, y.name, x.name, window))
            return y

        return [move(low, node, value, pooled)]
    if fuses(low, node, value):
        return [Lazy(node, (value,), target)]  # type: ignore[arg-type]
    return [floats.mean(low, node, low.copy(node, f32(low, node, value)), prod(shape[2:]), target, 4)]


@handles("com.microsoft.QLinearGlobalAveragePool", attributes="channels_last")
def _qlinear_global(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, sx, zx, sy, zy = (*args, None)[:5]
    value, target = quant(node, x, sx, zx), target_of(node, sy, zy)
    shape = _spatial(node, value)
    rank = len(shape)
    if not node.get_int("channels_last", 0):
        return [integers.global_average(low, node, value, target)]
    order = (0, rank - 1, *range(1, rank - 1))
    turned = move(low, node, value, lambda t: transpose(low, node, t, order))
    assert isinstance(turned, Quant)
    y = integers.global_average(low, node, turned, target)
    return [reshape(low, node, y, (shape[0], *(1 for _ in shape[1:-1]), shape[-1]))]


@handles("com.microsoft.QLinearAveragePool", attributes=f"{POOL} count_include_pad channels_last")
def _qlinear_average(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, sx, zx, sy, zy = (*args, None)[:5]
    value, target = quant(node, x, sx, zx), target_of(node, sy, zy)
    if node.get_int("channels_last", 0):
        raise node.unsupported("channels_last", "channels first", "quantise the model again without it")
    return [integers.average_pool(low, node, value, pool_of(node, _spatial(node, value)), target, 0)]
