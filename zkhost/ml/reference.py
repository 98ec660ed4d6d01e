"""The reference interpreter: a graph computed with numpy, bit for bit what `ops` says.

It is the oracle of the kernels and what `Model.check` holds against onnxruntime; it makes no attempt to be fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from zkhost.errors import InferenceError
from zkhost.ml import _windows as windows
from zkhost.ml import ops
from zkhost.ml.graph import NUMPY, Array, Graph

F32 = np.float32
O = TypeVar("O", bound=ops.Op)  # noqa: E741
Values = dict[str, Any]

_RULES: dict[type[ops.Op], Callable[[Graph, Any, Values], Any]] = {}


def _rule(kind: type[O]) -> Callable[[Callable[[Graph, O, Values], Any]], Callable[[Graph, O, Values], Any]]:
    def add(function: Callable[[Graph, O, Values], Any]) -> Callable[[Graph, O, Values], Any]:
        _RULES[kind] = function
        return function

    return add


def run(graph: Graph, inputs: Mapping[str, Array], *, every: bool = False) -> dict[str, Array]:
    """The outputs of the graph on those inputs; with `every`, all tensors it computed.

    Raises InferenceError where an operation has no result: a sum outside s32, an index outside its table.
    """
    values: Values = {**graph.constants, **{name: np.asarray(inputs[name]) for name in graph.inputs}}
    for op in graph:
        with np.errstate(all="ignore"):
            results = _RULES[type(op)](graph, op, values)
        names = op.writes()
        for name, result in zip(names, results if len(names) > 1 else (results,), strict=True):
            tensor = graph.tensors[name]
            if tensor.dtype == "s32":
                _fits(op, result)
            values[name] = np.ascontiguousarray(result, dtype=NUMPY[tensor.dtype]).reshape(tensor.shape)
    return {name: values[name] for name in (graph.tensors if every else graph.outputs)}


def _fits(op: ops.Op, sums: Array) -> None:
    if sums.size and (int(sums.max()) > 2**31 - 1 or int(sums.min()) < -(2**31)):
        raise InferenceError(
            f"{op.node}: a sum leaves int32", hint="the model was quantised with scales that this input does not fit"
        )


# -- integers ---------------------------------------------------------------------------------------------------------


def _zero(zero: ops.Zero, values: Values) -> int:
    return zero if isinstance(zero, int) else int(values[zero])


def _along(values: Any, axis: int, rank: int) -> Any:
    """One value, or one for each index of an axis, shaped to broadcast."""
    array = np.asarray(values).reshape(-1)
    if array.size == 1:
        return array[0]
    shape = [1] * rank
    shape[axis] = -1
    return array.reshape(shape)


@_rule(ops.Conv)
def _conv(graph: Graph, op: ops.Conv, values: Values) -> Any:
    x = values[op.x].astype(np.int64) - _zero(op.x_zero, values)
    w = values[op.w].astype(np.int64)
    w = w - _along(op.w_zero, 0, w.ndim)
    found = windows.at(x, op.window, 0)
    rank, groups = len(op.window.kernel), op.groups
    n, c = found.shape[:2]
    sizes = found.shape[2 : 2 + rank]
    left = found.reshape(n, groups, c // groups, *found.shape[2:])
    right = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    space, kernel = "xyz"[:rank], "ijk"[:rank]
    y = np.einsum(f"ngc{space}{kernel},goc{kernel}->ngo{space}", left, right, optimize=True)
    y = y.reshape(n, w.shape[0], *sizes)
    return y if op.bias is None else y + _along(values[op.bias].astype(np.int64), 1, y.ndim)


@_rule(ops.MatMul)
def _matmul(graph: Graph, op: ops.MatMul, values: Values) -> Any:
    a = values[op.a].astype(np.int64) - _zero(op.a_zero, values)
    w = values[op.w].astype(np.int64)
    y = a @ (w - _along(op.w_zero, w.ndim - 1, w.ndim))
    return y if op.bias is None else y + values[op.bias].astype(np.int64)


@_rule(ops.SumQ)
def _sum_q(graph: Graph, op: ops.SumQ, values: Values) -> Any:
    return (values[op.x].astype(np.int64) - op.x_zero).reshape(-1, op.count).sum(axis=1)


@_rule(ops.MulQ)
def _mul_q(graph: Graph, op: ops.MulQ, values: Values) -> Any:
    return (values[op.a].astype(np.int64) - op.a_zero) * (values[op.b].astype(np.int64) - op.b_zero)


def finish(v: Any, zero: Any, lo: int, hi: int) -> Any:
    """f32 in units of the output's scale to integers: clamp, rint, add the zero point. A NaN becomes lo."""
    low, high = (np.asarray(limit - np.asarray(zero), F32) for limit in (lo, hi))
    v = np.where(v > low, v, low)
    v = np.where(v < high, v, high)
    return np.rint(v).astype(np.int32) + zero


