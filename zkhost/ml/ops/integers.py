"""Integers: sums of products, and what finishes them."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost.ml.ops.base import Op, Window, Zero, named


@dataclass(frozen=True)
class Conv(Op):
    """y[n,m,o] = bias[m] + sum over c, k of (x[n, g*C/G + c, o*stride + k*dilation - pad] - x_zero) * (w[m,c,k] - w_zero[m]).

    x: u8 or s8 (N, C, spatial), w: u8 or s8 (M, C/groups, kernel), bias: s32 (M), y: s32; w and bias are constants or
    tensors. Positions outside x add nothing (they hold x_zero). g = m // (M / groups). Sums cannot leave s32 (the reader
    refuses a model whose sums could), but with a bias that is a tensor they wrap around. `w_zero` has one entry, or M.
    """

    x: str
    w: str
    bias: str | None
    x_zero: Zero
    w_zero: tuple[int, ...]
    window: Window
    groups: int

    def reads(self) -> tuple[str, ...]:
        return named(self.x, self.w, self.bias, self.x_zero)


@dataclass(frozen=True)
class MatMul(Op):
    """y[b,i,j] = bias[j] + sum over k of (a[b,i,k] - a_zero) * (w[b,k,j] - w_zero[j]), in s32.

    a: u8 or s8 (*batch, I, K). w: u8 or s8, (K, J) shared by the batch, or a tensor (*batch, K, J) with the same batch axes
    as a. bias: s32 (J), a constant or a tensor. `w_zero` has one entry, or J. Sums cannot leave s32, but with a bias that is
    a tensor they wrap around.
    """

    a: str
    w: str
    bias: str | None
    a_zero: Zero
    w_zero: tuple[int, ...]

    def reads(self) -> tuple[str, ...]:
        return named(self.a, self.w, self.bias, self.a_zero)


@dataclass(frozen=True)
class SumQ(Op):
    """y[i] = sum of (x[i*count + j] - x_zero) for j < count, in s32: `count` neighbours of flat x make one element of y.

    Global average pooling and means of integers are this and a Requantize.
    """

    x: str
    x_zero: int
    count: int

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class MulQ(Op):
    """y = (a - a_zero) * (b - b_zero) in s32, elementwise, a and b broadcast to y as numpy does."""

    a: str
    b: str
    a_zero: int
    b_zero: int

    def reads(self) -> tuple[str, ...]:
        return (self.a, self.b)


@dataclass(frozen=True)
class Requantize(Op):
    """v = f32(x) * scale; v = min(max(v, f32(lo - zero)), f32(hi - zero)); y = rint(v) + zero.

    x: s32. y: u8 or s8, lo and hi within its limits (a fused relu is lo = zero). scale: constant f32 with one entry, or one
    for each index of `axis`; positive and finite. Source: MlasRequantizeOutput.
    """

    x: str
    scale: str
    axis: int
    zero: int
    lo: int
    hi: int

    def reads(self) -> tuple[str, ...]:
        return (self.x, self.scale)


@dataclass(frozen=True)
class AddQ(Op):
    """v = fma(ratio_a, f32(a), fma(ratio_b, f32(b), fixed)); y = min(max(rint(v), lo), hi).

    a, b: u8 or s8, broadcast to y; the zero points are in `fixed` = f32(y_zero) - fma(ratio_a, a_zero, ratio_b * b_zero),
    with ratio_a = a_scale / y_scale. Source: MlasQLinearAddKernelAvx2Helper (qladd_avx2.cpp), which is compiled with fused
    multiply-adds. The three parameters are f32 values.
    """

    a: str
    b: str
    ratio_a: float
    ratio_b: float
    fixed: float
    lo: int
    hi: int

    def reads(self) -> tuple[str, ...]:
        return (self.a, self.b)


@dataclass(frozen=True)
class Table(Op):
    """y = table[x] for u8, table[x + 128] for s8. table: constant, 256 entries of y's dtype (u8, s8 or f32)."""

    x: str
    table: str

    def reads(self) -> tuple[str, ...]:
        return (self.x, self.table)
