"""ggml's blocks of quantised weights: from a row's bytes to integers and scales.

Formats: the structs block_q8_0, block_q4_0, block_q5_0, block_q4_K and block_q6_K of ggml-common.h, and what
dequantize_row_* of ggml-quants.c reads in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zkhost.ml.graph import Array


@dataclass(frozen=True)
class Kind:
    """A type of ggml: elements and bytes of a block."""

    elements: int
    nbytes: int


KINDS: Mapping[str, Kind] = {
    "F32": Kind(1, 4),
    "F16": Kind(1, 2),
    "Q4_0": Kind(32, 18),
    "Q5_0": Kind(32, 22),
    "Q8_0": Kind(32, 34),
    "Q4_K": Kind(256, 144),
    "Q6_K": Kind(256, 210),
}
"""The types that are taken."""


@dataclass(frozen=True)
class Weights:
    """Rows as w = d * q - dmin * m, where d and dmin are f32, one a block, and q and m integers.

    q is (rows, elements), s32: in Q4_K and Q6_K the scale of the part of a block is in it. m, (rows, blocks, 8), one for each
    32 elements, and dmin are zeros but in Q4_K. A product of d and q is exact in f32 but for one rounding of Q6_K, the same
    as ggml's own.
    """

    d: Array
    q: Array
    dmin: Array
    m: Array


def weights(kind: str, raw: Array) -> Weights:
    """Return the integers and scales of rows of a quantised kind; `raw` is (rows, bytes)."""
    rows, block = len(raw), KINDS[kind]
    blocks = np.ascontiguousarray(raw).reshape(rows, -1, block.nbytes)
    d, q, dmin, m = _UNPACK[kind](blocks)
    return Weights(d, q.reshape(rows, -1).astype(np.int32), dmin, m)


def floats(kind: str, raw: Array) -> Array:
    """Rows of F32 or F16 as f32."""
    return np.ascontiguousarray(raw).view("<f4" if kind == "F32" else "<f2").astype(np.float32)


def dequantise(kind: str, raw: Array) -> Array:
    """Rows as f32, each product and difference rounded: what llama.cpp reads an embedding as, but for the signs of zeros."""
    if kind in ("F32", "F16"):
        return floats(kind, raw)
    found, size = weights(kind, raw), KINDS[kind].elements
    rows = found.q.shape[0]
    values = found.q.reshape(rows, -1, size).astype(np.float32) * found.d[..., None]
    if kind == "Q4_K":
        low = (found.dmin[..., None] * found.m.astype(np.float32)).repeat(32, axis=-1)
        values = values - low
    return values.reshape(rows, -1)


def finite(kind: str, raw: Array) -> bool:
    """Return whether every weight is a finite number."""
    if kind in ("F32", "F16"):
        return bool(np.isfinite(floats(kind, raw)).all())
    found = weights(kind, raw)
    return bool(np.isfinite(found.d).all() and np.isfinite(found.dmin).all())


Parts = tuple[Array, Any, Array, Array]


def _half(raw: Array) -> Array:
    return np.ascontiguousarray(raw).view("<f2").astype(np.float32)[..., 0]


def _plain(d: Array, q: Any) -> Parts:
    return d, q, np.zeros_like(d), np.zeros((*d.shape, 8), np.int32)


def _nibbles(raw: Array) -> Any:
    """Return the low halves of all bytes, then the high ones."""
    return np.concatenate([raw & 15, raw >> 4], axis=-1).astype(np.int32)


def _q8_0(blocks: Array) -> Parts:
    return _plain(_half(blocks[..., :2]), np.ascontiguousarray(blocks[..., 2:]).view(np.int8))


def _q4_0(blocks: Array) -> Parts:
    return _plain(_half(blocks[..., :2]), _nibbles(blocks[..., 2:]) - 8)


def _q5_0(blocks: Array) -> Parts:
    fifth = np.unpackbits(blocks[..., 2:6], axis=-1, bitorder="little").astype(np.int32)
    return _plain(_half(blocks[..., :2]), _nibbles(blocks[..., 6:]) + 16 * fifth - 16)


def _q4_k(blocks: Array) -> Parts:
    s = blocks[..., 4:16].astype(np.int32)
    first, second, mixed = s[..., :4], s[..., 4:8], s[..., 8:]
    scale = np.concatenate([first & 63, mixed & 15 | first >> 6 << 4], axis=-1)
    low = np.concatenate([second & 63, mixed >> 4 | second >> 6 << 4], axis=-1)
    pairs = blocks[..., 16:].reshape(*blocks.shape[:2], 4, 32)
    q = np.stack([pairs & 15, pairs >> 4], axis=-2).reshape(*blocks.shape[:2], 8, 32).astype(np.int32)
    return _half(blocks[..., :2]), q * scale[..., None], _half(blocks[..., 2:4]), low


def _q6_k(blocks: Array) -> Parts:
    shape = blocks.shape[:2]
    low, high = blocks[..., :128].reshape(*shape, 2, 2, 32), blocks[..., 128:192].reshape(*shape, 2, 1, 32)
    fours = np.concatenate([low & 15, low >> 4], axis=-2)
    twos = np.concatenate([high >> shift & 3 for shift in (0, 2, 4, 6)], axis=-2)
    q = (fours | twos << 4).astype(np.int32).reshape(*shape, 16, 16) - 32
    scale = np.ascontiguousarray(blocks[..., 192:208]).view(np.int8).astype(np.int32)
    return _plain(_half(blocks[..., 208:]), q * scale[..., None])


_UNPACK: Mapping[str, Callable[[Array], Parts]] = {
    "Q4_0": _q4_0,
    "Q5_0": _q5_0,
    "Q8_0": _q8_0,
    "Q4_K": _q4_k,
    "Q6_K": _q6_k,
}