@_rule(ops.Requantize)
def _requantize(graph: Graph, op: ops.Requantize, values: Values) -> Any:
    x = values[op.x]
    v = x.astype(F32) * _along(values[op.scale], op.axis, x.ndim)
    return finish(v, op.zero, op.lo, op.hi)


@_rule(ops.AddQ)
def _add_q(graph: Graph, op: ops.AddQ, values: Values) -> Any:
    a, b = values[op.a].astype(F32), values[op.b].astype(F32)
    v = (F32(op.fixed) + F32(op.ratio_a) * a) + F32(op.ratio_b) * b
    return np.clip(np.rint(v), op.lo, op.hi).astype(np.int32)


@_rule(ops.Table)
def _table(graph: Graph, op: ops.Table, values: Values) -> Any:
    x = values[op.x]
    return values[op.table][x.astype(np.int32) + (128 if x.dtype == np.int8 else 0)]


# -- pools ------------------------------------------------------------------------------------------------------------


@_rule(ops.MaxPool)
def _max_pool(graph: Graph, op: ops.MaxPool, values: Values) -> Any:
    x = values[op.x]
    lowest = -np.inf if x.dtype == F32 else np.iinfo(x.dtype).min
    found = windows.at(x, op.window, lowest)
    return found.max(axis=tuple(range(-len(op.window.kernel), 0)))


def _average(x: Any, op: ops.AveragePool | ops.AveragePoolQ) -> Any:
    found = windows.at(x, op.window, 0)
    total = np.zeros(found.shape[: x.ndim], F32)
    for position in np.ndindex(*op.window.kernel):
        total = total + found[(..., *position)]
    return total / windows.counts(x.shape[2:], op.window, op.counted if op.count_pads else None).astype(F32)


@_rule(ops.AveragePool)
def _average_pool(graph: Graph, op: ops.AveragePool, values: Values) -> Any:
    return _average(values[op.x], op)


@_rule(ops.AveragePoolQ)
def _average_pool_q(graph: Graph, op: ops.AveragePoolQ, values: Values) -> Any:
    x = (values[op.x].astype(np.int32) - op.x_zero).astype(F32) * F32(op.x_scale)
    v = _average(x, op) / F32(op.y_scale) + F32(op.y_zero + op.shift)
    return np.clip(np.rint(v), op.lo + op.shift, op.hi + op.shift).astype(np.int32) - op.shift


# -- moves and choices ------------------------------------------------------------------------------------------------


@_rule(ops.Reshape)
def _reshape(graph: Graph, op: ops.Reshape, values: Values) -> Any:
    return values[op.x]


@_rule(ops.Move)
def _move(graph: Graph, op: ops.Move, values: Values) -> Any:
    tensor = graph.tensors[op.y]
    y: Any = np.full(tensor.shape, op.fill, NUMPY[tensor.dtype])
    for copy in op.copies:
        flat = np.ascontiguousarray(values[copy.source]).reshape(-1)
        index = np.full(copy.shape, copy.offset, np.int64)
        for axis, stride in enumerate(copy.strides):
            index += _along(np.arange(copy.shape[axis]) * stride, axis, index.ndim)
        y[tuple(slice(at, at + size) for at, size in zip(copy.at, copy.shape, strict=True))] = flat[index]
    return y


@_rule(ops.Gather)
def _gather(graph: Graph, op: ops.Gather, values: Values) -> Any:
    table, index = values[op.table], values[op.index]
    if index.size and (index.max() >= len(table) or index.min() < -len(table)):
        raise InferenceError(
            f"{op.node}: an index of {int(index.max())} or {int(index.min())} is outside a table of {len(table)} rows",
            hint="give indices within the table",
        )
    return table[index]


@_rule(ops.ArgMax)
def _argmax(graph: Graph, op: ops.ArgMax, values: Values) -> Any:
    rows = values[op.x].reshape(-1, op.width)
    return op.width - 1 - rows[:, ::-1].argmax(axis=1) if op.last else rows.argmax(axis=1)


@_rule(ops.TopK)
def _top_k(graph: Graph, op: ops.TopK, values: Values) -> Any:
    rows = values[op.x].reshape(-1, op.width)
    keys = rows if rows.dtype == F32 else rows.astype(np.int64)
    order = np.argsort(-keys if op.largest else keys, axis=1, kind="stable")[:, : op.k]
    return np.take_along_axis(rows, order, axis=1), order


@_rule(ops.Threshold)
def _threshold(graph: Graph, op: ops.Threshold, values: Values) -> Any:
    x = values[op.x]
    return x >= (F32(op.limit) if x.dtype == F32 else int(op.limit))


# -- f32 --------------------------------------------------------------------------------------------------------------


@_rule(ops.Quantize)
def _quantize(graph: Graph, op: ops.Quantize, values: Values) -> Any:
    x = values[op.x]
    v = x / _along(values[op.scale], op.axis, x.ndim)
    return finish(v, _along(op.zero, op.axis, x.ndim), op.lo, op.hi)


