"""What a proof shows of a model's outputs: all, the largest, the k largest, or whether they reach a limit."""

from __future__ import annotations

import dataclasses
from math import prod

import numpy as np

from zkhost.errors import ConfigError
from zkhost.ml import ops
from zkhost.ml.graph import Graph, Tensor
from zkhost.ml.lower.lowering import Lowered
from zkhost.ml.read.onnx_file import Port
from zkhost.ml.tensors import OutputMode


def choose(lowered: Lowered, mode: OutputMode, k: int, threshold: float | None) -> Lowered:
    """The model with its outputs replaced by what the mode shows of them, along their last axis.

    Raises ConfigError for a mode, k or threshold that does not fit.
    """
    if mode == "all":
        return lowered
    if mode not in ("argmax", "topk", "threshold"):
        raise ConfigError(f"output={mode!r}", hint="one of all, argmax, topk, threshold")
    if mode == "threshold" and threshold is None:
        raise ConfigError("output='threshold' needs a limit", hint="threshold=0.5")
    graph, ports = lowered.graph, []
    tensors, added, names = dict(graph.tensors), list(graph.ops), []
    for name, port in zip(graph.outputs, lowered.outputs, strict=True):
        tensor = graph.tensors[name]
        made, outside = _chosen(graph, tensor, port, mode, k, threshold)
        op, *_ = made
        added.append(op)
        for new in made[1]:
            tensors[new.name] = new
            names.append(new.name)
        ports += outside
    used = _needed(added, names)
    written = {name for op in used for name in op.writes()} | set(graph.inputs)
    result = dataclasses.replace(
        graph,
        outputs=tuple(names),
        tensors={name: tensor for name, tensor in tensors.items() if name in written},
        constants={n: a for n, a in graph.constants.items() if any(n in op.reads() for op in used)},
        ops=tuple(used),
    )
    return dataclasses.replace(lowered, graph=result, outputs=tuple(ports))


def _chosen(
    graph: Graph, tensor: Tensor, port: Port, mode: OutputMode, k: int, threshold: float | None
) -> tuple[tuple[ops.Op, list[Tensor]], list[Port]]:
    width = tensor.shape[-1] if tensor.shape else 1
    outer = prod(tensor.shape[:-1])
    label = f"{port.name} ({mode})"
    if mode == "argmax":
        y = Tensor(f"{tensor.name}#argmax", "s32", tensor.shape[:-1])
        op: ops.Op = ops.ArgMax(label, y.name, _order(graph, tensor), width, False)
        return (op, [y]), [Port(port.name, np.dtype(np.int64), y.shape)]
    if mode == "topk":
        if not 1 <= k <= width:
            raise ConfigError(f"k={k} of an output with {width} entries", hint=f"1 to {width}")
        shape = (*tensor.shape[:-1], k)
        values = Tensor(f"{tensor.name}#top", tensor.dtype, (outer, k))
        indices = Tensor(f"{tensor.name}#indices", "s32", (outer, k))
        op = ops.TopK(label, values.name, indices.name, tensor.name, width, k, True)
        outside = [Port(port.name, port.dtype, shape), Port(f"{port.name}.indices", np.dtype(np.int64), shape)]
        return (op, [values, indices]), outside
    assert threshold is not None
    real = tensor.dtype in ("f32", "f64")
    limit = float(np.float32(threshold)) if real else float(threshold)
    if not np.isfinite(limit) or (not real and limit != int(limit)):
        raise ConfigError(f"threshold={threshold} of an output of {port.dtype}", hint="a finite number of that dtype")
    y = Tensor(f"{tensor.name}#reached", "u8", tensor.shape)
    return (ops.Threshold(label, y.name, tensor.name, limit), [y]), [Port(port.name, np.dtype(bool), tensor.shape)]


def _order(graph: Graph, tensor: Tensor) -> str:
    """A tensor with the same order as this one: the integers before a last Dequantize, which cost less."""
    for op in graph.ops:
        if isinstance(op, ops.Dequantize) and op.y == tensor.name and graph.dtype(op.x) in ("u8", "s8"):
            scale = graph.constants[op.scale]
            # Distinct integers of 8 bits stay distinct in f32 under a sane scale, so ties are the same.
            if scale.size == 1 and 1e-30 < float(scale.reshape(())) < 1e30:
                return op.x
    return tensor.name


def _needed(added: list[ops.Op], names: list[str]) -> list[ops.Op]:
    needed, kept = set(names), []
    for op in reversed(added):
        if needed.intersection(op.writes()):
            kept.append(op)
            needed.update(op.reads())
    kept.reverse()
    return kept
