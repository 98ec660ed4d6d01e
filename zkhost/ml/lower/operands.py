"""Operands of products, checked: quantised activations, weights, biases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower import bounds
from zkhost.ml.lower.context import Lowering, dequantised
from zkhost.ml.lower.values import Const, Quant, Value
from zkhost.ml.read.node import Node
from zkhost.ml.reference.arithmetic import finish

Args = Sequence[Value | None]
F32 = np.float32


def weights_of(node: Node, value: Value | None, axis: int) -> tuple[Tensor | Const, Any, Any]:
    """8-bit weights, constant or not: q, scale, zero; scales for each index of `axis` or one."""
    if not isinstance(value, Quant) or value.dtype == "s32":
        raise node.unsupported("weights that are not 8 bits", "int8 or uint8 weights", "quantise the weights")
    if not value.per_tensor and value.axis != axis % len(value.shape):
        raise node.unsupported(
            f"weight scales on axis {value.axis}", f"axis {axis}, the output channels", "quantise per output channel"
        )
    return value.q, value.scale, value.zero


def weights_in_int8(low: Lowering, node: Node, x: Value | None, w: Value | None, bias: Value | None) -> Value | None:
    """Return float weights as onnxruntime quantises them where it finds them behind a DequantizeLinear and before a
    QuantizeLinear: to int8, with one scale. Otherwise the weights as they are.

    Source: WeightBiasQuantization (weight_bias_quantization.cc) and GetQuantizationParameter (qmath.h) of onnxruntime.
    """
    quantised = isinstance(x, Quant) and x.per_tensor and isinstance(x.q, Tensor) and x.dtype != "s32"
    if (
        not quantised
        or not (isinstance(w, Const) and w.array.dtype == F32 and np.isfinite(w.array).all())
        or not (bias is None or (isinstance(bias, Const) and bias.array.dtype == F32 and bias.array.ndim == 1))
        or not low.leads_to_quantize(node.outputs[0])
    ):
        return w
    least, most = min(w.array.min(), F32(0)), max(w.array.max(), F32(0))
    scale = F32(1) if least == most else (most - least) / F32(255)
    zero = np.rint(np.clip(F32(-128) - least / scale, -128, 127)).astype(np.int8).reshape(1)
    q = finish(w.array / scale, int(zero[0]), -128, 127).astype(np.int8)
    return Quant(Const(q), scale.reshape(1), zero, 0)


def float_bias(low: Lowering, node: Node, x: Quant, w: Quant, bias: Value | None) -> Const | None:
    """Return a constant bias that onnxruntime adds in float; None for one in units of the sums.

    It rounds a float bias to those units only where a QuantizeLinear follows, and makes no integer Conv where the scale of a
    quantised bias is off by more than a hundredth (CheckConvBiasScale, qdq_selectors.cc), as that of a bias is that two
    layers share.
    """
    if isinstance(bias, Const) and bias.array.dtype == F32 and not low.leads_to_quantize(node.outputs[0]):
        return bias
    if isinstance(bias, Quant) and isinstance(bias.q, Const) and node.op in ("Conv", "ConvTranspose"):
        unit = x.scale * w.scale
        if bias.scale.size in (1, unit.size) and (np.abs(bias.scale - unit) > 0.01 * unit).any():
            return Const(dequantised(bias))
    return None


def bias_of(node: Node, value: Value | None, outputs: int, scale: Any) -> Tensor | Const | None:
    """Return a bias in units of the sums; a constant float one is rounded to them, as onnxruntime does."""
    if value is None:
        return None
    if isinstance(value, Quant) and isinstance(value.q, Const):
        array = value.q.array.astype(np.int64) - value.zero.astype(np.int64)
    elif isinstance(value, Const) and value.array.dtype == F32:
        array = np.rint(value.array / scale.astype(F32)).astype(np.float64)
    elif isinstance(value, Const) and value.array.dtype == np.int32:
        array = value.array
    else:
        return _bias_tensor(node, value, outputs)
    if array.size not in (1, outputs) or np.abs(array).max(initial=0) > bounds.LIMIT:
        raise node.invalid(
            f"a bias of {list(array.shape)} up to {np.abs(array).max(initial=0)}", f"{outputs} entries within int32"
        )
    return Const(np.broadcast_to(array.reshape(-1), (outputs,)).astype(np.int32))


def _bias_tensor(node: Node, value: Value, outputs: int) -> Tensor:
    """Return a bias that is an input: integers in units of the sums."""
    q = value.q if isinstance(value, Quant) and not value.zero.any() else value
    if not isinstance(q, Tensor) or q.dtype != "s32" or q.shape != (outputs,):
        raise node.unsupported(
            "a bias that is computed, or a float bias that is not in the image",
            f"a constant, or int32[{outputs}] with the zero point 0",
            "leave the bias in the image (hidden=[...] without it)",
        )
    return q


def activation_of(node: Node, value: Value | None) -> tuple[Tensor, int, Any]:
    """Return an 8-bit activation: q, zero, scale."""
    if (
        not isinstance(value, Quant)
        or not isinstance(value.q, Tensor)
        or not value.per_tensor
        or value.q.dtype == "s32"
    ):
        raise node.unsupported(
            "an input that is not an 8-bit tensor with one scale", "uint8 or int8", "quantise activations per tensor"
        )
    return value.q, int(value.zero.reshape(-1)[0]), value.scale


def integers_of(node: Node, x: Value | None, zero: Value | None) -> tuple[Tensor, ops.Zero]:
    if not isinstance(x, Tensor) or x.dtype not in ("u8", "s8"):
        raise node.unsupported("an input that is not 8 bits", "uint8 or int8", "quantise activations")
    if isinstance(zero, Tensor) and zero.size == 1 and zero.dtype == "u8":
        return x, zero.name
    if zero is None or (isinstance(zero, Const) and zero.array.size == 1):
        return x, 0 if zero is None else int(zero.array.reshape(())[()])
    raise node.unsupported("a zero point for each row", "one zero point", "quantise activations per tensor")


def integer_weights_of(node: Node, w: Value | None, zero: Value | None, axis: int) -> tuple[Tensor | Const, Any]:
    if not (isinstance(w, Tensor) and w.dtype in ("u8", "s8")) and not (
        isinstance(w, Const) and w.array.dtype in (np.int8, np.uint8)
    ):
        raise node.unsupported("weights that are not 8 bits", "int8 or uint8 weights", "quantise the weights")
    if zero is None:
        return w, np.zeros(1, np.int8)
    if not isinstance(zero, Const) or zero.array.size not in (1, w.shape[axis]):
        raise node.unsupported("a weight zero point that is computed", "a constant", "quantise the weights")
    return w, zero.array.reshape(-1)
