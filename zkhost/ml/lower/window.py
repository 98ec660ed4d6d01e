"""Kernels, strides, pads and dilations of Conv and pools, from a node's attributes to a Window."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from zkhost.ml.ops import Pads, Window
from zkhost.ml.read.node import Node

MAX_SIZE = 1 << 12
"""Of one axis of a kernel, stride, dilation or pad."""
MAX_POSITIONS = 1 << 16
"""Of a kernel."""
MAX_PADDED = 1 << 24
"""Elements of one plane with its pads."""


@dataclass(frozen=True)
class Pool:
    """A pool's window, the shape of its output, and which pads its average counts."""

    window: Window
    shape: tuple[int, ...]
    count_pads: bool
    counted: Pads


def window_of(node: Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> Window:
    """Return the window of a convolution over an input of these spatial sizes.

    Raises ModelFormatError where the attributes do not fit the sizes.
    """
    return _window(node, sizes, kernel)[0]


def pool_of(node: Node, shape: tuple[int, ...]) -> Pool:
    """Return the window of a pool over an input of this shape."""
    kernel = node.get_ints("kernel_shape", [])
    window, counted = _window(node, shape[2:], kernel)
    out = (*shape[:2], *window.out(shape[2:]))
    return Pool(window, out, bool(node.get_int("count_include_pad", 0)), counted)


def _window(node: Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[Window, Pads]:
    rank = len(sizes)
    if not 1 <= rank <= 3:
        raise node.unsupported(f"{rank} spatial axes", "one to three", "reshape the input")
    strides = node.get_ints("strides", [1] * rank)
    dilations = node.get_ints("dilations", [1] * rank)
    pads = list(node.get_ints("pads", [0] * (2 * rank)))
    declared = node.get_ints("kernel_shape", list(kernel))
    if not len(kernel) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank or declared != kernel:
        raise node.invalid("a kernel, strides, dilations or pads of another rank than its input", f"{rank} axes")
    if any(not 1 <= v <= MAX_SIZE for v in (*kernel, *strides, *dilations)) or any(
        not 0 <= pad <= MAX_SIZE for pad in pads
    ):
        raise node.unsupported(
            f"kernel {kernel}, strides {strides}, dilations {dilations}, pads {pads}",
            f"sizes of 1 to {MAX_SIZE}, pads of 0 to {MAX_SIZE}",
            "use Slice for negative pads",
        )
    auto = str(node.attributes.get("auto_pad", "NOTSET"))
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        for i, size in enumerate(sizes):
            need = max((-(-size // strides[i]) - 1) * strides[i] + extent[i] - size, 0)
            small, big = need // 2, need - need // 2
            pads[i], pads[rank + i] = (small, big) if auto == "SAME_UPPER" else (big, small)
    elif auto == "VALID":
        pads = [0] * (2 * rank)
    elif auto != "NOTSET":
        raise node.invalid(f"auto_pad {auto!r}", "NOTSET, SAME_UPPER, SAME_LOWER or VALID")
    counted = tuple(pads)
    if node.get_int("ceil_mode", 0) and auto == "NOTSET":
        for i, size in enumerate(sizes):
            room = size + pads[i] + pads[rank + i] - extent[i]
            out = -(-room // strides[i]) + 1
            if (out - 1) * strides[i] >= size + pads[i]:  # a window that would start behind the input is left out
                out -= 1
            pads[rank + i] = max((out - 1) * strides[i] + extent[i] - size - pads[i], pads[rank + i])
    plane = [size + pads[i] + pads[rank + i] for i, size in enumerate(sizes)]
    if prod(kernel) > MAX_POSITIONS or prod(plane) > MAX_PADDED:
        raise node.unsupported(
            f"a kernel of {list(kernel)} over planes of {plane}",
            f"at most {MAX_POSITIONS:,} positions over {MAX_PADDED:,} elements",
            "use smaller windows",
        )
    window = Window(kernel, strides, tuple(pads), dilations)
    if any(out < 1 for out in window.out(sizes)):
        raise node.invalid(f"a kernel of {extent} over {list(sizes)}", "a kernel that fits its padded input")
    return window, counted
