"""One tensor's product with an input."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zkhost.errors import ModelFormatError
from zkhost.ml.gguf.assembly import MAX_POSITIONS, Assembly, bound
from zkhost.ml.graph import Tensor
from zkhost.ml.lower.lowering import Lowered
from zkhost.ml.read.gguf_file import GgufFile
from zkhost.ml.read.onnx_file import Port

FLOAT = np.dtype(np.float32)


def lower(file: GgufFile, name: str, dims: Mapping[str, int]) -> Lowered:
    """y = x times the transposed tensor, for the input `x` of as many `vectors` as dims says (1)."""
    vectors, shape = bound(file, dims, "vectors", 1, MAX_POSITIONS), file.tensors[name].shape
    if len(shape) != 2:
        raise ModelFormatError(
            f"{file.name}: the tensor {name!r} has the shape {list(shape)}; expected two axes", hint="choose a matrix"
        )
    low = Assembly(file)
    low.tensors["x"] = Tensor("x", "f32", (vectors, shape[1]))
    y = low.product(name, "x", shape[0])
    graph = low.graph(file.name, ("x",), (y,))
    inputs, outputs = Port("x", FLOAT, (vectors, shape[1])), Port(name, FLOAT, (vectors, shape[0]))
    return Lowered(graph, (inputs,), (outputs,), ((y, name),), {}, {})
