"""The same elements under other shapes and orders of axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower.context import Lowering, row_major
from zkhost.ml.read.node import Node


def reshape(low: Lowering, node: Node, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the same elements under another shape."""
    if x.shape == shape:
        return x
    y = low.tensor(node, x.dtype, shape)
    low.emit(ops.Reshape(node.label, y.name, x.name))
    return y


def view(low: Lowering, node: Node, x: Tensor, offset: int, strides: Sequence[int], shape: Sequence[int]) -> Tensor:
    """Return a strided view, made dense."""
    y = low.tensor(node, x.dtype, shape)
    copy = ops.Copy(x.name, int(offset), tuple(int(s) for s in strides), (0,) * len(y.shape), y.shape)
    low.emit(ops.Move(node.label, y.name, 0, (copy,)))
    return y


def transpose(low: Lowering, node: Node, x: Tensor, order: tuple[int, ...]) -> Tensor:
    """Axes in another order."""
    shape = tuple(x.shape[axis] for axis in order)
    moving = [axis for axis in order if x.shape[axis] > 1]
    if moving == sorted(moving):
        return reshape(low, node, x, shape)
    strides = row_major(x.shape)
    return view(low, node, x, 0, [strides[axis] for axis in order], shape)


def along_rows(low: Lowering, node: Node, x: Tensor, old: bool, of_rows: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Return what is made of the rows that a softmax is over: of all axes from `axis` on where it is old (before opset 13),
    otherwise of one."""
    rank = len(x.shape)
    axis = node.get_int("axis", 1 if old else -1)
    if not -rank <= axis < max(rank, 1):
        raise node.invalid(f"axis {axis} of a tensor with {rank} axes", f"{-rank} to {rank - 1}")
    axis %= rank
    if old or axis == rank - 1:
        return of_rows(x, prod(x.shape[axis:]))
    order = (*(i for i in range(rank) if i != axis), axis)
    y = of_rows(transpose(low, node, x, order), x.shape[axis])
    return transpose(low, node, y, tuple(int(i) for i in np.argsort(order)))
