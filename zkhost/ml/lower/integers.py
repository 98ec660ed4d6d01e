"""Integer operators with a quantised output, as onnxruntime's QLinear kernels compute them."""

from __future__ import annotations

from decimal import Context, Decimal
from math import prod

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import NUMPY, Array, Tensor
from zkhost.ml.lower import tables
from zkhost.ml.lower.context import Lowering, dequantised, row_major
from zkhost.ml.lower.output_scale import Target
from zkhost.ml.lower.values import Const, Curve, Quant, Sums
from zkhost.ml.lower.views import along_rows
from zkhost.ml.lower.window import Pool
from zkhost.ml.read.node import Node
from zkhost.ml.reference.arithmetic import fma

F32 = np.float32


def requantise(low: Lowering, node: Node, value: Sums, target: Target) -> Tensor | None:
    """Return the sums in the target's scale; None where their clip cuts into its range, so that it has to be made in f32."""
    lo, hi = target.lo, target.hi
    if value.lo == 0.0:  # relu: the same as clamping at the zero point
        lo = max(lo, target.zero)
    elif F32(target.lo - target.zero) * target.scale < value.lo - 1e-9:
        return None
    if F32(target.hi - target.zero) * target.scale > value.hi * (1 + 1e-6):
        return None
    return _requantize(low, node, value.sums, value.scale / target.scale, value.axis, target, lo, hi)


def _requantize(
    low: Lowering, node: Node, sums: Tensor, scale: object, axis: int, target: Target, lo: int, hi: int
) -> Tensor:
    factors = np.asarray(scale, F32).reshape(-1)
    if not (np.isfinite(factors).all() and (factors > 0).all()):
        raise node.invalid("scales whose ratio is not a positive f32", "scales within a sane range of each other")
    y = low.tensor(node, target.dtype, sums.shape)
    low.emit(ops.Requantize(node.label, y.name, sums.name, low.constant(factors), axis, target.zero, lo, hi))
    return y


def rescale(low: Lowering, node: Node, value: Quant, target: Target) -> Tensor | Const:
    """Return the same values under another scale: themselves, or through f32."""
    if isinstance(value.q, Const):
        return Const(target.quantise(dequantised(value)))
    if value.dtype == target.dtype and value.per_tensor and value.scale == target.scale and value.zero == target.zero:
        return value.q
    if value.per_tensor and value.dtype != "s32":
        return tables.quantised(low, node, Curve(value, "x", "x", (), {}), target)
    x = low.tensor(node, "f32", value.shape)
    zero = tuple(int(z) for z in value.zero.reshape(-1))
    low.emit(ops.Dequantize(node.label, x.name, value.q.name, low.constant(value.scale), value.axis, zero))
    return quantise(low, node, x, target)


def quantise(low: Lowering, node: Node, x: Tensor, target: Target) -> Tensor:
    """QuantizeLinear of an f32 tensor."""
    y = low.tensor(node, target.dtype, x.shape)
    scale = low.constant(np.asarray(target.scale, F32).reshape(1))
    low.emit(ops.Quantize(node.label, y.name, x.name, scale, 0, (target.zero,), target.lo, target.hi))
    return y


def _scale(value: Quant) -> np.float32:
    return F32(value.scale.reshape(())[()])


def _zero(value: Quant) -> int:
    return int(value.zero.reshape(())[()])


def add(low: Lowering, node: Node, a: Quant, b: Quant, target: Target, shape: tuple[int, ...]) -> Tensor:
    """QLinearAdd. Where the first operand repeats along the innermost axis, onnxruntime adds it before the second."""
    if _repeats(a.shape, shape):
        a, b = b, a
    ra, rb = _scale(a) / target.scale, _scale(b) / target.scale
    fixed = F32(target.zero) - fma(ra, F32(_zero(a)), rb * F32(_zero(b)))
    y = low.tensor(node, target.dtype, shape)
    names = low.name(a.q), low.name(b.q)
    low.emit(ops.AddQ(node.label, y.name, *names, float(ra), float(rb), float(fixed), target.lo, target.hi))
    return y


