"""A gradient booster as a model of one node, which `lower/boosters.py` lowers."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from zkhost.ml.graph import Array
from zkhost.ml.read.node import Node
from zkhost.ml.read.onnx_file import Port, Source
from zkhost.ml.read.tree_nodes import Nodes

INPUT = "x"


def source(
    name: str, library: str, score: str, nodes: Nodes, features: int, targets: int, *,
    start: Array | None = None, objective: str = "",
) -> Source:  # fmt: skip
    """A booster of `library` whose output `score` (rows, targets) is what its trees add up to, from `start` on.

    Its dtypes are the nodes'; `objective` is the library's name for what it was trained for.
    """
    attributes: dict[str, Any] = {"nodes": nodes, "targets": targets, "start": start, "objective": objective}
    proto = helper.make_node("Booster", [INPUT], [score], name=name, domain=library)
    node = Node(proto, name, "Booster", library, 1, (INPUT,), (score,), attributes)
    inputs = (Port(INPUT, nodes.dtype, ("rows", features)),)
    outputs = (Port(score, np.dtype(nodes.dtype), ("rows", targets)),)
    return Source(name, {library: 1}, inputs, outputs, {}, (node,))
