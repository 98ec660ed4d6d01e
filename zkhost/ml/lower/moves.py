"""Operators that move elements and compute nothing: on integers, they keep scale and zero point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zkhost.errors import ZkhostError
from zkhost.ml import ops
from zkhost.ml.graph import Tensor, dtype_of
from zkhost.ml.lower import integers
from zkhost.ml.lower.context import Lowering, handles, one, row_major
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.fold import axes_of, flat_of, reshape_of, slices, split_sizes
from zkhost.ml.lower.scales import quant, target_of
from zkhost.ml.lower.values import Const, Curve, Labels, Lazy, Quant, Sums, Value
from zkhost.ml.lower.views import reshape, transpose, view
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
Moved = Callable[[Tensor], Tensor]


def move(low: Lowering, node: Node, value: Value | None, moved: Moved) -> Value:
    """Apply a move to whatever a value is made of, so that it goes on waiting for its QuantizeLinear."""
    match value:
        case Quant(q=Tensor()) if value.per_tensor:
            return Quant(moved(value.q), value.scale, value.zero, 0)  # type: ignore[arg-type]
        case Quant(q=Const()) if value.per_tensor:
            return Quant(moved(low.copy(node, value.q)), value.scale, value.zero, 0)
        case Labels():
            return Labels(moved(value.index), value.texts)
        case Curve():
            root = Quant(moved(value.root.q), value.root.scale, value.root.zero, 0)  # type: ignore[arg-type]
            return Curve(root, value.start, value.end, value.nodes, value.constants)
        case Sums() if value.scale.size == 1:
            return Sums(moved(value.sums), value.scale, 0, value.lo, value.hi)
        case Tensor():
            return moved(value)
        case Quant() | Sums() | Lazy() | Const():
            x = Const(value.array) if isinstance(value, Const) else f32(low, node, value)
            return moved(low.copy(node, x))
    raise node.invalid("an input that is left out", "all inputs it needs")


def _sized(node: Node, function: Callable[[], Any]) -> Any:
    """Return the result of shape arithmetic, or raise an error that names the node."""
    try:
        return function()
    except ZkhostError:
        raise
    except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        raise node.invalid(str(error), "shapes that fit") from error


def _reshaping(low: Lowering, node: Node, value: Value | None, shape: Callable[[tuple[int, ...]], Any]) -> list[Value]:
    assert value is not None
    target = tuple(int(size) for size in _sized(node, lambda: shape(value.shape)))
    return [move(low, node, value, lambda x: reshape(low, node, x, target))]


@handles("Reshape", attributes="allowzero")
def _reshape(low: Lowering, node: Node, args: Args) -> list[Value]:
    target = low.integers(node, args[1])
    return _reshaping(low, node, args[0], lambda shape: reshape_of(node, shape, target))


@handles("Flatten", attributes="axis")
def _flatten(low: Lowering, node: Node, args: Args) -> list[Value]:
    return _reshaping(low, node, args[0], lambda shape: flat_of(node, shape))


@handles("Squeeze", "Unsqueeze", attributes="axes")
def _squeeze(low: Lowering, node: Node, args: Args) -> list[Value]:
    arrays = [None, low.integers(node, args[1]) if len(args) > 1 and args[1] is not None else None]

    def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
        axes = axes_of(node, arrays, 1, len(shape)) or tuple(i for i, size in enumerate(shape) if size == 1)
        if any(shape[axis] != 1 for axis in axes):
            raise ValueError(f"axes {axes} of {list(shape)} are not all of size 1")
        return tuple(size for i, size in enumerate(shape) if i not in axes)

    def unsqueezed(shape: tuple[int, ...]) -> tuple[int, ...]:
        given = node.attributes.get("axes") if arrays[1] is None else arrays[1].reshape(-1)
        axes = axes_of(node, [None, np.asarray(given)], 1, len(shape) + len(given))  # type: ignore[arg-type]
        rest = iter(shape)
        return tuple(1 if i in (axes or ()) else next(rest) for i in range(len(shape) + len(axes or ())))

    return _reshaping(low, node, args[0], squeezed if node.op == "Squeeze" else unsqueezed)


@handles("Identity", "Dropout", "ai.onnx.ml.ZipMap", attributes="seed ratio classlabels_int64s classlabels_strings")
def _identity(low: Lowering, node: Node, args: Args) -> list[Value]:
    assert args[0] is not None
    training = args[2] if len(args) > 2 else None
    if len(node.outputs) > 1 or (training is not None and (not isinstance(training, Const) or training.array.any())):
        raise node.unsupported(
            "a Dropout that trains or writes its mask", "one in evaluation", "export in evaluation mode"
        )
    return [args[0]]


@handles("Transpose", attributes="perm")
def _transpose(low: Lowering, node: Node, args: Args) -> list[Value]:
    assert args[0] is not None
    rank = len(args[0].shape)
    order = node.get_ints("perm", list(range(rank))[::-1])
    if sorted(order) != list(range(rank)):
        raise node.invalid(f"perm {order} of {rank} axes", "each axis once")
    return [move(low, node, args[0], lambda x: transpose(low, node, x, order))]


def cut(low: Lowering, node: Node, x: Tensor, index: Sequence[slice]) -> Tensor:
    """Return what slices take of a tensor. Raises ModelFormatError for nothing."""
    strides = row_major(x.shape)
    ranges = [range(size)[each] for size, each in zip(x.shape, index, strict=True)]
    shape = tuple(len(each) for each in ranges)
    if shape == x.shape and all(each.step > 0 for each in ranges):
        return x
    if 0 in shape:
        raise node.unsupported(f"an empty slice of {list(x.shape)}", "one element or more", "export without it")
    offset = sum(each.start * stride for each, stride in zip(ranges, strides, strict=True))
    return view(low, node, x, offset, [r.step * s for r, s in zip(ranges, strides, strict=True)], shape)


@handles("Slice")
def _slice(low: Lowering, node: Node, args: Args) -> list[Value]:
    assert args[0] is not None
    shape = args[0].shape
    known = [None, *(None if arg is None else low.integers(node, arg) for arg in args[1:])]
    index = _sized(node, lambda: slices(node, known, shape))
    return [move(low, node, args[0], lambda x: cut(low, node, x, index))]


@handles("Split", attributes="axis split num_outputs")
def _split(low: Lowering, node: Node, args: Args) -> list[Value]:
    value = args[0]
    assert value is not None
    known = [None, low.integers(node, args[1]) if len(args) > 1 and args[1] is not None else None]
    rank = len(value.shape)
    axis = _axis(node, node.get_int("axis", 0), rank)
    sizes = _sized(node, lambda: split_sizes(node, known, value.shape[axis]))
    found: list[Value] = []
    at = 0
    for size in sizes:
        index = [slice(at, at + size) if i == axis else slice(None) for i in range(rank)]
        found.append(move(low, node, value, lambda x, index=index: cut(low, node, x, index)))  # type: ignore[misc]
        at += size
    return found


def _axis(node: Node, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise node.invalid(f"axis {axis} of a tensor with {rank} axes", f"{-rank} to {rank - 1}")
    return axis % rank


@handles("Expand")
def _expand(low: Lowering, node: Node, args: Args) -> list[Value]:
    assert args[0] is not None
    shape = args[0].shape
    wanted = low.integers(node, args[1])
    target = _sized(node, lambda: np.broadcast_shapes(shape, tuple(int(size) for size in wanted)))
    return [move(low, node, args[0], lambda x: low.copy(node, x, target))]


@handles("Gather", attributes="axis")
def _gather(low: Lowering, node: Node, args: Args) -> list[Value]:
    data, index = args
    assert data is not None
    assert index is not None
    axis = _axis(node, node.get_int("axis", 0), len(data.shape))
    if isinstance(index, Const):
        return [move(low, node, data, lambda x: pick(low, node, x, low.integers(node, index), axis))]
    if not isinstance(index, Tensor) or index.dtype != "s32" or axis != 0:
        raise node.unsupported(
            "indices that are computed, or that choose on another axis than 0",
            "integer inputs, axis 0",
            "embed on axis 0",
        )

    def looked_up(x: Tensor | Const) -> Tensor:
        rows = x.shape[0]
        flat = (
            Const(x.array.reshape(rows, -1)) if isinstance(x, Const) else reshape(low, node, x, (rows, x.size // rows))
        )
        kind = dtype_of(x.array) if isinstance(x, Const) else x.dtype
        y = low.tensor(node, kind, (*index.shape, flat.shape[1]))
        low.emit(ops.Gather(node.label, y.name, low.name(flat), index.name))
        return reshape(low, node, y, (*index.shape, *x.shape[1:]))

    if isinstance(data, Const):
        return [looked_up(data)]
    if isinstance(data, Quant) and data.per_tensor:
        return [Quant(looked_up(data.q), data.scale, data.zero, 0)]
    return [looked_up(f32(low, node, data))]


def pick(low: Lowering, node: Node, x: Tensor, index: Any, axis: int) -> Tensor:
    """Gather with constant indices: a block for each run of evenly spaced ones."""
    size = x.shape[axis]
    if index.size == 0 or index.min() < -size or index.max() >= size:
        raise node.invalid(f"indices of an axis of {size}", f"{-size} to {size - 1}, one or more")
    strides = row_major(x.shape)
    picked = low.tensor(node, x.dtype, (*x.shape[:axis], index.size, *x.shape[axis + 1 :]))
    copies, at = [], 0
    for start, step, count in _runs([int(each) % size for each in index.reshape(-1)]):
        steps = tuple(step * stride if i == axis else stride for i, stride in enumerate(strides))
        place = tuple(at if i == axis else 0 for i in range(len(strides)))
        block = tuple(count if i == axis else each for i, each in enumerate(x.shape))
        copies.append(ops.Copy(x.name, start * strides[axis], steps, place, block))
        at += count
    low.emit(ops.Move(node.label, picked.name, 0, tuple(copies)))
    return reshape(low, node, picked, (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))


def _runs(index: list[int]) -> list[tuple[int, int, int]]:
    """Start, step and length of runs of evenly spaced indices."""
    runs: list[tuple[int, int, int]] = []
    for each in index:
        if runs:
            start, step, count = runs[-1]
            if count == 1 or each == start + step * count:
                runs[-1] = start, each - start if count == 1 else step, count + 1
                continue
        runs.append((each, 1, 1))
    return runs


@handles("Pad", attributes="mode")
def _pad(low: Lowering, node: Node, args: Args) -> list[Value]:
    value, pads, fill, axes = (*args, None, None)[:4]
    assert value is not None
    mode = str(node.attributes.get("mode", "constant"))
    if mode not in ("constant", "edge", "reflect", "wrap"):
        raise node.invalid(f"mode {mode!r}", "constant, edge, reflect or wrap")
    rank = len(value.shape)
    amounts = [int(v) for v in low.integers(node, pads).reshape(-1)]
    known = None if axes is None else low.integers(node, axes)
    where = _sized(node, lambda: axes_of(node, [known], 0, rank)) or tuple(range(rank))
    if len(amounts) != 2 * len(where):
        raise node.invalid(f"{len(amounts)} pads for {len(where)} axes", "a begin and an end for each")
    begin, end = [0] * rank, [0] * rank
    for i, axis in enumerate(where):
        begin[axis], end[axis] = amounts[i], amounts[len(where) + i]
    if mode != "constant":
        return [move(low, node, value, lambda x: _mirrored(low, node, x, mode, begin, end))]
    number = np.float32(0) if fill is None else _fill(node, fill)
    if isinstance(value, Quant) and isinstance(value.q, Tensor) and value.per_tensor:
        info = np.iinfo(np.uint8 if value.q.dtype == "u8" else np.int8)
        at = int(value.zero.reshape(())) + float(np.rint(number / value.scale.reshape(())))
        if info.min <= at <= info.max:
            return [Quant(_padded(low, node, value.q, begin, end, at), value.scale, value.zero, 0)]
    if isinstance(value, Tensor) and value.dtype != "f32":
        return [_padded(low, node, value, begin, end, float(number))]
    return [_padded(low, node, low.copy(node, f32(low, node, value)), begin, end, float(number))]


def _mirrored(low: Lowering, node: Node, x: Tensor, mode: str, begin: list[int], end: list[int]) -> Tensor:
    """Padding with the tensor's own elements."""
    for axis, (before, after) in enumerate(zip(begin, end, strict=True)):
        if min(before, after) < 0:
            raise node.unsupported(f"negative pads with mode {mode!r}", "pads of 0 or more", "use Slice")
        if before or after:
            index = np.pad(np.arange(x.shape[axis]), (before, after), mode=mode)  # type: ignore[call-overload]
            x = pick(low, node, x, index, axis)
    return x


