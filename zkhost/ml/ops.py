"""The operations of a graph. Each docstring is a contract: kernels and the reference interpreter compute exactly this.

Conventions. `f32(i)` converts an integer, rounding to nearest even; f32 operations are IEEE 754 binary32, each rounded
to nearest even, never fused unless `fma` is written. `rint` rounds half to even. Names in fields are names of tensors
unless the comment says constant. Shapes are row-major; N is the batch, C and M are channels. Zero points that are
known are ints; those of dynamically quantised tensors are names of u8 tensors with one element (`Zero`).

The integer rules are those of onnxruntime's CPU provider on x86-64 (MLAS: qlinear*.cpp, quantize.cpp, qgemm.cpp,
qladd.cpp), with true integer sums where its u8 x s8 kernels saturate on processors without VNNI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Zero: TypeAlias = int | str
Pads: TypeAlias = tuple[int, ...]  # begins of every spatial axis, then ends, as in ONNX


@dataclass(frozen=True)
class Op:
    """What every operation has: `node`, the node of the model it came from, as `name (OpType)`; `y`, what it writes."""

    node: str
    y: str

    def reads(self) -> tuple[str, ...]:
        """The tensors and constants it reads, in order."""
        raise NotImplementedError

    def writes(self) -> tuple[str, ...]:
        """The tensors it writes."""
        return (self.y,)


def _named(*names: Zero | None) -> tuple[str, ...]:
    return tuple(name for name in names if isinstance(name, str))


# -- integers: sums of products ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """Where a kernel lies on its input: spatial sizes, one entry an axis (one to three axes)."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: Pads
    dilations: tuple[int, ...]

    def out(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Spatial sizes of the output. `pads` already has what ceil_mode and auto_pad add."""
        n = len(self.kernel)
        return tuple(
            (size + self.pads[i] + self.pads[n + i] - (self.kernel[i] - 1) * self.dilations[i] - 1) // self.strides[i]
            + 1
            for i, size in enumerate(sizes)
        )


@dataclass(frozen=True)
class Conv(Op):
    """y[n,m,o] = bias[m] + sum over c, k of (x[n, g*C/G + c, o*stride + k*dilation - pad] - x_zero) * (w[m,c,k] - w_zero[m]).

    x: u8 or s8 (N, C, spatial), w: constant u8 or s8 (M, C/groups, kernel), bias: constant s32 (M), y: s32. Positions
    outside x add nothing (they hold x_zero). g = m // (M / groups). Sums cannot leave s32 (the reader refuses a model whose
    sums could). `w_zero` has one entry, or M.
    """

    x: str
    w: str
    bias: str | None
    x_zero: Zero
    w_zero: tuple[int, ...]
    window: Window
    groups: int

    def reads(self) -> tuple[str, ...]:
        return _named(self.x, self.w, self.bias, self.x_zero)


@dataclass(frozen=True)
class MatMul(Op):
    """y[b,i,j] = bias[j] + sum over k of (a[b,i,k] - a_zero) * (w[b,k,j] - w_zero[j]), in s32.

    a: u8 or s8 (*batch, I, K). w: u8 or s8, a constant (K, J) shared by the batch, or a tensor (*batch, K, J) with the
    same batch axes as a. bias: constant s32 (J). `w_zero` has one entry, or J where w is a constant.
    Sums cannot leave s32.
    """

    a: str
    w: str
    bias: str | None
    a_zero: Zero
    w_zero: tuple[int, ...]

    def reads(self) -> tuple[str, ...]:
        return _named(self.a, self.w, self.bias, self.a_zero)


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


# -- integers: finishing ----------------------------------------------------------------------------------------------


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
    """v = (fixed + ratio_a * f32(a)) + ratio_b * f32(b); y = min(max(rint(v), lo), hi).

    a, b: u8 or s8, broadcast to y; the zero points are in `fixed` = f32(y_zero) - (ratio_a * a_zero + ratio_b * b_zero),
    with ratio_a = a_scale / y_scale. Source: MlasQLinearAdd as built for x86 (no fused multiply-add). The three
    parameters are f32 values.
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


