"""QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, Cast: where integers begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from zkhost.ml import ops
from zkhost.ml.graph import LIMITS, NUMPY, DType, Tensor, dtype_of
from zkhost.ml.lower import integers, logic, tables
from zkhost.ml.lower.context import Lowering, along, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.integers import F32
from zkhost.ml.lower.output_scale import Target
from zkhost.ml.lower.values import Const, Curve, Labels, Lazy, Quant, Sums, Value
from zkhost.ml.lower.window import pool_of
from zkhost.ml.read.node import Node
from zkhost.ml.reference.arithmetic import finish
from zkhost.ml.reference.scales import dynamic_quantize

Args = Sequence[Value | None]


def scale_of(node: Node, value: Value | None) -> Any:
    """Return a constant f32 scale, checked. Raises ModelFormatError for NaN, infinite, zero and negative ones."""
    if not isinstance(value, Const) or value.array.dtype != F32 or value.array.ndim > 1:
        raise node.unsupported(
            "a scale that is not a constant float32 scalar or vector", "a constant scale", "quantise statically, or with onnxruntime's quantize_dynamic"
        )  # fmt: skip
    if np.isinf(value.array).any():
        raise node.unsupported(
            "an infinite scale: the quantiser saw infinities here, as a mask adds them",
            "a finite scale",
            "leave the mask and its Softmax in float, as ml.quantize does (onnxruntime's nodes_to_exclude)",
        )
    if not (np.isfinite(value.array).all() and (value.array > 0).all()):
        raise node.invalid(f"a scale of {value.array.min()} to {value.array.max()}", "finite scales above zero")
    return value.array


def zero_of(node: Node, value: Value | None, scale: Any, dtype: Any) -> Any:
    """Return a constant zero point in that dtype, as many as scales; zeros where it is left out."""
    if value is None:
        return np.zeros(scale.shape, dtype)
    if not isinstance(value, Const) or value.array.dtype != dtype or value.array.size not in (1, scale.size):
        raise node.invalid("a zero point that is not a constant of the data's dtype and the scale's shape", str(dtype))
    return value.array


def target_of(node: Node, scale: Value | None, zero: Value | None, *, unsigned: bool = True) -> Target:
    """Return the scale, zero point and dtype of an output quantised per tensor."""
    scales = scale_of(node, scale)
    if isinstance(zero, Const) and zero.array.dtype not in (np.uint8, np.int8):
        raise node.unsupported(f"{zero.array.dtype} outputs", "uint8 or int8", "quantise to 8 bits")
    dtype = zero.array.dtype if isinstance(zero, Const) else np.dtype(np.uint8)
    zeros = zero_of(node, zero, scales, dtype)
    if scales.size != 1:
        raise node.unsupported(
            "an output with a scale a channel", "one scale", "quantise activations per tensor, weights per channel"
        )
    return Target(F32(scales.reshape(())[()]), int(zeros.reshape(-1)[0]), dtype_of(np.zeros(1, dtype)))


def quant(node: Node, q: Value | None, scale: Value | None, zero: Value | None, axis: int = 0) -> Quant:
    """Return a quantised value. Raises for what is no 8-bit tensor (or 32-bit constant) with fitting parameters."""
    if isinstance(q, Tensor) and q.dtype in ("u8", "s8", "s32"):
        dtype: Any = NUMPY[q.dtype]
    elif isinstance(q, Const) and q.array.dtype in (np.uint8, np.int8, np.int32):
        dtype = q.array.dtype
    else:
        found = q.array.dtype if isinstance(q, Const) else q.dtype if isinstance(q, Tensor) else "float32"
        raise node.unsupported(f"quantised data of {found}", "uint8, int8 or int32", "quantise to 8 bits")
    scales = scale_of(node, scale)
    if scales.size > 1:
        rank = len(q.shape)
        if not -rank <= axis < rank or q.shape[axis] != scales.size:
            raise node.invalid(
                f"{scales.size} scales on axis {axis} of {list(q.shape)}",
                "one scale, or one for each index of the axis",
            )
        axis %= rank
    return Quant(q, scales.reshape(-1), zero_of(node, zero, scales, dtype).reshape(-1), axis)


@handles("DequantizeLinear", attributes="axis block_size output_dtype")
def _dequantize(low: Lowering, node: Node, args: Args) -> list[Value]:
    if node.get_int("block_size", 0) or node.get_int("output_dtype", 0) not in (0, onnx.TensorProto.FLOAT):
        raise node.unsupported(
            "blocks of scales, or an output that is not float32", "scales per tensor or axis", "quantise per channel"
        )
    q, scale, *rest = args
    return [quant(node, q, scale, rest[0] if rest else None, node.get_int("axis", 1))]


@handles("QuantizeLinear", attributes="axis saturate block_size output_dtype precision")
def _quantize(low: Lowering, node: Node, args: Args) -> list[Value]:
    value, scale, *rest = args
    zero = rest[0] if rest else None
    output = node.get_int("output_dtype", 0)
    if zero is None and output == onnx.TensorProto.INT8:
        zero = Const(np.zeros(getattr(scale, "shape", ()), np.int8))
    elif output not in (0, onnx.TensorProto.UINT8, onnx.TensorProto.INT8) or node.get_int("block_size", 0):
        raise node.unsupported(
            "blocks of scales, or another output than 8 bits",
            "uint8 or int8, per tensor or axis",
            "quantise per channel",
        )
    scales = scale_of(node, scale)
    if scales.size > 1:
        return [_per_axis(low, node, f32(low, node, value), scales, zero)]
    target = target_of(node, scale, zero)
    return [to_integers(low, node, value, target)]


def _per_axis(low: Lowering, node: Node, x: Tensor | Const, scales: Any, zero: Value | None) -> Value:
    axis = node.get_int("axis", 1)
    if not -len(x.shape) <= axis < len(x.shape) or x.shape[axis] != scales.size:
        raise node.invalid(
            f"{scales.size} scales on axis {axis} of {list(x.shape)}", "one scale for each index of the axis"
        )
    axis %= len(x.shape)
    kind: Any = zero.array.dtype if isinstance(zero, Const) else np.dtype(np.uint8)
    zeros = zero_of(node, zero, scales, kind).astype(np.int32)
    dtype: DType = dtype_of(np.zeros(1, kind))
    lo, hi = LIMITS[dtype]
    if isinstance(x, Const):
        rank = x.array.ndim
        return Const(finish(x.array / along(scales, axis, rank), along(zeros, axis, rank), lo, hi).astype(kind))
    y = low.tensor(node, dtype, x.shape)
    entries = tuple(int(z) for z in np.broadcast_to(zeros, scales.shape))
    low.emit(ops.Quantize(node.label, y.name, x.name, low.constant(scales), axis, entries, lo, hi))
    return y


def to_integers(low: Lowering, node: Node, value: Value | None, target: Target) -> Tensor | Const:
    """Quantise the value: by one integer operator where it was waiting for this, else in f32. `node` is the QuantizeLinear."""
    match value:
        case Sums():
            fused = integers.requantise(low, node, value, target)
            if fused is not None:
                return fused
        case Quant():
            return integers.rescale(low, node, value, target)
        case Curve():
            return tables.quantised(low, node, value, target)
        case Lazy():
            return _fuse(low, value, target)
        case Const():
            x = f32(low, node, value)
            assert isinstance(x, Const)
            return Const(target.quantise(x.array))
        case _:
            pass
    x = f32(low, node, value)
    assert isinstance(x, Tensor)
    return integers.quantise(low, node, x, target)


def _fuse(low: Lowering, lazy: Lazy, target: Target) -> Tensor:
    node, args = lazy.node, lazy.args
    match node.op:
        case "Add":
            return integers.add(low, node, args[0], args[1], target, lazy.shape)
        case "Mul":
            return integers.multiply(low, node, args[0], args[1], target, lazy.shape)
        case "Concat":
            return integers.concat(low, node, list(args), target, node.get_int("axis", 0))
        case "Softmax":
            return integers.softmax(low, node, args[0], target, old=node.opset < 13)
        case "AveragePool":
            shift = 128 if target.dtype == "s8" else 0  # onnxruntime turns s8 of QDQ graphs into u8
            return integers.average_pool(low, node, args[0], pool_of(node, args[0].shape), target, shift)
        case _:
            count = int(np.prod(args[0].shape)) // int(np.prod(lazy.shape))
            return integers.mean(low, node, args[0], count, lazy.shape, target)


@handles("DynamicQuantizeLinear")
def _dynamic(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = f32(low, node, args[0])
    if isinstance(x, Const):
        if not np.isfinite(x.array).all():
            raise node.invalid("a constant with infinities", "finite numbers")
        return [Const(each) for each in dynamic_quantize(x.array)]
    y, scale, zero = low.tensor(node, "u8", x.shape), low.tensor(node, "f32", ()), low.tensor(node, "u8", ())
    low.emit(ops.DynamicQuantize(node.label, y.name, scale.name, zero.name, x.name))
    return [y, scale, zero]


@handles("Cast", attributes="to saturate round_mode")
def _cast(low: Lowering, node: Node, args: Args) -> list[Value]:
    (x,) = args
    to = node.get_int("to", 0)
    if isinstance(x, Tensor) and to == onnx.TensorProto.BOOL:
        return [logic.truth(low, node, x)]
    if isinstance(x, Tensor) and x.dtype == "s32" and to in (onnx.TensorProto.INT32, onnx.TensorProto.INT64):
        return [x]
    if isinstance(x, Labels) and to == onnx.TensorProto.STRING:
        return [x]
    if to != onnx.TensorProto.FLOAT:
        raise node.unsupported(
            f"a cast of an activation to {onnx.TensorProto.DataType.Name(to)}",
            "float32",
            "export without it",
        )
    if isinstance(x, Tensor) and x.dtype in ("s32", "u8", "s8"):
        y = low.tensor(node, "f32", x.shape)
        low.emit(ops.Dequantize(node.label, y.name, x.name, low.constant(np.ones(1, F32)), 0, (0,)))
        return [y]
    return [f32(low, node, x)]