def _fill(node: Node, fill: Value) -> Any:
    if isinstance(fill, Quant) and isinstance(fill.q, Const) and fill.q.array.size == 1:
        centred = int(fill.q.array.reshape(())) - int(fill.zero.reshape(()))
        return np.float32(centred) * fill.scale.reshape(())
    return one(node, fill, "fill value")[()]


def _padded(low: Lowering, node: Node, x: Tensor, begin: list[int], end: list[int], fill: float) -> Tensor:
    """Constant padding; a negative pad cuts."""
    index = [slice(max(0, -b), size - max(0, -e)) for b, e, size in zip(begin, end, x.shape, strict=True)]
    x = cut(low, node, x, index)
    before, after = [max(0, b) for b in begin], [max(0, e) for e in end]
    if not any(before) and not any(after):
        return x
    y = low.tensor(node, x.dtype, [b + size + e for b, size, e in zip(before, x.shape, after, strict=True)])
    low.emit(ops.Move(node.label, y.name, fill, (ops.Copy(x.name, 0, row_major(x.shape), tuple(before), x.shape),)))
    return y


@handles("Concat", attributes="axis")
def _concat(low: Lowering, node: Node, args: Args) -> list[Value]:
    values = [arg for arg in args if arg is not None]
    axis = _axis(node, node.get_int("axis", 0), len(values[0].shape))
    quants = [value for value in values if isinstance(value, Quant) and value.per_tensor]
    if len(quants) == len(values) and low.meets_quantize(node.outputs[0]):
        shape = list(values[0].shape)
        shape[axis] = sum(value.shape[axis] for value in values)
        return [Lazy(node, tuple(quants), tuple(shape))]
    if all(isinstance(value, (Tensor, Const)) for value in values):
        return [integers.join(low, node, [v for v in values if isinstance(v, (Tensor, Const))], axis)]
    return [integers.join(low, node, [f32(low, node, value) for value in values], axis)]


@handles("com.microsoft.QLinearConcat", attributes="axis")
def _qlinear_concat(low: Lowering, node: Node, args: Args) -> list[Value]:
    target = target_of(node, args[0], args[1])
    parts = [quant(node, args[i], args[i + 1], args[i + 2]) for i in range(2, len(args), 3)]
    axis = _axis(node, node.get_int("axis", 0), len(parts[0].shape))
    return [integers.concat(low, node, parts, target, axis)]
