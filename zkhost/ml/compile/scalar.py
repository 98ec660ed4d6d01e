"""Operations as the interpreter's plain kernels run them, one for one."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, TypeVar

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import shapes
from zkhost.ml.compile.plan_bytes import Argument, At, Code
from zkhost.ml.compile.target import SIZE, TYPE, Target, added, bits

O = TypeVar("O", bound=ops.Op)  # noqa: E741

_WRITERS: dict[type[ops.Op], Callable[[Target, Any], None]] = {}


def _writes(kind: type[O]) -> Callable[[Callable[[Target, O], None]], Callable[[Target, O], None]]:
    def add(function: Callable[[Target, O], None]) -> Callable[[Target, O], None]:
        _WRITERS[kind] = function
        return function

    return add


def write(target: Target, op: ops.Op) -> None:
    """Append what computes `op`."""
    _WRITERS[type(op)](target, op)


def zero_of(target: Target, zero: ops.Zero, dtype: Any) -> tuple[Argument, Argument]:
    """A zero point's arguments: kind, and value or place."""
    if isinstance(zero, str):
        return 1, target.read(zero)
    return 0, zero + added(dtype)


def _words(target: Target, values: Any, count: int) -> At:
    """`count` s32 among the constants: the values given, or one for all."""
    array = np.asarray(values, dtype=np.int32).reshape(-1)
    return target.plan.constant(np.broadcast_to(array, (count,)) if array.size == 1 else array)


def _bias(target: Target, name: str | None, count: int) -> At:
    return _words(target, target.graph.constants[name] if name else 0, count)


@_writes(ops.Conv)
def _conv(target: Target, op: ops.Conv) -> None:
    graph = target.graph
    (n, c, *sizes), (_, m, *out) = graph.shape(op.x), graph.shape(op.y)
    w_zero = _words(target, np.asarray(op.w_zero) + added(graph.dtype(op.w)), m)
    target.plan.emit(
        Code.CONVOLUTION, target.read(op.x), zero_of(target, op.x_zero, graph.dtype(op.x)), target.read(op.w), w_zero,
        _bias(target, op.bias, m), target.write(op.y), n, c, m, op.groups, shapes.window(sizes, op.window, out),
    )  # fmt: skip


@_writes(ops.MatMul)
def _matmul(target: Target, op: ops.MatMul) -> None:
    graph = target.graph
    *batch, rows, depth = graph.shape(op.a)
    columns = graph.shape(op.w)[-1]
    w_zero = _words(target, np.asarray(op.w_zero) + added(graph.dtype(op.w)), columns)
    target.plan.emit(
        Code.MATRIX, target.read(op.a), zero_of(target, op.a_zero, graph.dtype(op.a)), target.read(op.w), w_zero,
        _bias(target, op.bias, columns), target.write(op.y), prod(batch), rows, depth, columns, int(op.w not in graph.constants),
    )  # fmt: skip


@_writes(ops.SumQ)
def _sum_q(target: Target, op: ops.SumQ) -> None:
    zero = op.x_zero + added(target.graph.dtype(op.x))
    target.plan.emit(Code.NEIGHBOURS, target.read(op.x), zero, op.count, target.write(op.y), target.size(op.y))


def _pair(target: Target, op: Any) -> list[int]:
    graph = target.graph
    shape = graph.shape(op.y)
    strides = [shapes.broadcast(graph.shape(name), shape) for name in (op.a, op.b)]
    return shapes.walk(op.node, shape, *strides)


@_writes(ops.MulQ)
def _mul_q(target: Target, op: ops.MulQ) -> None:
    graph = target.graph
    zeros = op.a_zero + added(graph.dtype(op.a)), op.b_zero + added(graph.dtype(op.b))
    target.plan.emit(Code.PRODUCTS, target.read(op.a), target.read(op.b), zeros, target.write(op.y), _pair(target, op))


def channels(shape: tuple[int, ...], axis: int, parameters: int) -> list[int]:
    """(outer, channels, inner) of parameters along an axis."""
    if parameters == 1:
        return [1, 1, prod(shape)]
    axis %= len(shape)
    return [prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])]


@_writes(ops.Requantize)
def _requantize(target: Target, op: ops.Requantize) -> None:
    graph = target.graph
    scale, more = graph.constants[op.scale].reshape(-1), added(graph.dtype(op.y))
    layout = channels(graph.shape(op.x), op.axis, scale.size)
    target.plan.emit(
        Code.REQUANTIZE, target.read(op.x), target.write(op.y), layout, target.plan.constant(scale), scale.size,
        op.zero + more, op.lo + more, op.hi + more,
    )  # fmt: skip


