"""ggml. Weights are laid out for the kernels: integers with their scales as f32 beside them."""

from __future__ import annotations

import numpy as np

from zkhost.ml import _blocks as blocks
from zkhost.ml import ops
from zkhost.ml.compile.plan_bytes import At, Code
from zkhost.ml.compile.scalar.writer import writes
from zkhost.ml.compile.target import Target, bits
from zkhost.ml.graph import Array

_RULES = {"F32": 0, "F16": 1, "Q8_0": 2, "Q5_0": 2, "Q4_0": 3, "Q4_K": 4, "Q6_K": 5}


@writes(ops.GgmlProduct)
def _product(target: Target, op: ops.GgmlProduct) -> None:
    raw, plan = target.graph.constants[op.w], target.plan
    vectors, depth = target.graph.shape(op.x)
    d = low = mins = At(None)
    if op.kind in ("F32", "F16"):
        w = plan.constant(blocks.floats(op.kind, raw))
        scratch = depth if op.kind == "F16" else 0
    else:
        found, size = blocks.weights(op.kind, raw), blocks.KINDS[op.kind].elements
        w, d = plan.constant(_integers(found.q, size)), plan.constant(found.d)
        if op.kind == "Q4_K":
            low, mins = plan.constant(found.dmin), plan.constant(found.m.astype(np.uint8))
        scratch = depth // size * (1 if size == 32 else 9) + depth // 4
    target.plan.emit(
        Code.GGML_PRODUCT, _RULES[op.kind], w, d, low, mins, target.read(op.x), target.write(op.y),
        plan.buffer(4 * vectors * scratch), len(raw), depth, vectors,
    )  # fmt: skip


def _integers(q: Array, size: int) -> Array:
    """Bytes; or for blocks of 256 s16, each block ordered by element mod 8."""
    if size == 32:
        return q.astype(np.int8)
    return q.reshape(len(q), -1, 32, 8).swapaxes(2, 3).reshape(q.shape).astype(np.int16)


@writes(ops.GgmlNorm)
def _norm(target: Target, op: ops.GgmlNorm) -> None:
    rows, width = target.graph.shape(op.x)
    target.plan.emit(
        Code.GGML_NORM, target.read(op.x), target.read(op.weight), target.write(op.y), rows, width, bits(op.eps)
    )


@writes(ops.GgmlRope)
def _rope(target: Target, op: ops.GgmlRope) -> None:
    (rows, width), (positions, pairs, _) = target.graph.shape(op.x), target.graph.shape(op.table)
    table = target.read(op.table) + 8 * pairs * (positions - rows)
    target.plan.emit(
        Code.GGML_ROPE, target.read(op.x), table, target.write(op.y), rows, op.heads, width // op.heads, pairs
    )


@writes(ops.GgmlAttention)
def _attention(target: Target, op: ops.GgmlAttention) -> None:
    (queries, width), (positions, _) = target.graph.shape(op.q), target.graph.shape(op.k)
    places = (target.read(name) for name in (op.q, op.k, op.v))
    target.plan.emit(
        Code.GGML_ATTENTION, *places, target.write(op.y), target.plan.buffer(4 * positions), queries, positions,
        op.heads, op.kv_heads, width // op.heads, bits(op.scale),
    )  # fmt: skip


@writes(ops.GgmlSwiglu)
def _swiglu(target: Target, op: ops.GgmlSwiglu) -> None:
    target.plan.emit(Code.GGML_SWIGLU, target.read(op.gate), target.read(op.up), target.write(op.y), target.size(op.y))
