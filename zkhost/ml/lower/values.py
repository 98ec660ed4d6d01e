"""What a name of the ONNX graph stands for while it is lowered.

onnxruntime runs an operator between DequantizeLinear and QuantizeLinear as one integer operator. So what comes out of
a DequantizeLinear stays integers (`Quant`), and what is made of it waits for its QuantizeLinear (`Sums`, `Curve`,
`Lazy`); only what never meets one becomes f32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from zkhost.ml.graph import Array, DType, Tensor, dtype_of
from zkhost.ml.read.node import Node


@dataclass(frozen=True)
class Const:
    """A value known when the model is loaded."""

    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape


@dataclass(frozen=True)
class Quant:
    """(q - zero) * scale, kept as q: a DequantizeLinear's output. `scale` f32 and `zero` ints have one entry, or one for
    each index of `axis`."""

    q: Tensor | Const
    scale: Array
    zero: Array
    axis: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.q.shape

    @property
    def dtype(self) -> DType:
        return self.q.dtype if isinstance(self.q, Tensor) else dtype_of(self.q.array)

    @property
    def per_tensor(self) -> bool:
        return self.scale.size == 1 and self.zero.size == 1


@dataclass(frozen=True)
class Sums:
    """sums * scale, clipped to lo..hi: what Conv, Gemm and MatMul make of two Quants. `scale` is f32(a_scale * w_scale), one
    entry or one for each index of `axis`."""

    sums: Tensor
    scale: Array
    axis: int
    lo: float = -np.inf
    hi: float = np.inf

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sums.shape


@dataclass(frozen=True)
class Curve:
    """A function of each element of one Quant: `nodes` in order, reading `start` and constants, the last writing `end`.

    It has 256 values, so it becomes a table.
    """

    root: Quant
    start: str
    end: str
    nodes: tuple[Node, ...]
    constants: dict[str, Array] = field(hash=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.root.shape


@dataclass(frozen=True)
class Lazy:
    """An operator on Quants whose only reader is a QuantizeLinear: it becomes one integer operator there."""

    node: Node
    args: tuple[Quant, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Labels:
    """Texts by their index (s32): they stay outside the proof, whose journal has the index."""

    index: Tensor
    texts: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.index.shape


Value: TypeAlias = Const | Tensor | Quant | Sums | Curve | Lazy | Labels
