"""ggml: the arithmetic of llama.cpp's CPU backend in its generic order (ggml-cpu/quants.c, vec.cpp, ops.cpp without SIMD
but SSE2's exp).

Values are f32, each operation rounded; sums that are said to be in f64 add f32 products, each rounded to f32 first, in
order. Every value that is read must be finite.
"""

from __future__ import annotations

from dataclasses import dataclass

from zkhost.ml.ops.base import Op


@dataclass(frozen=True)
class GgmlProduct(Op):
    """y[t, r] = the dot product of row r of a tensor of ggml's `kind` with x[t] (vec_dot_*_generic).

    w (constant) has the rows' bytes. With the blocks of `zkhost.ml._blocks` as w = d * q - dmin * m:

    F32: s = sum of w * x in f64, then f32. F16: the same with x rounded to f16.
    Q8_0, Q5_0, Q4_0: x to Q8_0 by blocks of 32: a = max |x|; e = a / 127; u = roundf(x * (1 / e)), half away from zero, 0 where
        e = 0; e is then rounded to f16. i = sum of q * u; for blocks in order, from 0,
        Q8_0, Q5_0: s = s + f32(i) * (d * e). Q4_0: s = s + (f32(i) * d) * e.
    Q4_K, Q6_K: x to Q8_K by blocks of 256: a = the first x with the largest |x|; c = -127 / a; u = min(127, rint(c * x));
        e = 1 / c; zeros where a = 0; an a whose size is not from 2^-60 to 2^60 ends the run. For blocks in order and l from 0 to 7,
        lane[l] = lane[l] + (d * e) * f32(i[l]), i[l] the sum of q * u over elements j = l mod 8;
        Q4_K also s = s - (dmin * e) * f32(sum of m * u).
        Then s = s + lane[0], ..., s = s + lane[7].
    """

    x: str
    w: str
    kind: str

    def reads(self) -> tuple[str, ...]:
        return (self.x, self.w)


@dataclass(frozen=True)
class GgmlNorm(Op):
    """y = (x * (1 / sqrt(mean + eps))) * weight along the last axis; mean is the sum of x * x in f64, divided by their number
    there, then f32; eps is f32, weight a constant (ggml_compute_forward_rms_norm_f32, then a multiplication)."""

    x: str
    weight: str
    eps: float

    def reads(self) -> tuple[str, ...]:
        return (self.x, self.weight)


@dataclass(frozen=True)
class GgmlRope(Op):
    """Rotate pairs (a, b) of neighbours of each head: (a * c - b * s, a * s + b * c).

    x is (positions, heads * width); table (constant) has (c, s) for each position and pair: (positions, pairs, 2); where
    x has fewer positions, they are the last. Elements of a head behind its pairs stay (ggml_compute_forward_rope, NORM).
    """

    x: str
    table: str
    heads: int

    def reads(self) -> tuple[str, ...]:
        return (self.x, self.table)


@dataclass(frozen=True)
class GgmlAttention(Op):
    """Causal attention of the last positions: q is (queries, heads * width), k and v (positions, kv_heads * width).

    Query i stands at position p = positions - queries + i and sees those up to p; head h reads head h // (heads / kv_heads)
    of k and v. score = (sum of k * q in f64, then f32) * scale; e = exp(score - max) as in `GgmlSwiglu`; their sum is that of
    (e[0] + e[1]) + (e[2] + e[3]) of each four, zeros behind the last, in f64; e = e * f32(1 / sum); y = sum of v * e in f64,
    then f32. (ggml_compute_forward_soft_max_f32, ggml_vec_soft_max_f32, products as F32 above; no flash attention, f32 cache.)
    """

    q: str
    k: str
    v: str
    heads: int
    kv_heads: int
    scale: float

    def reads(self) -> tuple[str, ...]:
        return (self.q, self.k, self.v)


@dataclass(frozen=True)
class GgmlSwiglu(Op):
    """y = (gate / (1 + exp(-gate))) * up (ggml_vec_swiglu_f32).

    exp is ggml_v_expf in its form for SSE2, without fused multiply-adds: with constants in hexadecimal,
        z = x * 0x1.715476p+0 + 0x1.8p23; n = z - 0x1.8p23; b = (x - n * 0x1.62e4p-1) - n * 0x1.7f7d1cp-20; u = b * b
        j = ((0x1.0e4020p-7 * b + 0x1.573e2ep-5) * u + (0x1.555e66p-3 * b + 0x1.fffdb6p-2)) * u + 0x1.ffffecp-1 * b
    and k = 2^n, by bits: z << 23 added to those of 1. Where |n| <= 126: j * k + k. Else, with g = 0x82000000 where n <= 0 and
    0 else, s1 = the f32 of bits 0x7f000000 + g, s2 = that of bits (z << 23) - g: (s2 * j + s2) * s1 where |n| <= 192,
    s1 * s1 beyond.
    """

    gate: str
    up: str

    def reads(self) -> tuple[str, ...]:
        return (self.gate, self.up)