# -- pools, on integers or f32 ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MaxPool(Op):
    """y = the largest x in each window; positions outside x do not count. x and y: the same u8, s8 or f32 (N, C, spatial)."""

    x: str
    window: Window

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class AveragePool(Op):
    """s = sum of x in each window in row-major order from f32 0; y = s / f32(count).

    x, y: f32 (N, C, spatial). Positions outside x add nothing. count is the number of positions inside x, or with
    `count_pads` the number of positions inside x and its pads (`counted` pads: those of the model, without what ceil_mode
    added).
    """

    x: str
    window: Window
    count_pads: bool
    counted: Pads

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class AveragePoolQ(Op):
    """As AveragePool over f32(x - x_zero) * x_scale; then v = (s / f32(count)) / y_scale + f32(y_zero + shift),
    y = min(max(rint(v), lo + shift), hi + shift) - shift.

    x, y: u8 or s8. shift is 128 where onnxruntime turns s8 into u8 first, otherwise 0: it decides exact ties. Source:
    QLinearAveragePool (qlinear_pool.cc); the zero point is added before rounding, unlike everywhere else.
    """

    x: str
    window: Window
    count_pads: bool
    counted: Pads
    x_scale: float
    x_zero: int
    y_scale: float
    y_zero: int
    shift: int
    lo: int
    hi: int

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


# -- moves: no arithmetic, any dtype ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reshape(Op):
    """The same elements in the same order under another shape: y can be x's memory."""

    x: str

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class Copy:
    """A block of a Move: for every index i below `shape` (rank of y), y[at + i] = source.flat[offset + sum of i * strides].

    Strides and offset count elements; strides may be 0 (broadcast) or negative (flip). All of it lies within source and y.
    """

    source: str
    offset: int
    strides: tuple[int, ...]
    at: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Move(Op):
    """y filled with `fill` (an int, or an f32 value), then its copies made in order; they do not overlap.

    Transpose, Slice, Split, Concat, Pad, Expand and Gather with constant indices are this. Sources are tensors or
    constants of y's dtype.
    """

    fill: float
    copies: tuple[Copy, ...]

    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(copy.source for copy in self.copies))


@dataclass(frozen=True)
class Gather(Op):
    """y[i, :] = table[index[i], :], with table (rows, width), index s32 (any shape, flat), y (index..., width).

    A negative index counts from the end. One outside -rows..rows-1 ends the run with an error.
    """

    table: str
    index: str

    def reads(self) -> tuple[str, ...]:
        return (self.table, self.index)


# -- choices: on u8, s8, s32 or f32 without NaN -----------------------------------------------------------------------


@dataclass(frozen=True)
class ArgMax(Op):
    """y[o] = the index (s32) of the largest of each `width` neighbours of x; the first of equals, or the last."""

    x: str
    width: int
    last: bool

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class TopK(Op):
    """From each `width` neighbours of x the k largest (or smallest), in order; of equals the lower index first.

    y: values (outer, k) in x's dtype; indices: s32 (outer, k).
    """

    indices: str
    x: str
    width: int
    k: int
    largest: bool

    def reads(self) -> tuple[str, ...]:
        return (self.x,)

    def writes(self) -> tuple[str, ...]:
        return (self.y, self.indices)


@dataclass(frozen=True)
class Threshold(Op):
    """y = 1 where x >= limit, else 0 (u8). limit: an int for integers, an f32 value for f32."""

    x: str
    limit: float

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


# -- between f32 and integers -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Quantize(Op):
    """v = x / scale (a true division); v = min(max(v, f32(lo - zero)), f32(hi - zero)); y = rint(v) + zero.

    x: f32, y: u8 or s8. A NaN becomes lo. scale: constant f32, zero: ints; one entry, or one for each index of `axis`.
    lo and hi are within y's limits (a fused relu is lo = zero). Source: MlasQuantizeLinear.
    """

    x: str
    scale: str
    axis: int
    zero: tuple[int, ...]
    lo: int
    hi: int

    def reads(self) -> tuple[str, ...]:
        return (self.x, self.scale)


