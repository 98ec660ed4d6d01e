"""f32: a declared arithmetic; onnxruntime's last bits depend on the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zkhost.ml.ops.base import Op, Window, named

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
    8 (ReduceMean, ReduceSum over the last axes: Eigen, `redux_impl` with packets of four): the first h elements are left
       out, h = -(row * count) mod 4, at most count: the others begin at a multiple of four in flat x. Where fewer than
       four follow, s = -0, then s = s + x[j] for all j in order. Otherwise eight lanes of -0 as above, as far as there
       are eight; lane[l] = lane[l] + lane[l + 4] for l below 4; where four or more are left, the next four are added to
       the four lanes; s = (lane[0] + lane[2]) + (lane[1] + lane[3]); then the first h are added to s in order, then the
       rest.
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
        return named(self.a, self.w, self.bias)


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
        return named(self.x, self.w, self.bias)
