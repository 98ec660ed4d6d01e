"""Tensors as files of weights hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from zkhost.errors import UnsupportedModelError
from zkhost.ml.graph import Array
from zkhost.ml.ops import Precision

SIZES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
"""Bytes of an element by the name safetensors has for its type."""

PRECISIONS: Mapping[str, Precision] = {"F32": "f32", "F16": "f16", "BF16": "bf16"}


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as it is stored: its type (safetensors' name), its shape, its bytes (little-endian, row-major)."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @property
    def precision(self) -> Precision | None:
        """Of a weight: f32, f16 or bf16. None for other types."""
        return PRECISIONS.get(self.dtype)

    def floats(self, name: str) -> Array:
        """Return the values in f32, which f16 and bf16 become exactly. Raises UnsupportedModelError for other types."""
        match self.dtype:
            case "F32":
                flat = np.frombuffer(self.data, "<f4").astype(np.float32)
            case "F16":
                flat = np.frombuffer(self.data, "<f2").astype(np.float32)
            case "BF16":
                flat = (np.frombuffer(self.data, "<u2").astype(np.uint32) << 16).view(np.float32)
            case _:
                raise UnsupportedModelError(
                    f"{name!r} is of {self.dtype}; expected F32, F16 or BF16",
                    hint="adapters of quantised weights (QLoRA) merge into the dequantised ones: save those",
                    expected="F32, F16 or BF16",
                )
        return flat.reshape(self.shape)


State: TypeAlias = Mapping[str, StoredTensor]
"""Tensors by name."""


def stored(array: Array, precision: Precision) -> StoredTensor:
    """Values of f32 stored in a precision that holds them."""
    if precision == "bf16":
        data = (array.astype(np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
        return StoredTensor("BF16", array.shape, data)
    kind, dtype = ("F16", "<f2") if precision == "f16" else ("F32", "<f4")
    return StoredTensor(kind, array.shape, np.ascontiguousarray(array, dtype).tobytes())
