"""What the guest `ml` reads, apart from advice: how many samples, salts, weights that are inputs, then each sample.

The order is that of `inference.rs` in `zkhost-nn`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from zkhost.ml.graph import Array, Graph, Mode
from zkhost.ml.tensors import to_bytes


def inference(
    graph: Graph,
    modes: Mapping[str, Mode],
    weights: Mapping[str, Array],
    samples: Sequence[Mapping[str, Array]],
    salts: Mapping[str, bytes],
) -> bytes:
    """Return the request to run the graph on samples, in the graph's dtypes; `salts` has one for each hashed tensor."""
    parts = [struct.pack("<2I", 0, len(samples))]
    parts += [salts[name] for name in (*graph.inputs, *graph.outputs) if modes.get(name) == "hashed"]
    return b"".join([*parts, *_tensors(graph.shared, weights), *(sample(graph, each) for each in samples)])


def accuracy(
    graph: Graph,
    modes: Mapping[str, Mode],
    weights: Mapping[str, Array],
    samples: Sequence[Mapping[str, Array]],
    salts: Mapping[str, bytes],
    labels: Sequence[int],
    at_least: int,
    salt: bytes,
) -> bytes:
    """Return the request to classify samples, `at_least` of them as their labels say. `salt` is the dataset's."""
    parts = [struct.pack("<3I", 1, len(samples), at_least)]
    parts += [salts[name] for name in graph.shared if modes.get(name) == "hashed"] + [salt]
    parts += _tensors(graph.shared, weights)
    for arrays, label in zip(samples, labels, strict=True):
        parts += [sample(graph, arrays), struct.pack("<i", label)]
    return b"".join(parts)


def sample(graph: Graph, arrays: Mapping[str, Array]) -> bytes:
    """The inputs of one sample, which its advice follows."""
    return b"".join(_tensors([name for name in graph.inputs if name not in graph.shared], arrays))


def _tensors(names: Sequence[str], arrays: Mapping[str, Array]) -> list[bytes]:
    return [to_bytes(arrays[name]) for name in names]
