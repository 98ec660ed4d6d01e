"""Sums of products of integers, and what finishes them."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import proved, shapes
from zkhost.ml.compile.plan_bytes import At, Code
from zkhost.ml.compile.scalar.writer import channels, pair, writes, zero_of
from zkhost.ml.compile.target import SIZE, Target, added
from zkhost.ml.graph import Array
from zkhost.ml.reference.arithmetic import fma

MAX_INPUTS = 1 << 14


def _words(target: Target, values: Any, count: int) -> At:
    """`count` s32 among the constants: the values given, or one for all."""
    array = np.asarray(values, dtype=np.int32).reshape(-1)
    return target.plan.constant(np.broadcast_to(array, (count,)) if array.size == 1 else array)


def _bias(target: Target, name: str | None, count: int) -> At:
    if name is not None and name in target.graph.tensors:
        return target.read(name)
    return _words(target, target.graph.constants[name] if name else 0, count)


def _paired(weights: Array) -> Array | None:
    """Weights (groups, outputs, inputs) without zero points as the kernels of `zkhost_nn::pairs` take them: for each 8
    outputs, for each input, a word for each two. None where they do not."""
    groups, outputs, inputs = weights.shape
    if np.abs(weights).max(initial=0) > 127 or inputs > MAX_INPUTS:
        return None
    padded = np.zeros((groups, -(-outputs // 8) * 8, inputs + inputs % 2), np.int64)
    padded[:, :outputs, :inputs] = weights
    low, high = padded[:, 0::2], padded[:, 1::2]
    words = (low + (high << 16)).reshape(groups, -1, 4, padded.shape[2])
    packed: Array = words.transpose(0, 1, 3, 2).astype(np.int32)
    return packed


def _centred(target: Target, x: str, zero: ops.Zero, bias: str | None, sums: Array) -> tuple[int | At, At, At]:
    """Return what `proved.correction` does, for inputs that are taken less 128."""
    total = target.graph.constants[bias].astype(np.int64) if bias else np.zeros(sums.size, np.int64)
    place = proved.zero_of(target, x, zero)
    if isinstance(place, At):
        w_sums = target.plan.constant(sums.astype(np.int32))
        return place, w_sums, target.plan.constant((total + 128 * sums).astype(np.int32))
    return place, At(None), target.plan.constant((total + (128 - place) * sums).astype(np.int32))


@writes(ops.Conv)
def _conv(target: Target, op: ops.Conv) -> None:
    graph = target.graph
    (n, c, *sizes), (_, m, *out) = graph.shape(op.x), graph.shape(op.y)
    weights, paired = None, None
    # Eight outputs are computed at once: a group with one or two is cheaper one by one.
    if proved.constant_weights(graph, op) and m // op.groups > 2:
        weights = proved.signed_weights(graph.constants[op.w], op.w_zero, 0).reshape(m, -1)
        paired = _paired(weights.reshape(op.groups, m // op.groups, -1))
    if weights is not None and paired is not None:
        zero, w_sums, bias = _centred(target, op.x, op.x_zero, op.bias, weights.sum(axis=1))
        target.plan.emit(
            Code.PAIRED_CONVOLUTION, target.read(op.x), int(isinstance(zero, At)), zero, target.plan.constant(paired), w_sums,
            bias, target.write(op.y), n, c, m, op.groups, shapes.window(sizes, op.window, out),
        )  # fmt: skip
        return
    w_zero = _words(target, np.asarray(op.w_zero) + added(graph.dtype(op.w)), m)
    target.plan.emit(
        Code.CONVOLUTION, target.read(op.x), zero_of(target, op.x_zero, graph.dtype(op.x)), target.read(op.w), w_zero,
        _bias(target, op.bias, m), target.write(op.y), n, c, m, op.groups, shapes.window(sizes, op.window, out),
    )  # fmt: skip


@writes(ops.MatMul)
def _matmul(target: Target, op: ops.MatMul) -> None:
    graph = target.graph
    *batch, rows, depth = graph.shape(op.a)
    columns = graph.shape(op.w)[-1]
    weights, paired = None, None
    if proved.constant_weights(graph, op) and len(graph.shape(op.w)) == 2:
        weights = proved.signed_weights(graph.constants[op.w], op.w_zero, 1).T
        paired = _paired(weights[None])
    if weights is not None and paired is not None:
        zero, w_sums, bias = _centred(target, op.a, op.a_zero, op.bias, weights.sum(axis=1))
        target.plan.emit(
            Code.PAIRED_MATRIX, target.read(op.a), int(isinstance(zero, At)), zero, target.plan.constant(paired), w_sums, bias,
            target.write(op.y), prod(batch) * rows, depth, columns,
        )  # fmt: skip
        return
    w_zero = _words(target, np.asarray(op.w_zero) + added(graph.dtype(op.w)), columns)
    target.plan.emit(
        Code.MATRIX, target.read(op.a), zero_of(target, op.a_zero, graph.dtype(op.a)), target.read(op.w), w_zero,
        _bias(target, op.bias, columns), target.write(op.y), prod(batch), rows, depth, columns, int(len(graph.shape(op.w)) > 2),
    )  # fmt: skip


@writes(ops.SumQ)
def _sum_q(target: Target, op: ops.SumQ) -> None:
    zero = op.x_zero + added(target.graph.dtype(op.x))
    target.plan.emit(Code.NEIGHBOURS, target.read(op.x), zero, op.count, target.write(op.y), target.size(op.y))


@writes(ops.MulQ)
def _mul_q(target: Target, op: ops.MulQ) -> None:
    graph = target.graph
    zeros = op.a_zero + added(graph.dtype(op.a)), op.b_zero + added(graph.dtype(op.b))
    target.plan.emit(Code.PRODUCTS, target.read(op.a), target.read(op.b), zeros, target.write(op.y), pair(target, op))


@writes(ops.Requantize)
def _requantize(target: Target, op: ops.Requantize) -> None:
    graph = target.graph
    scale, more = graph.constants[op.scale].reshape(-1), added(graph.dtype(op.y))
    layout = channels(graph.shape(op.x), op.axis, scale.size)
    target.plan.emit(
        Code.REQUANTIZE, target.read(op.x), target.write(op.y), layout, target.plan.constant(scale), scale.size,
        op.zero + more, op.lo + more, op.hi + more,
    )  # fmt: skip


@writes(ops.AddQ)
def _add_q(target: Target, op: ops.AddQ) -> None:
    graph = target.graph

    def values(name: str) -> Any:
        return np.arange(256, dtype=np.int32) - added(graph.dtype(name))

    ratio = np.float32(op.ratio_a)
    a, b = values(op.a).astype(np.float32), fma(np.float32(op.ratio_b), values(op.b), np.float32(op.fixed))
    tables = np.concatenate([a, b, [ratio]]).astype(np.float32)
    products = np.float64(ratio) * a
    # In fixed point, for sums that f32 rounds by little: see the interpreter's `quantize::add`.
    points = max(np.abs(products).max(), np.abs(b).max()) < 1 << 10
    data = tables.tobytes()
    if points:
        exact = np.concatenate([products, b.astype(np.float64)])
        data += np.rint(exact * 65536).astype(np.int32).tobytes()
    target.plan.emit(
        Code.ADD, target.read(op.a), target.read(op.b), target.plan.constant(np.frombuffer(data, np.uint8)), int(points),
        target.write(op.y), op.lo, op.hi, added(graph.dtype(op.y)), pair(target, op),
    )  # fmt: skip


@writes(ops.Table)
def _table(target: Target, op: ops.Table) -> None:
    size = SIZE[target.graph.dtype(op.y)]
    target.plan.emit(Code.TABLE, size, target.read(op.x), target.size(op.x), target.read(op.table), target.write(op.y))
