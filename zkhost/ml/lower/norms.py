"""Normalisations, as ONNX defines them by simpler operators: each step in f32, sums in the order of `ops.SumF`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from zkhost.ml.graph import Tensor
from zkhost.ml.lower import floats, logic
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.reductions import Reduced, total, unary
from zkhost.ml.lower.values import Const, Value
from zkhost.ml.lower.views import reshape, transpose
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
F32 = np.float32


def _number(value: float) -> Const:
    return Const(np.asarray(value, F32))


def _axis(node: Node, shape: tuple[int, ...], default: int) -> int:
    axis, rank = node.get_int("axis", default), len(shape)
    if not -rank <= axis < rank:
        raise node.invalid(f"axis {axis} of a tensor with {rank} axes", f"{-rank} to {rank - 1}")
    return axis % rank


def _rows(low: Lowering, node: Node, x: Tensor, count: int) -> Tensor:
    return reshape(low, node, x, (x.size // count, count))


def _deviation(low: Lowering, node: Node, squares_of: Tensor, epsilon: float) -> Tensor:
    """sqrt(mean of squares + epsilon) of each row."""
    rows, count = squares_of.shape
    squares = floats.binary(low, node, "mul", squares_of, squares_of)
    mean = total(low, node, squares, count, (rows, 1), True)
    return unary(low, node, "sqrt", floats.binary(low, node, "add", mean, _number(epsilon)))


def _centred(low: Lowering, node: Node, x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows less their means; the means."""
    mean = total(low, node, x, x.shape[1], (x.shape[0], 1), True)
    return floats.binary(low, node, "sub", x, mean), mean


def _epsilon(node: Node) -> float:
    return node.get_float("epsilon", 1e-5)


def _affine(
    low: Lowering, node: Node, y: Tensor, scale: Value | None, bias: Value | None, shape: Sequence[int]
) -> Tensor:
    """y * scale + bias, both under a shape that broadcasts."""
    for kind, value in (("mul", scale), ("add", bias)):
        if value is None:
            continue
        factor = f32(low, node, value)
        if len(shape):
            factor = (
                Const(factor.array.reshape(shape))
                if isinstance(factor, Const)
                else reshape(low, node, factor, tuple(shape))
            )
        y = floats.binary(low, node, kind, y, factor)  # type: ignore[arg-type]
    return y


