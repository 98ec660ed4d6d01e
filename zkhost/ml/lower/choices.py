"""ArgMax and TopK."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower.context import Lowering, handles, one
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.values import Const, Quant, Value
from zkhost.ml.lower.views import reshape, transpose
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]


def _rows(low: Lowering, node: Node, value: Value | None, axis: int) -> tuple[Tensor, Tensor, int, tuple[int, ...]]:
    """Return the value with the axis last; the value as it was; the axis, and the order that puts it last.

    Of a quantised tensor the integers: their order is that of the values.
    """
    x: Tensor | Const
    if isinstance(value, Quant) and value.per_tensor:
        x = value.q
    else:
        x = value if isinstance(value, Tensor) else f32(low, node, value)
    tensor = low.copy(node, x)
    rank = len(tensor.shape)
    if not -rank <= axis < rank:
        raise node.invalid(f"axis {axis} of a tensor with {rank} axes", f"{-rank} to {rank - 1}")
    axis %= rank
    order = (*(i for i in range(rank) if i != axis), axis)
    return transpose(low, node, tensor, order), tensor, axis, order


def _back(low: Lowering, node: Node, x: Tensor, order: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    """Move from the order with the axis last to the model's own."""
    inner = tuple(shape[axis] for axis in order)
    return transpose(low, node, reshape(low, node, x, inner), tuple(int(i) for i in np.argsort(order)))


@handles("ArgMax", attributes="axis keepdims select_last_index")
def _argmax(low: Lowering, node: Node, args: Args) -> list[Value]:
    rows, x, axis, _ = _rows(low, node, args[0], node.get_int("axis", 0))
    kept = tuple(1 if i == axis else size for i, size in enumerate(x.shape))
    shape = kept if node.get_int("keepdims", 1) else tuple(size for i, size in enumerate(x.shape) if i != axis)
    y = low.tensor(node, "s32", shape)
    low.emit(ops.ArgMax(node.label, y.name, rows.name, rows.shape[-1], bool(node.get_int("select_last_index", 0))))
    return [y]


@handles("TopK", attributes="axis largest sorted")
def _top_k(low: Lowering, node: Node, args: Args) -> list[Value]:
    value = args[0]
    k = int(one(node, args[1], "k"))
    rows, x, axis, order = _rows(low, node, value, node.get_int("axis", -1))
    width = rows.shape[-1]
    if not 1 <= k <= width:
        raise node.invalid(f"k {k} of {width}", f"1 to {width}")
    shape = tuple(k if i == axis else size for i, size in enumerate(x.shape))
    outer = (rows.size // width, k)
    values, indices = low.tensor(node, rows.dtype, outer), low.tensor(node, "s32", outer)
    low.emit(ops.TopK(node.label, values.name, indices.name, rows.name, width, k, bool(node.get_int("largest", 1))))
    top = _back(low, node, values, order, shape)
    found: Value = Quant(top, value.scale, value.zero, 0) if isinstance(value, Quant) and value.per_tensor else top
    return [found, _back(low, node, indices, order, shape)]
