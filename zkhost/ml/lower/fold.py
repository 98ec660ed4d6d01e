"""Nodes whose inputs are all known: computed when the model is loaded. Shape arithmetic of exporters goes here.

Only functions whose result is exact, so the same everywhere; all work on numpy arrays of any rank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx

from zkhost.ml.read.node import Node
from zkhost.ml.read.onnx_file import constant

MAX_FOLDED = 1 << 24
"""Elements of a constant that is computed, so that a small file cannot ask for much memory."""

Function = Callable[[Node, Sequence[Any]], Any]
Arrays = Sequence[Any]


def fold(node: Node, args: Arrays) -> list[Any] | None:
    """Return the outputs, or None for an operator that is not folded. Raises ModelFormatError where the inputs do not fit."""
    function = FUNCTIONS.get(node.operator)
    if function is None:
        return None
    try:
        with np.errstate(all="ignore"):
            result = function(node, args)
    except (
        ValueError,
        IndexError,
        TypeError,
        KeyError,
        AttributeError,
        ZeroDivisionError,
        OverflowError,
        MemoryError,
    ) as error:
        raise node.invalid(f"inputs it cannot take ({error})", "inputs that fit each other") from error
    results = result if isinstance(result, list) else [result]
    return [np.asarray(each) for each in results]


def _bounded(node: Node, shape: Any) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in np.asarray(shape).reshape(-1))
    if any(size < 0 for size in sizes) or int(np.prod(sizes, dtype=object)) > MAX_FOLDED:
        raise node.invalid(f"a constant of shape {list(sizes)}", f"at most {MAX_FOLDED:,} elements")
    return sizes


def _same(function: Callable[..., Any]) -> Function:
    """Return a function of the arrays alone, in the dtype of the first."""

    def apply(node: Node, args: Arrays) -> Any:
        if len(args) > 1:
            _bounded(node, np.broadcast_shapes(*(np.shape(a) for a in args)))
        return np.asarray(function(*args), dtype=args[0].dtype)

    return apply


def _div(a: Any, b: Any) -> Any:
    if a.dtype.kind == "f":
        return a / b
    if (b == 0).any():
        raise ZeroDivisionError("division by zero")
    quotient = np.abs(a) // np.abs(b)  # towards zero, as C
    return np.where((a < 0) != (b < 0), -quotient, quotient)


def reshape_of(node: Node, shape: tuple[int, ...], target: Any) -> tuple[int, ...]:
    """Return the shape that Reshape means: 0 copies an axis, -1 is inferred."""
    wanted = [int(size) for size in np.asarray(target).reshape(-1)]
    if not node.get_int("allowzero", 0):
        if any(size == 0 and i >= len(shape) for i, size in enumerate(wanted)):
            raise ValueError(f"cannot copy an axis of {list(shape)} into {wanted}")
        wanted = [shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    total = int(np.prod(shape, dtype=object)) if shape else 1
    if wanted.count(-1) == 1:
        rest = int(np.prod([size for size in wanted if size != -1], dtype=object))
        wanted[wanted.index(-1)] = total // rest if rest else 0
    if any(size < 0 for size in wanted) or int(np.prod(wanted, dtype=object)) != total:
        raise ValueError(f"cannot reshape {list(shape)} to {wanted}")
    return tuple(wanted)


def axes_of(node: Node, args: Arrays, place: int, rank: int) -> tuple[int, ...] | None:
    """Axes from an attribute (old opsets) or an input, counted from 0; None where there are none."""
    found = node.attributes.get("axes")
    if found is None and len(args) > place and args[place] is not None:
        found = np.asarray(args[place]).reshape(-1)
    if found is None:
        return None
    axes = tuple(int(axis) for axis in found)
    if any(not -rank <= axis < rank for axis in axes):
        raise ValueError(f"axes {axes} of a tensor with {rank} axes")
    return tuple(axis % rank for axis in axes)


def slices(node: Node, args: Arrays, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return what Slice takes of every axis."""
    rank = len(shape)
    starts, ends = (np.asarray(a).reshape(-1) for a in args[1:3])
    axes = axes_of(node, args, 3, rank) or tuple(range(len(starts)))
    steps = np.asarray(args[4]).reshape(-1) if len(args) > 4 and args[4] is not None else np.ones(len(starts), int)
    if not len(starts) == len(ends) == len(axes) == len(steps) or (steps == 0).any() or len(set(axes)) != len(axes):
        raise ValueError("starts, ends, axes and steps of Slice do not fit")
    index = [slice(0, size, 1) for size in shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size, start, end, step = shape[axis], int(start), int(end), int(step)
        start, end = start + size if start < 0 else start, end + size if end < 0 else end
        if step > 0:
            index[axis] = slice(min(max(start, 0), size), min(max(end, 0), size), step)
        else:
            start, end = min(max(start, -1), size - 1), min(max(end, -1), size - 1)
            index[axis] = slice(start, end if end >= 0 else None, step) if start >= 0 else slice(0, 0, 1)
    return tuple(index)


def _shape(node: Node, args: Arrays) -> Any:
    return np.array(args[0].shape[slice(node.get_int("start", 0), node.attributes.get("end"))], np.int64)


def _gather(node: Node, args: Arrays) -> Any:
    data, index = args[:2]
    axis = node.get_int("axis", 0)
    _bounded(node, (*data.shape[:axis], *index.shape, *data.shape[axis % max(data.ndim, 1) + 1 :]))
    return np.take(data, index, axis=axis)


def _cast(node: Node, args: Arrays) -> Any:
    return args[0].astype(onnx.helper.tensor_dtype_to_np_dtype(node.get_int("to", 0)))


def _constant_of_shape(node: Node, args: Arrays) -> Any:
    value = node.attributes.get("value")
    fill = constant(value).reshape(-1)[0] if value is not None else np.float32(0)
    return np.full(_bounded(node, args[0]), fill)


def _range(node: Node, args: Arrays) -> Any:
    start, limit, step = (a.reshape(())[()] for a in args)
    _bounded(node, [max(0, int(np.ceil((float(limit) - float(start)) / float(step))))])
    return np.arange(start, limit, step, dtype=args[0].dtype)


def _expand(node: Node, args: Arrays) -> Any:
    shape = np.broadcast_shapes(args[0].shape, _bounded(node, args[1]))
    return np.broadcast_to(args[0], _bounded(node, shape))


def _unsqueeze(node: Node, args: Arrays) -> Any:
    axes = node.attributes.get("axes", args[1] if len(args) > 1 else ())
    return np.expand_dims(args[0], tuple(int(axis) for axis in np.asarray(axes).reshape(-1)))


def _squeeze(node: Node, args: Arrays) -> Any:
    return np.squeeze(args[0], axes_of(node, args, 1, args[0].ndim))


def _clip(node: Node, args: Arrays) -> Any:
    x, (lo, hi) = args[0], clip_limits(node, args)
    x = np.where(x > lo, x, lo)
    return np.where(x < hi, x, hi).astype(args[0].dtype)


def clip_limits(node: Node, args: Arrays) -> tuple[Any, Any]:
    """Return the limits of a Clip, in the dtype of its input, or infinite."""
    found = []
    for place, name, none in ((1, "min", -np.inf), (2, "max", np.inf)):
        given = args[place] if len(args) > place else None
        limit = node.attributes.get(name, none) if given is None else np.asarray(given).reshape(-1)[0]
        if np.isnan(limit):
            raise ValueError("a limit is NaN")
        found.append(np.float32(limit) if args[0].dtype == np.float32 else limit)
    return found[0], found[1]


def _leaky(node: Node, args: Arrays) -> Any:
    return np.where(args[0] < 0, args[0] * np.float32(node.get_float("alpha", 0.01)), args[0]).astype(args[0].dtype)


def _split(node: Node, args: Arrays) -> Any:
    axis = node.get_int("axis", 0)
    sizes = split_sizes(node, args, args[0].shape[axis])
    return np.split(args[0], np.cumsum(sizes)[:-1], axis=axis)


def split_sizes(node: Node, args: Arrays, length: int) -> list[int]:
    """Return the lengths of a Split's parts."""
    given = node.attributes.get("split")
    if given is None and len(args) > 1 and args[1] is not None:
        given = np.asarray(args[1]).reshape(-1)
    if given is None:
        count = node.get_int("num_outputs", len(node.outputs))
        each = -(-length // count)
        given = [min(each, length - i * each) for i in range(count)]
    sizes = [int(size) for size in given]
    if sum(sizes) != length or any(size <= 0 for size in sizes) or len(sizes) != len(node.outputs):
        raise ValueError(f"parts of {sizes} do not fit an axis of {length} and {len(node.outputs)} outputs")
    return sizes


def _constant(node: Node, args: Arrays) -> Any:
    (name, value), *rest = node.attributes.items()
    if rest or name not in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        raise node.unsupported(
            f"a constant given as {sorted(node.attributes)}", "a tensor, int or float", "export it again"
        )
    if name == "value":
        return constant(value)
    return np.array(value, np.float32 if "float" in name else np.int64)


FUNCTIONS: dict[str, Function] = {
    "Abs": _same(np.abs),
    "Add": _same(np.add),
    "And": lambda node, args: args[0] & args[1],
    "Cast": _cast,
    "Ceil": _same(np.ceil),
    "Clip": _clip,
    "Concat": lambda node, args: np.concatenate(args, axis=node.get_int("axis", 0)),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Div": _same(_div),
    "Equal": lambda node, args: np.equal(*args),
    "Expand": _expand,
    "Flatten": lambda node, args: args[0].reshape(flat_of(node, args[0].shape)),
    "Floor": _same(np.floor),
    "Gather": _gather,
    "Greater": lambda node, args: np.greater(*args),
    "Identity": lambda node, args: args[0],
    "LeakyRelu": _leaky,
    "Less": lambda node, args: np.less(*args),
    "Max": lambda node, args: np.asarray(np.max(np.broadcast_arrays(*args), axis=0)),
    "Min": lambda node, args: np.asarray(np.min(np.broadcast_arrays(*args), axis=0)),
    "Mod": _same(np.mod),
    "Mul": _same(np.multiply),
    "Neg": _same(np.negative),
    "Not": lambda node, args: ~args[0],
    "Or": lambda node, args: args[0] | args[1],
    "Range": _range,
    "Reciprocal": _same(lambda x: 1 / x),
    "ReduceProd": lambda node, args: np.prod(
        args[0],
        axis=axes_of(node, args, 1, args[0].ndim),
        keepdims=bool(node.get_int("keepdims", 1)),
        dtype=args[0].dtype,
    ),
    "Relu": _same(lambda x: np.where(x > 0, x, 0)),
    "Reshape": lambda node, args: args[0].reshape(reshape_of(node, args[0].shape, args[1])),
    "Round": _same(np.rint),
    "Shape": _shape,
    "Size": lambda node, args: np.array(args[0].size, np.int64),
    "Slice": lambda node, args: args[0][slices(node, args, args[0].shape)],
    "Split": _split,
    "Sqrt": _same(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _same(np.subtract),
    "Transpose": lambda node, args: np.transpose(args[0], node.attributes.get("perm")),
    "Unsqueeze": _unsqueeze,
    "Where": lambda node, args: np.where(*args),
}


def flat_of(node: Node, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the shape that Flatten means."""
    axis = node.get_int("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise ValueError(f"axis {axis} of a tensor with {len(shape)} axes")
    axis = axis + len(shape) if axis < 0 else axis
    return int(np.prod(shape[:axis], dtype=np.int64)), int(np.prod(shape[axis:], dtype=np.int64))
