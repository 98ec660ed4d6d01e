"""Reductions over axes: sums in a declared order, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower import floats, functions
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.fold import axes_of
from zkhost.ml.lower.moves import move
from zkhost.ml.lower.pools import fuses
from zkhost.ml.lower.values import Const, Lazy, Value
from zkhost.ml.lower.views import reshape, transpose
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
REDUCTION = "axes keepdims noop_with_empty_axes"


class Reduced:
    """The axes a node reduces: how many elements make one, the result's shape, and the order that puts them last."""

    def __init__(self, low: Lowering, node: Node, args: Args) -> None:
        assert args[0] is not None
        shape, rank = args[0].shape, len(args[0].shape)
        known = None if len(args) < 2 or args[1] is None else low.integers(node, args[1])
        axes = axes_of(node, [known], 0, rank)
        self.nothing = not axes and bool(node.get_int("noop_with_empty_axes", 0))
        axes = tuple(sorted(axes or range(rank)))
        self.count = prod(shape[axis] for axis in axes)
        kept = [1 if i in axes else size for i, size in enumerate(shape)]
        cut = [size for i, size in enumerate(shape) if i not in axes]
        self.shape = tuple(kept if node.get_int("keepdims", 1) else cut)
        self.order = (*(i for i in range(rank) if i not in axes), *axes)
        self.last = axes == tuple(range(rank - len(axes), rank))


@handles("ReduceMean", "ReduceSum", attributes=REDUCTION)
def _sum(low: Lowering, node: Node, args: Args) -> list[Value]:
    reduced, value = Reduced(low, node, args), args[0]
    assert value is not None
    if reduced.nothing:
        return [value]
    turned = move(low, node, value, lambda x: transpose(low, node, x, reduced.order))
    if node.op == "ReduceMean" and fuses(low, node, turned):
        return [Lazy(node, (turned,), reduced.shape)]  # type: ignore[arg-type]
    return [_total(low, node, low.copy(node, f32(low, node, turned)), reduced)]


def _total(low: Lowering, node: Node, x: Tensor, reduced: Reduced) -> Tensor:
    return total(low, node, x, reduced.count, reduced.shape, node.op == "ReduceMean", 8 if reduced.last else 1)


def total(
    low: Lowering, node: Node, x: Tensor, count: int, shape: Sequence[int], mean: bool, lanes: floats.Lanes = 8
) -> Tensor:
    """Return the sum of every `count` neighbours, or their mean."""
    y = low.tensor(node, "f32", shape)
    low.emit(ops.SumF(node.label, y.name, x.name, count, mean, lanes))
    return y


def unary(low: Lowering, node: Node, kind: ops.UnaryKind, x: Tensor) -> Tensor:
    """Return an exact function of each element."""
    y = low.tensor(node, "f32", x.shape)
    low.emit(ops.Unary(node.label, y.name, kind, x.name))
    return y


@handles("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", attributes=REDUCTION)
def _sum_of(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Lower by the definitions in ONNX: a function of each element, the sum, a function of it."""
    reduced = Reduced(low, node, args)
    x = low.copy(node, f32(low, node, args[0]))
    match node.op:
        case "ReduceL1":
            terms = unary(low, node, "abs", x)
        case "ReduceL2" | "ReduceSumSquare":
            terms = floats.binary(low, node, "mul", x, x)
        case "ReduceLogSumExp":
            terms = functions.function(low, node, "exp", x)
        case _:
            terms = x
    if not reduced.nothing:
        terms = _total(low, node, transpose(low, node, terms, reduced.order), reduced)
    if node.op == "ReduceL2":
        return [unary(low, node, "sqrt", terms)]
    return [functions.function(low, node, "log", terms) if "Log" in node.op else terms]


@handles("ReduceMax", "ReduceMin", attributes=REDUCTION)
def _extreme(low: Lowering, node: Node, args: Args) -> list[Value]:
    reduced, value = Reduced(low, node, args), args[0]
    assert value is not None
    if reduced.nothing:
        return [value]
    if isinstance(value, Tensor) and value.dtype == "s32":
        raise node.unsupported("an input of s32", "float32 or 8-bit numbers", "cast it to float32")
    if node.op == "ReduceMin":
        x = unary(low, node, "neg", low.copy(node, f32(low, node, value)))
        return [unary(low, node, "neg", _largest(low, node, x, reduced))]
    return [move(low, node, value, lambda x: _largest(low, node, x, reduced))]


def _largest(low: Lowering, node: Node, x: Tensor, reduced: Reduced) -> Tensor:
    """Return a pool over all that is reduced."""
    rows = x.size // reduced.count
    turned = reshape(low, node, transpose(low, node, x, reduced.order), (rows, 1, reduced.count))
    y = low.tensor(node, x.dtype, (rows, 1, 1))
    low.emit(ops.MaxPool(node.label, y.name, turned.name, ops.Window((reduced.count,), (1,), (0, 0), (1,))))
    return reshape(low, node, y, reduced.shape)


@handles("Tile")
def _tile(low: Lowering, node: Node, args: Args) -> list[Value]:
    value = args[0]
    assert value is not None
    repeats = [int(each) for each in low.integers(node, args[1]).reshape(-1)]
    if len(repeats) != len(value.shape) or any(each < 1 for each in repeats):
        raise node.invalid(f"repeats {repeats} of {list(value.shape)}", "a number of 1 or more for each axis")

    def tiled(x: Tensor) -> Tensor:
        for axis, count in enumerate(repeats):
            before, rest = x.shape[:axis], x.shape[axis:]
            flat = reshape(low, node, x, (prod(before), 1, prod(rest)))
            more = low.copy(node, flat, (prod(before), count, prod(rest)))
            x = reshape(low, node, more, (*before, count * rest[0], *rest[1:]))
        return x

    return [move(low, node, value, tiled)]


@handles("Mean", "Sum")
def _of_several(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Inputs added in order; the mean divides by their number."""
    y = f32(low, node, args[0])
    for value in args[1:]:
        y = floats.binary(low, node, "add", y, f32(low, node, value))
    if node.op == "Sum":
        return [y]
    return [floats.binary(low, node, "div", y, Const(np.asarray(len(args), np.float32)))]