@_writes(ops.AddQ)
def _add_q(target: Target, op: ops.AddQ) -> None:
    graph = target.graph

    def products(ratio: float, name: str) -> Any:
        values = np.arange(256, dtype=np.int32) - added(graph.dtype(name))
        return np.float32(ratio) * values.astype(np.float32)

    a, b, fixed = products(op.ratio_a, op.a), products(op.ratio_b, op.b), np.array([op.fixed], np.float32)
    tables = np.concatenate([a, b, fixed]).astype(np.float32)
    # In fixed point, for sums that f32 rounds by little: see the interpreter's `quantize::add`.
    points = max(np.abs(a).max() + abs(op.fixed), np.abs(b).max()) < 1 << 10
    data = tables.tobytes()
    if points:
        exact = np.concatenate([a.astype(np.float64) + op.fixed, b.astype(np.float64)])
        data += np.rint(exact * 65536).astype(np.int32).tobytes()
    target.plan.emit(
        Code.ADD, target.read(op.a), target.read(op.b), target.plan.constant(np.frombuffer(data, np.uint8)), int(points),
        target.write(op.y), op.lo, op.hi, added(graph.dtype(op.y)), _pair(target, op),
    )  # fmt: skip


@_writes(ops.Table)
def _table(target: Target, op: ops.Table) -> None:
    size = SIZE[target.graph.dtype(op.y)]
    target.plan.emit(Code.TABLE, size, target.read(op.x), target.size(op.x), target.read(op.table), target.write(op.y))


def _pool(target: Target, op: Any) -> tuple[int, list[int]]:
    (n, c, *sizes), (_, _, *out) = target.graph.shape(op.x), target.graph.shape(op.y)
    return n * c, shapes.window(sizes, op.window, out)


@_writes(ops.MaxPool)
def _max_pool(target: Target, op: ops.MaxPool) -> None:
    planes, window = _pool(target, op)
    kind = TYPE[target.graph.dtype(op.x)]
    target.plan.emit(Code.MAX_POOL, kind, target.read(op.x), target.write(op.y), planes, window)


@_writes(ops.AveragePool)
def _average_pool(target: Target, op: ops.AveragePool) -> None:
    planes, window = _pool(target, op)
    target.plan.emit(
        Code.AVERAGE_POOL,
        target.read(op.x),
        target.write(op.y),
        planes,
        int(op.count_pads),
        shapes.pads(op.counted),
        window,
    )


@_writes(ops.AveragePoolQ)
def _average_pool_q(target: Target, op: ops.AveragePoolQ) -> None:
    graph = target.graph
    planes, window = _pool(target, op)
    values = np.arange(256, dtype=np.int32) - added(graph.dtype(op.x)) - op.x_zero
    table = values.astype(np.float32) * np.float32(op.x_scale)
    target.plan.emit(
        Code.AVERAGE_POOL_BYTES, target.read(op.x), target.write(op.y), planes, int(op.count_pads),
        target.plan.constant(table), bits(op.y_scale), op.y_zero + op.shift, op.lo + op.shift, op.hi + op.shift,
        op.shift - added(graph.dtype(op.y)), shapes.pads(op.counted), window,
    )  # fmt: skip


@_writes(ops.Reshape)
def _reshape(target: Target, op: ops.Reshape) -> None:
    target.places[op.y] = target.read(op.x)


@_writes(ops.Move)
def _move(target: Target, op: ops.Move) -> None:
    graph = target.graph
    dtype, shape = graph.dtype(op.y), graph.shape(op.y)
    size, to = SIZE[dtype], target.write(op.y)
    if sum(prod(copy.shape) for copy in op.copies) < prod(shape):
        fill = bits(op.fill) if dtype == "f32" else int(op.fill) + added(dtype)
        target.plan.emit(Code.FILL, size, to, prod(shape), fill)
    strides = shapes.strides_of(shape)
    for copy in op.copies:
        start = sum(i * stride for i, stride in zip(copy.at, strides, strict=True))
        walk = shapes.walk(op.node, copy.shape, copy.strides, strides)
        target.plan.emit(Code.COPY, size, target.read(copy.source) + size * copy.offset, to + size * start, walk)


@_writes(ops.Gather)
def _gather(target: Target, op: ops.Gather) -> None:
    graph = target.graph
    rows, *width = graph.shape(op.table)
    row = SIZE[graph.dtype(op.y)] * prod(width)
    count = target.size(op.index)
    target.plan.emit(Code.GATHER, target.read(op.table), rows, row, target.read(op.index), count, target.write(op.y))


@_writes(ops.ArgMax)
def _arg_max(target: Target, op: ops.ArgMax) -> None:
    kind = TYPE[target.graph.dtype(op.x)]
    target.plan.emit(
        Code.ARG_MAX, kind, target.read(op.x), target.size(op.y), op.width, int(op.last), target.write(op.y)
    )


