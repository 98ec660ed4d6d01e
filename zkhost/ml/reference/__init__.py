"""The reference interpreter: a graph computed with numpy, bit for bit what `ops` says.

It is the oracle of the kernels and what `Model.check` holds against onnxruntime; it makes no attempt to be fast.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zkhost.errors import InferenceError
from zkhost.ml import ops
from zkhost.ml.graph import NUMPY, Array, Graph
from zkhost.ml.reference import choices, floats, functions, ggml, integers, masks, merge, moves, pools, scales, trees
from zkhost.ml.reference.arithmetic import RULES, Values

__all__ = [
    "choices",
    "floats",
    "functions",
    "ggml",
    "integers",
    "masks",
    "merge",
    "moves",
    "pools",
    "run",
    "scales",
    "trees",
]


def run(graph: Graph, inputs: Mapping[str, Array], *, every: bool = False) -> dict[str, Array]:
    """Compute the outputs of the graph on those inputs; with `every`, all tensors it computed.

    Raises InferenceError where an operation has no result: a sum outside s32, an index outside its table.
    """
    values: Values = {**graph.constants, **{name: np.asarray(inputs[name]) for name in graph.inputs}}
    for op in graph:
        with np.errstate(all="ignore"):
            results = RULES[type(op)](graph, op, values)
        names = op.writes()
        for name, result in zip(names, results if len(names) > 1 else (results,), strict=True):
            tensor = graph.tensors[name]
            if tensor.dtype == "s32":
                _fits(op, result)
            values[name] = np.ascontiguousarray(result, dtype=NUMPY[tensor.dtype]).reshape(tensor.shape)
    return {name: values[name] for name in (graph.tensors if every else graph.outputs)}


def _fits(op: ops.Op, sums: Array) -> None:
    if sums.size and (int(sums.max()) > 2**31 - 1 or int(sums.min()) < -(2**31)):
        raise InferenceError(
            f"{op.node}: a sum leaves int32", hint="the model was quantised with scales that this input does not fit"
        )