@_rule(ops.Dequantize)
def _dequantize(graph: Graph, op: ops.Dequantize, values: Values) -> Any:
    x = values[op.x]
    centred = x.astype(np.int64) - _along(op.zero, op.axis, x.ndim)
    return centred.astype(F32) * _along(values[op.scale], op.axis, x.ndim)


@_rule(ops.DynamicQuantize)
def _dynamic_quantize(graph: Graph, op: ops.DynamicQuantize, values: Values) -> Any:
    x = values[op.x]
    if not np.isfinite(x).all():
        raise InferenceError(f"{op.node}: NaN or infinity cannot be quantised", hint="give finite inputs")
    high, low = max(F32(0), x.max(initial=F32(0))), min(F32(0), x.min(initial=F32(0)))
    scale = F32(F32(high - low) / F32(255)) if high != low else F32(1)
    zero = int(np.rint(np.clip(F32(0) - F32(low / scale), F32(0), F32(255))))
    y = np.clip(np.rint(np.asarray(x / scale, F32)).astype(np.float64) + zero, 0, 255)
    return y, np.asarray(scale), np.asarray(zero)


_BINARY: dict[ops.BinaryKind, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "min": lambda a, b: np.where(a < b, a, b),
    "max": lambda a, b: np.where(a > b, a, b),
}
_UNARY: dict[ops.UnaryKind, Callable[[Any], Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "rint": np.rint,
}


@_rule(ops.Binary)
def _binary(graph: Graph, op: ops.Binary, values: Values) -> Any:
    return _BINARY[op.kind](values[op.a], values[op.b])


@_rule(ops.Unary)
def _unary(graph: Graph, op: ops.Unary, values: Values) -> Any:
    return _UNARY[op.kind](values[op.x])


@_rule(ops.Clip)
def _clip(graph: Graph, op: ops.Clip, values: Values) -> Any:
    x, lo, hi = values[op.x], F32(op.lo), F32(op.hi)
    x = np.where(x > lo, x, lo)
    return np.where(x < hi, x, hi)


@_rule(ops.SumF)
def _sum_f(graph: Graph, op: ops.SumF, values: Values) -> Any:
    rows, done = values[op.x].reshape(-1, op.count), 0
    total = np.zeros(len(rows), F32)
    if op.lanes > 1:
        done = op.count // op.lanes * op.lanes
        lanes = np.zeros((len(rows), op.lanes), F32)
        for j in range(0, done, op.lanes):
            lanes = lanes + rows[:, j : j + op.lanes]
        if op.lanes == 8:
            lanes = lanes[:, :4] + lanes[:, 4:]
            if op.count - done >= 4:
                lanes = lanes + rows[:, done : done + 4]
                done += 4
        total = (lanes[:, 0] + lanes[:, 2]) + (lanes[:, 1] + lanes[:, 3])
    for j in range(done, op.count):
        total = total + rows[:, j]
    return total / F32(op.count) if op.mean else total


def fma(a: Any, b: Any, c: Any) -> Any:
    """a * b + c in f32, rounded once.

    The product is exact in f64. The f64 sum is rounded to odd where it is not exact, so that rounding it to f32 is as if
    from the exact value (Boldo and Melquiond, 2008).
    """
    product = np.float64(a) * np.float64(b)
    c = np.float64(c)
    total = product + c
    back = total - product
    error = (product - (total - back)) + (c - back)
    bits = np.asarray(total).view(np.int64)
    inexact = (error != 0) & (bits & 1 == 0) & np.isfinite(total)
    away = (error > 0) == (total > 0)
    odd = np.where(inexact, np.where(away, bits + 1, bits - 1), bits).view(np.float64)
    return odd.astype(F32)


@_rule(ops.MatMulF)
def _matmul_f(graph: Graph, op: ops.MatMulF, values: Values) -> Any:
    a, w = values[op.a], values[op.w]
    total = np.zeros((*a.shape[:-1], w.shape[-1]), F32)
    for k in range(a.shape[-1]):
        total = fma(a[..., k, None], w[..., k, None, :], total)
    return total if op.bias is None else total + values[op.bias]


@_rule(ops.ConvF)
def _conv_f(graph: Graph, op: ops.ConvF, values: Values) -> Any:
    x, w = values[op.x], values[op.w]
    found = windows.at(x, op.window, 0)
    inside = windows.at(np.ones((1, 1, *x.shape[2:]), F32), op.window, 0) > 0
    rank, out = len(op.window.kernel), w.shape[0]
    total = np.zeros((x.shape[0], out, *found.shape[2 : 2 + rank]), F32)
    each_in, each_out = w.shape[1], out // op.groups
    for m in range(out):
        first = (m // each_out) * each_in
        for c in range(each_in):
            for position in np.ndindex(*op.window.kernel):
                at = (..., *position)
                term = fma(found[at][:, first + c], w[(m, c, *position)], total[:, m])
                total[:, m] = np.where(inside[at][:, 0], term, total[:, m])
    return total if op.bias is None else total + _along(values[op.bias], 1, total.ndim)