def _repeats(part: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether a tensor has one element for all of the innermost axis of a shape."""
    innermost = next((axis for axis in range(1, len(shape) + 1) if shape[-axis] > 1), 0)
    return innermost == 0 or innermost > len(part) or part[-innermost] == 1


def multiply(low: Lowering, node: Node, a: Quant, b: Quant, target: Target, shape: tuple[int, ...]) -> Tensor:
    """QLinearMul."""
    sums = low.tensor(node, "s32", shape)
    low.emit(ops.MulQ(node.label, sums.name, low.name(a.q), low.name(b.q), _zero(a), _zero(b)))
    scale = _scale(a) * _scale(b) / target.scale
    return _requantize(low, node, sums, scale, 0, target, target.lo, target.hi)


def concat(low: Lowering, node: Node, parts: list[Quant], target: Target, axis: int) -> Tensor:
    """QLinearConcat: each part in the output's scale, side by side."""
    return join(low, node, [rescale(low, node, part, target) for part in parts], axis)


def join(low: Lowering, node: Node, parts: list[Tensor | Const], axis: int) -> Tensor:
    """Tensors of one dtype side by side."""
    shape = list(parts[0].shape)
    axis %= len(shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    if any(p.shape[:axis] != parts[0].shape[:axis] or p.shape[axis + 1 :] != parts[0].shape[axis + 1 :] for p in parts):
        raise node.invalid(
            f"parts of shapes {[list(p.shape) for p in parts]}", f"shapes that differ only on axis {axis}"
        )
    copies, at = [], 0
    for part in parts:
        start = tuple(at if i == axis else 0 for i in range(len(shape)))
        copies.append(ops.Copy(low.name(part), 0, row_major(part.shape), start, part.shape))
        at += part.shape[axis]
    kinds = {p.dtype for p in parts if isinstance(p, Tensor)}
    y = low.tensor(node, kinds.pop(), shape)
    low.emit(ops.Move(node.label, y.name, 0, tuple(copies)))
    return y


def global_average(low: Lowering, node: Node, x: Quant, target: Target) -> Tensor:
    """QLinearGlobalAveragePool; also a mean over trailing axes."""
    area = prod(x.shape[2:])
    return mean(low, node, x, area, (*x.shape[:2], *(1 for _ in x.shape[2:])), target)


def mean(low: Lowering, node: Node, x: Quant, count: int, shape: tuple[int, ...], target: Target) -> Tensor:
    """Return the mean of every `count` neighbours."""
    sums = low.tensor(node, "s32", shape)
    low.emit(ops.SumQ(node.label, sums.name, low.name(x.q), _zero(x), count))
    scale = _scale(x) / (target.scale * F32(count))
    return _requantize(low, node, sums, scale, 0, target, target.lo, target.hi)


def average_pool(low: Lowering, node: Node, x: Quant, pool: Pool, target: Target, shift: int) -> Tensor:
    """QLinearAveragePool. With count_include_pad it divides by the whole window, beyond what ONNX counts where ceil_mode adds
    positions."""
    y = low.tensor(node, target.dtype, pool.shape)
    low.emit(
        ops.AveragePoolQ(
            node.label, y.name, low.name(x.q), pool.window, pool.count_pads, pool.window.pads, float(_scale(x)), _zero(x),
            float(target.scale), target.zero, shift, target.lo, target.hi,
        )
    )  # fmt: skip
    return y


def softmax(low: Lowering, node: Node, x: Quant, target: Target, *, old: bool) -> Tensor:
    """QLinearSoftmax over the node's axis; `old` as before opset 13."""
    assert isinstance(x.q, Tensor)
    factor = np.floor(F32(1) / target.scale)

    def of_rows(q: Tensor, width: int) -> Tensor:
        # The largest entry of the table is e^-5 of what leaves room for a row, and is multiplied by the factor.
        if not 1 <= factor <= (1 << 24 if width == 1 else 148 * width):
            raise node.unsupported(
                f"an output scale of {target.scale} for rows of {width}", f"{1 / (148 * width):.2g} to 1", "quantise again with other samples"
            )  # fmt: skip
        y = low.tensor(node, target.dtype, q.shape)
        if width == 1:
            whole = min(max(int(factor) + target.zero, target.lo), target.hi)
            low.emit(ops.Table(node.label, y.name, q.name, low.constant(np.full(256, whole, NUMPY[target.dtype]))))
        else:
            table = low.constant(_exponentials(float(_scale(x)), width))
            low.emit(ops.SoftmaxQ(node.label, y.name, q.name, width, table, float(factor), target.zero))
        return y

    return along_rows(low, node, x.q, old, of_rows)


def _exponentials(scale: float, width: int) -> Array:
    """onnxruntime's table: as large as a sum of so many f32 allows. Exponentials correctly rounded, so the same everywhere."""
    room = max(0.0, float(Context(30).ln(Decimal(float(F32(np.finfo(F32).max) / F32(width))))) - 5) / scale
    powers = ((i - 255 + room) * scale for i in range(256))
    return np.array([float(Context(30).exp(Decimal(power))) for power in powers]).astype(F32)
