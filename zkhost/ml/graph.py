"""The integer graph that a model is lowered to: typed tensors, constants, and operations of exact arithmetic.

Everything above (ONNX files of many dialects) ends here, and everything below (plans, kernels, the reference
interpreter) starts here. A graph has static shapes, the batch included; operations stand in the order in which they
run; each tensor is written once. Tensors are dense, row-major, in their own dtype.

`zkhost.ml.ops` defines the operations. Their docstrings are the contract of arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from zkhost.ml.ops import Op

Array: TypeAlias = "npt.NDArray[Any]"
DType = Literal["u8", "s8", "s32", "f32", "f64"]
Mode = Literal["public", "hashed", "private"]
MODES: tuple[Mode, ...] = ("public", "hashed", "private")
"""What the journal shows of a tensor: all of it, its salted SHA-256, nothing. Plans and journals number them so."""
DTYPES: tuple[DType, ...] = ("u8", "s8", "s32", "f32", "f64")
"""In the order in which plans and journals number them."""

NUMPY: Mapping[DType, np.dtype[np.generic]] = {
    "u8": np.dtype(np.uint8),
    "s8": np.dtype(np.int8),
    "s32": np.dtype(np.int32),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
}
LIMITS: Mapping[DType, tuple[int, int]] = {"u8": (0, 255), "s8": (-128, 127), "s32": (-(2**31), 2**31 - 1)}


@dataclass(frozen=True)
class Tensor:
    """A tensor that is computed or read: its name is unique in the graph, its shape is static."""

    name: str
    dtype: DType
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * NUMPY[self.dtype].itemsize

    def __str__(self) -> str:
        return f"{self.name} {self.dtype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Graph:
    """A model with its shapes bound.

    `tensors` has every input and every tensor an operation writes; `constants` the arrays operations name (weights,
    biases, multipliers, tables), C-contiguous, of the dtypes in `NUMPY`. Names of both are in one space. `outputs` may
    name inputs or constants' copies only through an operation: each is written by one. `shared` are the inputs that are read
    once, for all samples of a proof: weights that are not in the image.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, Array] = field(repr=False)
    ops: tuple[Op, ...] = field(repr=False)
    shared: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor or constant."""
        found = self.tensors.get(name)
        return found.shape if found is not None else self.constants[name].shape

    def dtype(self, name: str) -> DType:
        """Dtype of a tensor or constant."""
        found = self.tensors.get(name)
        return found.dtype if found is not None else dtype_of(self.constants[name])

    def readers(self) -> dict[str, list[Op]]:
        """Return the operations that read each tensor that is read, in order."""
        found: dict[str, list[Op]] = {}
        for op in self.ops:
            for name in dict.fromkeys(op.reads()):
                found.setdefault(name, []).append(op)
        return found


def dtype_of(array: Array) -> DType:
    """Return the dtype of a constant. Raises KeyError for one that graphs do not have."""
    return next(name for name, dtype in NUMPY.items() if dtype == array.dtype)
