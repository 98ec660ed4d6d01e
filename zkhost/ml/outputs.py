"""What a proof shows of a model's outputs: all, the largest, the k largest, whether they reach a limit, or a digest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from zkhost.errors import ConfigError
from zkhost.ml import ops
from zkhost.ml.graph import Graph, Tensor
from zkhost.ml.lower.lowering import Lowered
from zkhost.ml.read.onnx_file import Port
from zkhost.ml.tensors import OutputMode


def choose(lowered: Lowered, modes: OutputMode | Mapping[str, OutputMode], k: int, threshold: float | None) -> Lowered:
    """Return the model with its outputs replaced by what their modes show of them, along their last axis. A hashed output stays.

    Raises ConfigError for a mode, k or threshold that does not fit.
    """
    graph, ports = lowered.graph, []
    chosen = by_name([port.name for port in lowered.outputs], modes)
    if set(chosen.values()) <= {"all", "hashed"}:
        return lowered
    if "threshold" in chosen.values() and threshold is None:
        raise ConfigError("output='threshold' needs a limit", hint="threshold=0.5")
    tensors, added, names = dict(graph.tensors), list(graph.ops), []
    for name, port in zip(graph.outputs, lowered.outputs, strict=True):
        if chosen[port.name] in ("all", "hashed"):
            names.append(name)
            ports.append(port)
            continue
        (op, made), outside = _chosen(graph, graph.tensors[name], port, chosen[port.name], k, threshold)
        added.append(op)
        for new in made:
            tensors[new.name] = new
            names.append(new.name)
        ports += outside
    used = _needed(added, names)
    read = {name for op in used for name in op.reads()}
    shared = tuple(name for name in graph.shared if name in read)
    inputs = tuple(name for name in graph.inputs if name in shared or name not in graph.shared)
    written = {name for op in used for name in op.writes()} | set(inputs)
    result = dataclasses.replace(
        graph,
        inputs=inputs,
        outputs=tuple(names),
        tensors={name: tensor for name, tensor in tensors.items() if name in written},
        constants={n: a for n, a in graph.constants.items() if any(n in op.reads() for op in used)},
        ops=tuple(used),
        shared=shared,
    )
    weights = {name: lowered.weights[name] for name in shared}
    return dataclasses.replace(lowered, graph=result, outputs=tuple(ports), weights=weights)


def by_name(outputs: Sequence[str], modes: OutputMode | Mapping[str, OutputMode]) -> dict[str, OutputMode]:
    """Return the mode of each output; `all` where a mapping leaves one out. Raises ConfigError for another mode or name."""
    given = dict.fromkeys(outputs, modes) if isinstance(modes, str) else dict(modes)
    known = ("all", "argmax", "topk", "threshold", "hashed")
    for name, mode in given.items():
        if name not in outputs:
            raise ConfigError(f"output={{{name!r}: ...}}: there is no such output", hint=f"one of {', '.join(outputs)}")
        if mode not in known:
            raise ConfigError(f"output={mode!r}", hint=f"one of {', '.join(known)}")
    return {name: given.get(name, "all") for name in outputs}


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
    """Return a tensor with the same order as this one: the integers before a last Dequantize, which cost less."""
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
