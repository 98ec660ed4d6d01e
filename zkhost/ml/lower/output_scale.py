"""What a QuantizeLinear asks for: the scale, zero point and dtype of its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zkhost.ml.graph import LIMITS, NUMPY, DType
from zkhost.ml.reference.arithmetic import finish


@dataclass(frozen=True)
class Target:
    """One scale and zero point for the whole tensor."""

    scale: np.float32
    zero: int
    dtype: DType

    @property
    def lo(self) -> int:
        return LIMITS[self.dtype][0]

    @property
    def hi(self) -> int:
        return LIMITS[self.dtype][1]

    def quantise(self, x: Any) -> Any:
        """Return what QuantizeLinear makes of f32 values."""
        return finish(np.asarray(x, np.float32) / self.scale, self.zero, self.lo, self.hi).astype(NUMPY[self.dtype])
