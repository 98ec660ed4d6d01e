"""ConvTranspose: a convolution over its input with zeros between the elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower.context import Lowering, handles, row_major
from zkhost.ml.lower.conv import add_to_channels, convolution
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.operands import weights_of
from zkhost.ml.lower.values import Const, Quant, Value
from zkhost.ml.lower.views import reshape
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]


@handles("ConvTranspose", attributes="auto_pad dilations group kernel_shape output_padding output_shape pads strides")
def _conv_transpose(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Lower to the sums that Conv has. onnxruntime has no integer kernel and computes them in f32; a bias is added in f32."""
    x, w, bias = (*args, None)[:3]
    if x is None or w is None or len(x.shape) != len(w.shape) or not 3 <= len(x.shape) <= 5:
        raise node.invalid("an input and weights of two ranks", "(N, C, ...) and (C, M/groups, ...), one to three axes")
    groups = node.get_int("group", 1)
    if groups < 1 or x.shape[1] != w.shape[0] or w.shape[0] % groups:
        raise node.invalid(f"an input of {list(x.shape)}, weights of {list(w.shape)}, {groups} groups", "(N, C, ...) and (C, M/groups, ...)")  # fmt: skip
    strides, plain = _as_conv(node, x.shape, w.shape)
    if isinstance(x, Quant) and x.per_tensor and isinstance(x.q, Tensor):
        spread: Value = replace(x, q=_spread(low, node, x.q, strides, int(x.zero.reshape(()))))
    else:
        spread = _spread(low, node, low.copy(node, f32(low, node, x)), strides, 0)
    if isinstance(w, Quant) and w.dtype != "s32":
        q, scale, zero = weights_of(node, w, 1)
        scale, zero = (np.tile(each, groups) if each.size > 1 else each for each in (scale, zero))
        kernel: Value = Quant(_turned(node, q, groups), scale, zero, 0)
    else:
        kernel = _turned(node, f32(low, node, w), groups)
    # onnxruntime rounds a float bias to units of the sums where the weights have one scale, or one for each entry of it.
    rounded = not isinstance(w, Quant) or w.scale.size == 1 or groups == 1
    if bias is None or isinstance(bias, Quant) or (isinstance(bias, Const) and rounded):
        return list(convolution(low, plain, [spread, kernel, bias]))
    (found,) = convolution(low, plain, [spread, kernel, None])
    return [add_to_channels(low, node, found, f32(low, node, bias))]


def _as_conv(node: Node, x: tuple[int, ...], w: tuple[int, ...]) -> tuple[tuple[int, ...], Node]:
    """Return the strides, and the node as the Conv it is: with what its kernel reaches over the input's ends as pads."""
    rank, kernel = len(x) - 2, w[2:]
    strides, dilations = (node.get_ints(name, [1] * rank) for name in ("strides", "dilations"))
    more = node.get_ints("output_padding", [0] * rank)
    if (
        not len(strides) == len(dilations) == len(more) == rank
        or min((*strides, *dilations, *(m + 1 for m in more))) < 1
    ):
        raise node.invalid(
            f"strides {strides}, dilations {dilations}, output_padding {more}", f"{rank} axes, sizes of 1 or more"
        )
    reach = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    full = [s * (size - 1) + m + r + 1 for s, size, m, r in zip(strides, x[2:], more, reach, strict=True)]
    pads = _pads(node, full, [s * size for s, size in zip(strides, x[2:], strict=True)])
    around = [r - pad for r, pad in zip(reach * 2, pads, strict=True)]
    around[rank:] = [r + m for r, m in zip(around[rank:], more, strict=True)]
    if min(around) < 0:
        raise node.unsupported(
            f"pads {list(pads)} of a kernel of {list(kernel)}", "pads within the kernel's reach", "use Slice"
        )
    attributes: dict[str, Any] = {"pads": around, "dilations": dilations, "group": node.get_int("group", 1)}
    declared = {"kernel_shape": node.attributes["kernel_shape"]} if "kernel_shape" in node.attributes else {}
    return strides, replace(node, attributes={**attributes, **declared})


def _pads(node: Node, full: Sequence[int], same: Sequence[int]) -> tuple[int, ...]:
    """Return what is taken off an output of these sizes, before and behind. `same`: the sizes that auto_pad SAME leaves."""
    rank, auto = len(full), str(node.attributes.get("auto_pad", "NOTSET"))
    wanted = node.get_ints("output_shape", [])
    if not wanted and auto in ("NOTSET", "VALID"):
        pads = node.get_ints("pads", [0] * (2 * rank)) if auto == "NOTSET" else (0,) * (2 * rank)
        if len(pads) != 2 * rank or min(pads) < 0:
            raise node.invalid(f"pads {pads}", f"{2 * rank} numbers of 0 or more")
        return pads
    if auto not in ("NOTSET", "SAME_UPPER", "SAME_LOWER"):
        raise node.invalid(f"auto_pad {auto!r}", "NOTSET, SAME_UPPER, SAME_LOWER or VALID")
    total = [size - target for size, target in zip(full, wanted[-rank:] or same, strict=True)]
    if min(total) < 0:
        raise node.unsupported(f"an output larger than its {list(full)}", "pads of 0 or more", "use output_padding")
    small, large = [each // 2 for each in total], [each - each // 2 for each in total]
    return (*small, *large) if auto == "SAME_UPPER" else (*large, *small)


def _turned(node: Node, w: Tensor | Const, groups: int) -> Const:
    """Return weights (C, M/groups, ...) as Conv has them, (M, C/groups, ...) and turned round."""
    if not isinstance(w, Const):
        raise node.unsupported("weights that are computed or hidden", "constant weights", "leave them in the image")
    inputs, outputs, *kernel = w.shape
    parts = w.array.reshape(groups, inputs // groups, outputs, *kernel).swapaxes(1, 2)
    whole = parts.reshape(groups * outputs, inputs // groups, *kernel)
    return Const(np.ascontiguousarray(np.flip(whole, tuple(range(2, whole.ndim)))))


def _spread(low: Lowering, node: Node, x: Tensor, strides: Sequence[int], fill: int) -> Tensor:
    """Return x with `fill` between the elements of its spatial axes: strides apart, none behind the last."""
    for axis, stride in enumerate(strides, 2):
        size = x.shape[axis]
        if stride == 1 or size == 1:
            continue
        rows, inner = int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis + 1 :]))
        wide = low.tensor(node, x.dtype, (rows, size, stride * inner))
        block = (rows, size, inner)
        low.emit(ops.Move(node.label, wide.name, fill, (ops.Copy(x.name, 0, row_major(block), (0, 0, 0), block),)))
        flat = reshape(low, node, wide, (rows, size * stride * inner))
        length = (stride * (size - 1) + 1) * inner
        kept = low.tensor(node, x.dtype, (rows, length))
        cut = ops.Copy(flat.name, 0, (size * stride * inner, 1), (0, 0), (rows, length))
        low.emit(ops.Move(node.label, kept.name, 0, (cut,)))
        x = reshape(low, node, kept, (*x.shape[:axis], stride * (size - 1) + 1, *x.shape[axis + 1 :]))
    return x