@handles("LayerNormalization", attributes="axis epsilon stash_type")
def _layer(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, scale, bias = (*args, None)[:3]
    tensor = low.copy(node, f32(low, node, x))
    axis = _axis(node, tensor.shape, -1)
    centred, mean = _centred(low, node, _rows(low, node, tensor, prod(tensor.shape[axis:])))
    deviation = _deviation(low, node, centred, _epsilon(node))
    normal = reshape(low, node, floats.binary(low, node, "div", centred, deviation), tensor.shape)
    found: list[Value] = [_affine(low, node, normal, scale, bias, ())]
    if len(node.outputs) > 1:
        kept = tuple(size if i < axis else 1 for i, size in enumerate(tensor.shape))
        inverse = floats.binary(low, node, "div", _number(1), deviation)
        found += [reshape(low, node, mean, kept), reshape(low, node, inverse, kept)]
    return found


@handles("RMSNormalization", "SimplifiedLayerNormalization", attributes="axis epsilon stash_type")
def _root_mean_square(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = low.copy(node, f32(low, node, args[0]))
    if len(node.outputs) > 1:
        raise node.unsupported("more than one output", "one output", "export without it")
    rows = _rows(low, node, x, prod(x.shape[_axis(node, x.shape, -1) :]))
    normal = floats.binary(low, node, "div", rows, _deviation(low, node, rows, _epsilon(node)))
    return [_affine(low, node, reshape(low, node, normal, x.shape), args[1], None, ())]


@handles("InstanceNormalization", attributes="epsilon")
def _instance(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = low.copy(node, f32(low, node, args[0]))
    return [_grouped(low, node, x, x.shape[1], args[1], args[2])]


def _grouped(low: Lowering, node: Node, x: Tensor, groups: int, scale: Value | None, bias: Value | None) -> Tensor:
    """Return each group of channels normalised; scale and bias by channel."""
    rows = _rows(low, node, x, x.size // (x.shape[0] * groups))
    centred, _ = _centred(low, node, rows)
    normal = floats.binary(low, node, "div", centred, _deviation(low, node, centred, _epsilon(node)))
    shape = (x.shape[1], *(1 for _ in x.shape[2:]))
    return _affine(low, node, reshape(low, node, normal, x.shape), scale, bias, shape)


@handles("GroupNormalization", attributes="epsilon num_groups stash_type")
def _group(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = low.copy(node, f32(low, node, args[0]))
    channels, groups = x.shape[1], node.get_int("num_groups", 0)
    if groups < 1 or channels % groups:
        raise node.invalid(f"num_groups {groups} of {channels} channels", "a divisor")
    scale, bias = ((f32(low, node, arg)) for arg in args[1:3])
    if isinstance(scale, Const) and isinstance(bias, Const) and scale.array.size == groups != channels:  # opset 18
        scale, bias = (Const(np.repeat(each.array, channels // groups)) for each in (scale, bias))
    return [_grouped(low, node, x, groups, scale, bias)]


@handles("BatchNormalization", attributes="epsilon momentum training_mode spatial")
def _batch(low: Lowering, node: Node, args: Args) -> list[Value]:
    """x * a + (bias - mean * a) with a = scale / sqrt(variance + epsilon): two steps an element."""
    if node.get_int("training_mode", 0) or len(node.outputs) > 1:
        raise node.unsupported("training mode", "evaluation mode", "call model.eval() before you export")
    x = low.copy(node, f32(low, node, args[0]))
    parameters = [f32(low, node, arg) for arg in args[1:5]]
    shape = (x.shape[1], *(1 for _ in x.shape[2:]))
    if all(isinstance(each, Const) and each.array.size == x.shape[1] for each in parameters):
        scale, bias, mean, variance = (each.array for each in parameters if isinstance(each, Const))
        factor = scale / np.sqrt(variance + F32(_epsilon(node)))
        return [_affine(low, node, x, Const(factor), Const(bias - mean * factor), shape)]
    raise node.unsupported("parameters that are computed", "constants", "export with constant parameters")


@handles("LpNormalization", attributes="axis p")
def _lp(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = low.copy(node, f32(low, node, args[0]))
    axis, p = _axis(node, x.shape, -1), node.get_int("p", 2)
    if p not in (1, 2):
        raise node.invalid(f"p {p}", "1 or 2")
    terms = unary(low, node, "abs", x) if p == 1 else floats.binary(low, node, "mul", x, x)
    order = (*(i for i in range(len(x.shape)) if i != axis), axis)
    kept = tuple(1 if i == axis else size for i, size in enumerate(x.shape))
    norm = total(low, node, transpose(low, node, terms, order), x.shape[axis], kept, False)
    norm = norm if p == 1 else unary(low, node, "sqrt", norm)
    nothing = logic.compare(low, node, "equal", norm, _number(0))
    return [logic.select(low, node, nothing, _number(0), floats.binary(low, node, "div", x, norm))]


@handles("MeanVarianceNormalization", attributes="axes")
def _mean_variance(low: Lowering, node: Node, args: Args) -> list[Value]:
    """(x - mean) / (sqrt(mean of squares - mean^2) + 1e-9), as ONNX defines it."""
    x = low.copy(node, f32(low, node, args[0]))
    axes = node.attributes.get("axes", [0, 2, 3])
    over = Reduced(low, node, (x, Const(np.asarray(axes, np.int64))))

    def mean_of(values: Tensor) -> Tensor:
        turned = transpose(low, node, values, over.order)
        return total(low, node, turned, over.count, over.shape, True, 8 if over.last else 1)

    mean = mean_of(x)
    squares = mean_of(floats.binary(low, node, "mul", x, x))
    variance = floats.binary(low, node, "sub", squares, floats.binary(low, node, "mul", mean, mean))
    deviation = floats.binary(low, node, "add", unary(low, node, "sqrt", variance), _number(1e-9))
    return [floats.binary(low, node, "div", floats.binary(low, node, "sub", x, mean), deviation)]
