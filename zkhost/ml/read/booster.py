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
    name: str, library: str, outputs: tuple[str, ...], nodes: Nodes, features: int, targets: int, *,
    start: Array | None = None, objective: str = "",
) -> Source:  # fmt: skip
    """Return a booster of `library`. The first of `outputs` (rows, targets) is what its trees add up to, from `start` on; a second is
    the prediction that this stands for, and is computed where it is asked for.

    Its dtypes are the nodes'; `objective` is the library's name for what it was trained for.
    """
    attributes: dict[str, Any] = {"nodes": nodes, "targets": targets, "start": start, "objective": objective}
    proto = helper.make_node("Booster", [INPUT], list(outputs), name=name, domain=library)
    node = Node(proto, name, "Booster", library, 1, (INPUT,), outputs, attributes)
    inputs = (Port(INPUT, nodes.dtype, ("rows", features)),)
    scores = Port(outputs[0], np.dtype(nodes.dtype), ("rows", targets))
    return Source(name, {library: 1}, inputs, (scores,), {}, (node,))
