"""Low-rank updates of weights (LoRA)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zkhost.ml.ops.base import Op

Precision = Literal["f32", "f16", "bf16"]
"""Of a merge's results; those of f16 and bf16 are kept as f32, which holds them exactly."""


@dataclass(frozen=True)
class Merge(Op):
    """y = round(w + round(scaling * delta)): every element of delta is a sum over the rank, k ascending.

    w is a matrix (O, I), or (I, O) where `transposed`; y and w may have any shape with as many elements, in this order. The
    outputs O are len(enable) groups of equal size. The n-th group that is enabled has rows n*O/len(enable) and so on of
    b (O/len(enable) * G, r) and rows n*r to n*r + r - 1 of a (r * G, I), with G the number of enabled ones:

        s = 0; s = fma(b[o, k], a[n*r + k, i], s) for k ascending; delta[o, i] = s

    In the other groups delta is 0. Products, sums and fma in f32; a delta of zero is +0.0. round: nothing more for f32; to
    f16 or bf16 (ties to even) otherwise. w, a, b and `scaling` (an f32 value, not zero) are finite, and where a result is
    not, the run ends with an error.

    Source: loralib's Linear, Embedding, ConvLoRA and MergedLinear, PEFT's get_delta_weight; with f32 their bits as torch computes
    them on x86-64 (a fused multiply-add for each product, in this order), with f16 and bf16 those of PEFT on a CPU.
    """

    w: str
    a: str
    b: str
    scaling: float
    transposed: bool
    enable: tuple[bool, ...]
    precision: Precision

    def reads(self) -> tuple[str, ...]:
        return (self.w, self.a, self.b)
