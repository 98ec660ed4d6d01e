"""ggml."""

from __future__ import annotations

from typing import Any

import numpy as np

from zkhost.errors import InferenceError
from zkhost.ml import _blocks as blocks
from zkhost.ml import ops
from zkhost.ml.graph import Array, Graph
from zkhost.ml.reference.arithmetic import F32, Values, rule


def in_order(terms: Any) -> Any:
    """Return the sum of f32 along the last axis in f64, one after the other."""
    return np.cumsum(terms.astype(np.float64), axis=-1)[..., -1]


def _finite(op: ops.Op, x: Array) -> Array:
    if not np.isfinite(x).all():
        raise InferenceError(f"{op.node}: a value is not finite", hint="the input drives the model out of f32's range")
    return x


@rule(ops.GgmlProduct)
def _product(graph: Graph, op: ops.GgmlProduct, values: Values) -> Any:
    x = _finite(op, values[op.x])
    raw = values[op.w]
    if op.kind in ("F32", "F16"):
        floats = blocks.floats(op.kind, raw)
        x = x if op.kind == "F32" else _finite(op, x.astype(np.float16).astype(F32))
        return np.stack([in_order(floats * row).astype(F32) for row in x])
    w = blocks.weights(op.kind, raw)
    product = _by_32 if blocks.KINDS[op.kind].elements == 32 else _by_256
    return np.stack([product(op, w, row) for row in x])


def _by_32(op: ops.GgmlProduct, w: blocks.Weights, x: Array) -> Any:
    scales, u = _q8_0(op, x)
    total = np.zeros(len(w.q), F32)
    for i, e in enumerate(scales):
        sums = (w.q[:, 32 * i : 32 * i + 32] @ u[i]).astype(F32)
        total = total + ((sums * w.d[:, i]) * e if op.kind == "Q4_0" else sums * (w.d[:, i] * e))
    return total


def _q8_0(op: ops.Op, x: Array) -> tuple[Array, Array]:
    rows = x.reshape(-1, 32)
    e = np.abs(rows).max(axis=1) / F32(127)
    inverse = np.where(e == 0, F32(0), F32(1) / e)
    u = _finite(op, rows * inverse[:, None]).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(u) + 0.5), u)
    return _finite(op, e.astype(np.float16).astype(F32)), rounded.astype(np.int32)


def _by_256(op: ops.GgmlProduct, w: blocks.Weights, x: Array) -> Any:
    total, lanes = np.zeros(len(w.q), F32), np.zeros((len(w.q), 8), F32)
    for i, row in enumerate(x.reshape(-1, 256)):
        e, u = _q8_k(op, row)
        terms = w.q[:, 256 * i : 256 * i + 256] * u
        lanes = lanes + (w.d[:, i] * e)[:, None] * terms.reshape(-1, 32, 8).sum(axis=1).astype(F32)
        if op.kind == "Q4_K":
            total = total - (w.dmin[:, i] * e) * (w.m[:, i] @ u.reshape(8, 32).sum(axis=1)).astype(F32)
    for lane in range(8):
        total = total + lanes[:, lane]
    return total


def _q8_k(op: ops.Op, x: Array) -> tuple[Any, Array]:
    a = x[np.argmax(np.abs(x))]
    if a == 0:
        return F32(0), np.zeros(256, np.int32)
    if not 2.0**-60 <= abs(a) <= 2.0**60:
        raise InferenceError(f"{op.node}: a value of {a:g} is out of range", hint="Q8_K is taken from 2^-60 to 2^60")
    c = F32(-127) / a
    return F32(1) / c, np.minimum(127, np.rint(_finite(op, c * x)).astype(np.int32))


@rule(ops.GgmlNorm)
def _norm(graph: Graph, op: ops.GgmlNorm, values: Values) -> Any:
    x = _finite(op, values[op.x])
    mean = (in_order(x * x) / x.shape[-1]).astype(F32)
    return x * (F32(1) / np.sqrt(mean + F32(op.eps)))[..., None] * values[op.weight]


@rule(ops.GgmlRope)
def _rope(graph: Graph, op: ops.GgmlRope, values: Values) -> Any:
    x, table = values[op.x], values[op.table]
    heads = x.reshape(len(x), op.heads, -1).copy()
    pairs = 2 * table.shape[1]
    c, s = (table[-len(x) :, None, :, i] for i in (0, 1))
    a, b = heads[..., 0:pairs:2], heads[..., 1:pairs:2]
    heads[..., 0:pairs:2], heads[..., 1:pairs:2] = a * c - b * s, a * s + b * c
    return heads


@rule(ops.GgmlAttention)
def _attention(graph: Graph, op: ops.GgmlAttention, values: Values) -> Any:
    queries, positions = len(values[op.q]), len(values[op.k])
    q = _finite(op, values[op.q]).reshape(queries, op.heads, -1)
    k, v = (_finite(op, values[name]).reshape(positions, op.kv_heads, -1) for name in (op.k, op.v))
    y = np.zeros(q.shape, F32)
    for i in range(queries):
        seen = positions - queries + i + 1
        for head in range(op.heads):
            of = head // (op.heads // op.kv_heads)
            score = in_order(k[:seen, of] * q[i, head]).astype(F32) * F32(op.scale)
            e = np.zeros(-(-seen // 4) * 4, F32)
            e[:seen] = exp(_finite(op, score) - score.max())
            fours = e.reshape(-1, 4)
            total = in_order((fours[:, 0] + fours[:, 1]) + (fours[:, 2] + fours[:, 3]))
            y[i, head] = in_order(v[:seen, of].T * (e[:seen] * F32(1 / total))).astype(F32)
    return y


@rule(ops.GgmlSwiglu)
def _swiglu(graph: Graph, op: ops.GgmlSwiglu, values: Values) -> Any:
    gate = _finite(op, values[op.gate])
    return gate / (F32(1) + exp(-gate)) * values[op.up]


def _hex(text: str) -> Any:
    return F32(float.fromhex(text))


_LOG2_E, _ROUND = _hex("0x1.715476p+0"), _hex("0x1.8p23")
_LN2_HIGH, _LN2_LOW = _hex("0x1.62e4p-1"), _hex("0x1.7f7d1cp-20")
_C5, _C4, _C3, _C2, _C1 = map(
    _hex, ("0x1.0e4020p-7", "0x1.573e2ep-5", "0x1.555e66p-3", "0x1.fffdb6p-2", "0x1.ffffecp-1")
)


def exp(x: Any) -> Any:
    """exp in f32 as `ops.GgmlSwiglu` says."""
    z = x * _LOG2_E + _ROUND
    n = z - _ROUND
    b = (x - n * _LN2_HIGH) - n * _LN2_LOW
    e = z.view(np.uint32) << np.uint32(23)
    k = (e + F32(1).view(np.uint32)).view(F32)
    u = b * b
    j = ((_C5 * b + _C4) * u + (_C3 * b + _C2)) * u + _C1 * b
    g = np.where(n <= 0, np.uint32(0x82000000), np.uint32(0))
    s1 = (g + np.uint32(0x7F000000)).view(F32)
    s2 = (e - g).view(F32)
    return np.where(np.abs(n) > 192, s1 * s1, np.where(np.abs(n) > 126, (s2 * j + s2) * s1, j * k + k)).astype(F32)