@_writes(ops.TopK)
def _top_k(target: Target, op: ops.TopK) -> None:
    kind, rows = TYPE[target.graph.dtype(op.x)], target.size(op.x) // op.width
    target.plan.emit(
        Code.TOP_K,
        kind,
        target.read(op.x),
        rows,
        op.width,
        op.k,
        int(op.largest),
        target.write(op.y),
        target.write(op.indices),
    )


@_writes(ops.Threshold)
def _threshold(target: Target, op: ops.Threshold) -> None:
    dtype = target.graph.dtype(op.x)
    limit = bits(op.limit) if dtype == "f32" else int(op.limit) + added(dtype)
    target.plan.emit(Code.THRESHOLD, TYPE[dtype], target.read(op.x), target.size(op.x), limit, target.write(op.y))


def _parameters(target: Target, op: Any, more: int) -> tuple[At, At, int]:
    """Scales and zero points, as many of one as of the other."""
    scale = target.graph.constants[op.scale].reshape(-1)
    zero = np.asarray(op.zero, dtype=np.int32).reshape(-1) + more
    count = max(scale.size, zero.size)
    scale, zero = np.broadcast_to(scale, (count,)), np.broadcast_to(zero, (count,))
    return target.plan.constant(scale), target.plan.constant(zero.astype(np.int32)), count


@_writes(ops.Quantize)
def _quantize(target: Target, op: ops.Quantize) -> None:
    scale, zero, count = _parameters(target, op, 0)
    layout = channels(target.graph.shape(op.x), op.axis, count)
    target.plan.emit(
        Code.QUANTIZE, target.read(op.x), target.write(op.y), layout, scale, zero, count, op.lo, op.hi,
        added(target.graph.dtype(op.y)),
    )  # fmt: skip


@_writes(ops.Dequantize)
def _dequantize(target: Target, op: ops.Dequantize) -> None:
    dtype = target.graph.dtype(op.x)
    scale, zero, count = _parameters(target, op, added(dtype))
    layout = channels(target.graph.shape(op.x), op.axis, count)
    target.plan.emit(Code.DEQUANTIZE, TYPE[dtype], target.read(op.x), target.write(op.y), layout, scale, zero, count)


@_writes(ops.DynamicQuantize)
def _dynamic(target: Target, op: ops.DynamicQuantize) -> None:
    target.plan.emit(
        Code.DYNAMIC,
        target.read(op.x),
        target.size(op.x),
        target.write(op.y),
        target.write(op.scale),
        target.write(op.zero),
    )


_BINARY = ("add", "sub", "mul", "div", "min", "max")
_UNARY = ("neg", "abs", "sqrt", "floor", "ceil", "rint")


@_writes(ops.Binary)
def _binary(target: Target, op: ops.Binary) -> None:
    kind = _BINARY.index(op.kind)
    target.plan.emit(Code.BINARY, kind, target.read(op.a), target.read(op.b), target.write(op.y), _pair(target, op))


@_writes(ops.Unary)
def _unary(target: Target, op: ops.Unary) -> None:
    target.plan.emit(Code.UNARY, _UNARY.index(op.kind), target.read(op.x), target.write(op.y), target.size(op.x))


@_writes(ops.Clip)
def _clip(target: Target, op: ops.Clip) -> None:
    target.plan.emit(Code.CLIP, target.read(op.x), target.write(op.y), target.size(op.x), bits(op.lo), bits(op.hi))


@_writes(ops.SumF)
def _sum_f(target: Target, op: ops.SumF) -> None:
    target.plan.emit(
        Code.SUM, target.read(op.x), op.count, target.write(op.y), target.size(op.y), int(op.mean), op.lanes
    )


def _bias_f32(target: Target, name: str | None) -> tuple[Argument, Argument]:
    return (1, target.read(name)) if name else (0, 0)


@_writes(ops.MatMulF)
def _matmul_f(target: Target, op: ops.MatMulF) -> None:
    graph = target.graph
    *batch, rows, depth = graph.shape(op.a)
    target.plan.emit(
        Code.MATRIX_F32, target.read(op.a), target.read(op.w), _bias_f32(target, op.bias), target.write(op.y),
        prod(batch), rows, depth, graph.shape(op.w)[-1], int(op.w not in graph.constants),
    )  # fmt: skip


@_writes(ops.ConvF)
def _conv_f(target: Target, op: ops.ConvF) -> None:
    graph = target.graph
    (n, c, *sizes), (_, m, *out) = graph.shape(op.x), graph.shape(op.y)
    target.plan.emit(
        Code.CONVOLUTION_F32, target.read(op.x), target.read(op.w), _bias_f32(target, op.bias), target.write(op.y),
        n, c, m, op.groups, shapes.window(sizes, op.window, out),
    )  # fmt: skip
