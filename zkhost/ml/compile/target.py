"""Where a graph's tensors lie while a plan is written. Bytes of s8 are kept with 128 added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from zkhost.ml.compile.plan_bytes import READ_ONCE, At, Code, Plan
from zkhost.ml.graph import DTYPES, MODES, Array, DType, Graph, Mode, Tensor
from zkhost.ml.ops import Op

SIZE = {"u8": 1, "s8": 1, "s32": 4, "f32": 4, "f64": 8}
TYPE = {"u8": 0, "s8": 0, "s32": 1, "f32": 2, "f64": 3}


def added(dtype: DType) -> int:
    """Return what a byte in memory has more than the value."""
    return 128 if dtype == "s8" else 0


def stored(array: Array) -> Array:
    """Return a constant as it lies in memory."""
    if array.dtype == np.int8:
        return (array.astype(np.int16) + 128).astype(np.uint8)
    return array


def bits(value: float) -> int:
    """Return an f32's bits."""
    return int(np.float32(value).view(np.uint32))


@dataclass
class Target:
    """A plan in the making, and the place of each tensor that is there already."""

    graph: Graph
    plan: Plan
    accelerate: bool
    modes: Mapping[str, Mode]
    hidden: bool
    places: dict[str, At] = field(default_factory=dict)
    # Tensors that only a convolution on the accelerator reads, as it reads them; and how each is laid out.
    planes: dict[str, At] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def readers(self) -> dict[str, list[Op]]:
        """For each tensor that is read: the operations that read it."""
        return self.graph.readers()

    def read(self, name: str) -> At:
        """Return where a tensor lies, or a constant as it is stored."""
        if name in self.places:
            return self.places[name]
        return self.plan.constant(stored(self.graph.constants[name]))

    def write(self, name: str) -> At:
        """New memory for a tensor."""
        place = self.plan.buffer(SIZE[self.graph.dtype(name)] * self.size(name))
        self.places[name] = place
        return place

    def size(self, name: str) -> int:
        return int(np.prod(self.graph.shape(name), dtype=np.int64))

    def inputs(self) -> None:
        """Read the graph's inputs to where operations find them."""
        for name in self.graph.inputs:
            tensor = self.graph.tensors[name]
            place = self.plan.buffer(-(-tensor.nbytes // 4) * 4)
            self.plan.add_input(
                place, tensor.nbytes, self._kind(tensor) | (READ_ONCE if name in self.graph.shared else 0)
            )
            if tensor.dtype == "s8":
                self.plan.emit(Code.FLIP, place, self.write(name), tensor.size)
            else:
                self.places[name] = place

    def outputs(self) -> None:
        """Put the graph's outputs where they are committed from."""
        for name in self.graph.outputs:
            tensor, place = self.graph.tensors[name], self.places[name]
            if tensor.dtype == "s8" or place.offset:
                to = self.plan.buffer(tensor.nbytes)
                if tensor.dtype == "s8":
                    self.plan.emit(Code.FLIP, place, to, tensor.size)
                place = to
            self.plan.add_output(place, tensor.nbytes, self._kind(tensor))

    def _kind(self, tensor: Tensor) -> int:
        return MODES.index(self.modes.get(tensor.name, "public")) | DTYPES.index(tensor.dtype) << 8