@dataclass(frozen=True)
class Dequantize(Op):
    """y = f32(x - zero) * scale. x: u8, s8 or s32, y: f32. scale: constant f32, zero: ints; one entry, or one an index of
    `axis`. A Cast of s32 to f32 is this with scale 1 and zero 0.
    """

    x: str
    scale: str
    axis: int
    zero: tuple[int, ...]

    def reads(self) -> tuple[str, ...]:
        return (self.x, self.scale)


@dataclass(frozen=True)
class DynamicQuantize(Op):
    """Over all of x: hi = max(0, max x), lo = min(0, min x); s = (hi - lo) / 255, or 1 where hi = lo;
    z = rint(min(max(0 - lo / s, 0), 255)); y = min(max(rint(x / s) + z, 0), 255).

    x: f32 without NaN or infinity. y: u8; scale: f32 (); zero: u8 (). Source: DynamicQuantizeLinear of ONNX, as
    onnxruntime computes it (GetQuantizationParameter, MlasQuantizeLinear).
    """

    scale: str
    zero: str
    x: str

    def reads(self) -> tuple[str, ...]:
        return (self.x,)

    def writes(self) -> tuple[str, ...]:
        return (self.y, self.scale, self.zero)


# -- f32: a declared arithmetic; onnxruntime's last bits depend on the machine -----------------------------------------

BinaryKind = Literal["add", "sub", "mul", "div", "min", "max"]
UnaryKind = Literal["neg", "abs", "sqrt", "floor", "ceil", "rint"]


@dataclass(frozen=True)
class Binary(Op):
    """y = a <kind> b in f32, one rounding, a and b (tensors or constants) broadcast to y as numpy does.

    min and max return b where either is NaN, and b where both are zeros.
    """

    kind: BinaryKind
    a: str
    b: str

    def reads(self) -> tuple[str, ...]:
        return (self.a, self.b)


@dataclass(frozen=True)
class Unary(Op):
    """y = <kind>(x) in f32; sqrt is correctly rounded, rint rounds half to even."""

    kind: UnaryKind
    x: str

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class Clip(Op):
    """y = min(max(x, lo), hi) in f32; lo may be -inf, hi inf. Relu is lo = 0, hi = inf. A NaN becomes lo. -0.0 under lo = 0
    becomes 0.0."""

    x: str
    lo: float
    hi: float

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class SumF(Op):
    """The sum s of each `count` neighbours x[0], x[1], ... of flat x; y = s, or s / f32(count) where `mean`. f32.

    `lanes` says the order, so that sums have the bits of onnxruntime's vector code:
    1: s = 0, then s = s + x[j] for j ascending.
    4 (GlobalAveragePool: MLAS): four lanes of zeros; lane[l] = lane[l] + x[j] for each j = l mod 4 ascending, as far as there
       are four; s = (lane[0] + lane[2]) + (lane[1] + lane[3]); then the rest is added to s in order.
    8 (ReduceMean, ReduceSum over the last axes: Eigen): eight lanes in the same way, as far as there are eight;
       lane[l] = lane[l] + lane[l + 4] for l below 4; where four or more are left, the next four are added to the four
       lanes; then as for 4.
    """

    x: str
    count: int
    mean: bool
    lanes: Literal[1, 4, 8]

    def reads(self) -> tuple[str, ...]:
        return (self.x,)


@dataclass(frozen=True)
class MatMulF(Op):
    """s = 0; s = fma(a[b,i,k], w[b,k,j], s) for k ascending; y = s, or s + bias[j]. f32; shapes as MatMul.

    fma rounds once. Equal to onnxruntime's f32 kernels for one row and K of at most 128 on x86-64 with AVX2.
    """

    a: str
    w: str
    bias: str | None

    def reads(self) -> tuple[str, ...]:
        return _named(self.a, self.w, self.bias)


@dataclass(frozen=True)
class ConvF(Op):
    """s = 0; s = fma(x, w, s) for c ascending, then kernel positions in row-major order, those outside x left out;
    y = s, or s + bias[m]. f32; shapes as Conv.
    """

    x: str
    w: str
    bias: str | None
    window: Window
    groups: int

    def reads(self) -> tuple[str, ...]:
        return _named(self.x, self.w, self.bias)
