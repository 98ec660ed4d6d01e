"""Pools, on integers or f32."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost.ml.ops.base import Op, Pads, Window


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
