"""Between f32 and integers."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost.ml.ops.base import Op


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
