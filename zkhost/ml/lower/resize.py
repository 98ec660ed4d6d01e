"""Resize by nearest neighbours and by linear interpolation; DepthToSpace and SpaceToDepth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from zkhost.ml.graph import Tensor
from zkhost.ml.lower import floats
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.fold import axes_of
from zkhost.ml.lower.moves import move, pick
from zkhost.ml.lower.values import Const, Value
from zkhost.ml.lower.views import reshape, transpose
from zkhost.ml.read.node import Node
from zkhost.ml.read.onnx_file import MAX_ELEMENTS

Args = Sequence[Value | None]
F32 = np.float32
RESIZE = (
    "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
    "keep_aspect_ratio_policy mode nearest_mode"
)


@handles("Resize", attributes=RESIZE)
def _resize(low: Lowering, node: Node, args: Args) -> list[Value]:
    value, _, scales, sizes = (*args, None, None, None)[:4]
    assert value is not None
    mode = str(node.attributes.get("mode", "nearest"))
    if (
        mode not in ("nearest", "linear")
        or node.get_int("antialias", 0)
        or node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch"
    ):
        raise node.unsupported(
            f"mode {mode!r}{', with antialias' * node.get_int('antialias', 0)}",
            "nearest or linear, without antialias, stretched",
            "export with another interpolation, or resize before the model",
        )
    axes = [_Axis(node, *each) for each in _targets(low, node, value.shape, scales, sizes)]
    if mode == "nearest":
        return [move(low, node, value, lambda x: _nearest(low, node, x, axes))]
    if isinstance(value, Tensor) and value.dtype != "f32":
        raise node.unsupported(
            "linear interpolation of integers",
            "a float tensor, or one between DequantizeLinear and QuantizeLinear",
            "quantise in the QDQ form (onnxruntime rounds towards zero here, in one layout but not in another)",
        )
    if any(axis.size != axis.out for axis in axes[: len(axes) - _spatial(axes)]):
        raise node.unsupported(
            "linear interpolation over batch or channels", "over spatial axes", "transpose before it"
        )
    return [_linear(low, node, low.copy(node, f32(low, node, value)), axes)]


def _targets(
    low: Lowering, node: Node, shape: tuple[int, ...], scales: Value | None, sizes: Value | None
) -> list[tuple[int, int, np.float32]]:
    """Return size, new size and scale of each axis."""
    where = axes_of(node, [], 0, len(shape)) or tuple(range(len(shape)))
    found = [(size, size, F32(1)) for size in shape]
    by_size = isinstance(sizes, Const) and sizes.array.size > 0
    if by_size:
        given: Any = low.integers(node, sizes).reshape(-1)
    elif isinstance(scales, Const) and scales.array.dtype == F32:
        given = scales.array.reshape(-1)
    else:
        raise node.unsupported("sizes that the model computes from its input", "constant scales or sizes", "bind dynamic axes with dims=..., or export with fixed shapes")  # fmt: skip
    if len(given) != len(where) or not (np.isfinite(given).all() and (given > 0).all()):
        raise node.invalid(f"scales or sizes {given.tolist()}", f"{len(where)} numbers above zero")
    for axis, each in zip(where, given, strict=True):
        size = shape[axis]
        out = int(each) if by_size else int(F32(size) * each)
        if not 1 <= out <= MAX_ELEMENTS:
            raise node.invalid(f"an axis of {size} resized to {out}", f"1 to {MAX_ELEMENTS:,}")
        found[axis] = size, out, F32(out) / F32(size) if by_size else F32(each)
    return found


class _Axis:
    """One axis: for each index of the result where it lies in the input, in f32 as onnxruntime computes it (upsamplebase.h)."""

    def __init__(self, node: Node, size: int, out: int, scale: np.float32) -> None:
        self.size, self.out = size, out
        index, half = np.arange(out, dtype=F32), F32(0.5)
        kind = str(node.attributes.get("coordinate_transformation_mode", "half_pixel"))
        match kind:
            case _ if scale == 1 and size == out:
                at: Any = index
            case "asymmetric":
                at = index / scale
            case "half_pixel":
                at = (index + half) / scale - half
            case "pytorch_half_pixel":
                at = (index + half) / scale - half if out > 1 else np.zeros(1, F32)
            case "align_corners":
                at = index * F32(size - 1) / F32(out - 1) if out > 1 else np.zeros(1, F32)
            case _:
                raise node.unsupported(
                    f"coordinate_transformation_mode {kind!r}", "asymmetric, half_pixel, pytorch_half_pixel or align_corners", "export with align_corners set or not set"
                )  # fmt: skip
        self.at = at

    def nearest(self, node: Node) -> Any:
        """Return the index that is nearest to each place."""
        return np.clip(self._rounded(node), 0, self.size - 1).astype(np.int64)

    def _rounded(self, node: Node) -> Any:
        at = self.at.astype(np.float64)  # in which a half more or less is exact
        mode = str(node.attributes.get("nearest_mode", "round_prefer_floor"))
        off = np.abs(at - np.floor(at) - 0.5)
        if mode.startswith("round") and ((off > 0) & (off < 1e-5)).any():
            raise node.unsupported(
                "a place so near the middle of two elements that f32 decides which it is",
                "whole or dyadic scales, or another nearest_mode",
                "export with the sizes' ratio a whole number, or with nearest_mode floor",
            )
        match mode:
            case "floor":
                return np.floor(at)
            case "ceil":
                return np.ceil(at)
            case "round_prefer_ceil":
                return np.floor(at + 0.5)
            case "round_prefer_floor":
                return np.ceil(at - 0.5)
        raise node.invalid(f"nearest_mode {mode!r}", "floor, ceil, round_prefer_floor or round_prefer_ceil")

    def neighbours(self) -> list[tuple[Any, Any]]:
        """Return the indices before and after each place, and their weights; one half each where the two are one index."""
        at = np.clip(self.at, F32(0), F32(self.size - 1))
        before = at.astype(np.int64)
        after = np.minimum(before + 1, self.size - 1)
        same = before == after
        first, second = np.abs(at - after.astype(F32)), np.abs(at - before.astype(F32))
        return [(before, np.where(same, F32(0.5), first)), (after, np.where(same, F32(0.5), second))]


def _nearest(low: Lowering, node: Node, x: Tensor, axes: Sequence[_Axis]) -> Tensor:
    for place, axis in enumerate(axes):
        index = axis.nearest(node)
        if axis.size != axis.out or (index != np.arange(axis.size)).any():
            x = pick(low, node, x, index, place)
    return x


def _linear(low: Lowering, node: Node, x: Tensor, axes: Sequence[_Axis]) -> Tensor:
    """Return the sum of the corners' elements times their weights, in onnxruntime's order: the last axis varies first, and
    its weight is the first factor."""
    corners: list[tuple[Tensor, list[Any]]] = [(x, [])]
    for place in range(len(axes) - _spatial(axes), len(axes)):
        shape = [-1 if i == place else 1 for i in range(len(axes))]
        sides = [(index, share.reshape(shape)) for index, share in axes[place].neighbours()]
        corners = [
            (pick(low, node, corner, index, place), [share, *weights])
            for (corner, weights), (index, share) in product(corners, sides)
        ]
    terms = [floats.binary(low, node, "mul", corner, Const(reduce(np.multiply, w))) for corner, w in corners]
    return reduce(lambda y, term: floats.binary(low, node, "add", y, term), terms)


def _spatial(axes: Sequence[_Axis]) -> int:
    """Return how many of the last axes onnxruntime interpolates over."""
    return {2: 2, 4: 2, 5: 3}.get(len(axes), 1)


@handles("DepthToSpace", "SpaceToDepth", attributes="blocksize mode")
def _blocks(low: Lowering, node: Node, args: Args) -> list[Value]:
    value = args[0]
    if value is None or len(value.shape) != 4:
        raise node.invalid("an input of another rank", "(N, C, H, W)")
    size, mode = node.get_int("blocksize", 0), str(node.attributes.get("mode", "DCR"))
    n, c, h, w = value.shape
    deep = node.op == "DepthToSpace"
    if size < 1 or mode not in ("DCR", "CRD") or (c % size**2 if deep else h % size or w % size):
        raise node.invalid(
            f"blocks of {size} in {list(value.shape)}, mode {mode!r}", "sizes that blocks divide, DCR or CRD"
        )
    if not deep:
        parts, order = (
            (n, c, h // size, size, w // size, size),
            (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4),
        )
        target = (n, c * size**2, h // size, w // size)
    else:
        inner = (size, size, c // size**2) if mode == "DCR" else (c // size**2, size, size)
        parts, order = (n, *inner, h, w), (0, 3, 4, 1, 5, 2) if mode == "DCR" else (0, 1, 4, 2, 5, 3)
        target = (n, c // size**2, h * size, w * size)

    def turned(x: Tensor) -> Tensor:
        return reshape(low, node, transpose(low, node, reshape(low, node, x, parts), order), target)

    return [move(low, node, value, turned)]
