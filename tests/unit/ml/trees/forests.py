"""Random ensembles as ONNX nodes, and inputs that meet their thresholds, NaN and infinities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

F32 = np.float32
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
VALUES = np.array([-np.inf, -2.5, -1e-45, -0.0, 0.0, 1e-45, 0.5, 1.0, 1.5, 2.0, 40.0, 3e38], F32)
"""Few, so that inputs often are thresholds."""


def attributes(
    seed: int, *, trees: int = 3, features: int = 4, depth: int = 4, modes: Sequence[str] = MODES, missing: bool = True,
    prefix: str = "target", ids: Sequence[int] = (0,), low: float = -2, entries: int = 1,
) -> dict[str, Any]:  # fmt: skip
    """The node lists of ai.onnx.ml 1 to 3."""
    random = np.random.default_rng(seed)
    names = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    nodes: dict[str, list[Any]] = {name: [] for name in (*names, "missing_value_tracks_true")}
    weights: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(trees):
        count = [0]

        def grow(level: int, tree: int = tree, count: list[int] = count) -> int:
            number = count[0]
            count[0] += 1
            leaf = level == depth or (level > 0 and random.random() < 0.2)
            row = {
                "treeids": tree, "nodeids": number, "featureids": 0 if leaf else int(random.integers(features)),
                "values": 0.0 if leaf else float(random.choice(VALUES)), "modes": "LEAF" if leaf else str(random.choice(list(modes))),
                "truenodeids": 0, "falsenodeids": 0, "missing_value_tracks_true": int(missing and random.random() < 0.5),
            }  # fmt: skip
            place = len(nodes["treeids"])
            for name, value in row.items():
                nodes[name].append(value)
            if not leaf:
                nodes["truenodeids"][place] = grow(level + 1)
                nodes["falsenodeids"][place] = grow(level + 1)
                return number
            for target in random.choice(list(ids), min(entries, len(ids)), replace=False):
                values = (tree, number, int(target), float(F32(random.uniform(low, 2) * random.integers(0, 3))))
                for name, value in zip(weights, values, strict=True):
                    weights[name].append(value)
            return number

        grow(0)
    found = {f"nodes_{name}": column for name, column in nodes.items()}
    return {**found, **{f"{prefix}_{name}": column for name, column in weights.items()}}


def model(
    op: str, features: int, outputs: Sequence[str], *, version: int = 3, kind: Any = F32, **attributes: Any
) -> onnx.ModelProto:
    """A model of one node; `outputs` are its names, `label` an integer or, with classlabels_strings, a string."""
    node = helper.make_node(op, ["x"], list(outputs), name="trees", domain="ai.onnx.ml", **attributes)
    elements = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    label = onnx.TensorProto.STRING if "classlabels_strings" in attributes else onnx.TensorProto.INT64
    ports = [helper.make_tensor_value_info(name, label if name == "label" else elements, None) for name in outputs]
    graph = helper.make_graph([node], "test", [helper.make_tensor_value_info("x", elements, ["N", features])], ports)
    found = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", version)]
    )
    found.ir_version = 8
    return found


def rows(seed: int, count: int, features: int, *, nan: bool = True, dtype: Any = F32, whole: bool = False) -> Any:
    """Inputs: thresholds, values next to them, NaN, infinities. `whole`: whole numbers, since onnxruntime takes 1.5 for a
    member of {1, 40}, which ONNX does not."""
    random = np.random.default_rng(seed)
    if whole:
        return random.choice(np.array([-2, -1, -0.0, 0, 1, 2, 40, np.inf, np.nan], dtype), (count, features))
    values = np.concatenate([VALUES, np.nextafter(VALUES[1:], F32(9)), [F32(np.inf)], [F32(np.nan)] if nan else []])
    return random.choice(values.astype(dtype), (count, features))


def version_5(
    seed: int, *, dtype: Any = F32, targets: int = 2, member: bool = True, features: int = 4
) -> dict[str, Any]:
    """The attributes of a TreeEnsemble of ai.onnx.ml 5; one tree of it is a leaf alone."""
    random = np.random.default_rng(seed)
    nodes: dict[str, list[Any]] = {name: [] for name in (
        "featureids", "splits", "modes", "truenodeids", "trueleafs", "falsenodeids", "falseleafs", "missing_value_tracks_true")}  # fmt: skip
    leaves: list[tuple[int, float]] = []
    members: list[float] = []

    def leaf() -> int:
        leaves.append((int(random.integers(targets)), float(dtype(random.uniform(-2, 2)))))
        return len(leaves) - 1

    def grow(level: int) -> int:
        place = len(nodes["featureids"])
        mode = int(random.integers(7 if member else 6))
        row = (
            int(random.integers(features)),
            float(random.choice(VALUES[1:])),
            mode,
            0,
            0,
            0,
            0,
            int(random.integers(2)),
        )
        for name, value in zip(nodes, row, strict=True):
            nodes[name].append(value)
        if mode == 6:
            members.extend([*np.unique(random.choice([0.0, 1.0, 2.0, 40.0], 3)).tolist(), np.nan])
        for side in ("true", "false"):
            end = level == 3 or random.random() < 0.3
            nodes[f"{side}leafs"][place] = int(end)
            nodes[f"{side}nodeids"][place] = leaf() if end else grow(level + 1)
        return place

    roots = [grow(0), grow(0)]
    alone = len(nodes["featureids"])
    only = leaf()
    for name, value in zip(nodes, (0, 0.0, 0, only, 1, only, 1, 0), strict=True):
        nodes[name].append(value)
    roots.append(alone)

    def tensor(values: Any, kind: Any) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(values, kind))

    found: dict[str, Any] = {
        f"nodes_{name}": column for name, column in nodes.items() if name not in ("splits", "modes")
    }
    found |= {
        "nodes_splits": tensor(nodes["splits"], dtype), "nodes_modes": tensor(nodes["modes"], np.uint8), "tree_roots": roots,
        "leaf_targetids": [target for target, _ in leaves], "leaf_weights": tensor([w for _, w in leaves], dtype),
        "n_targets": targets, "post_transform": 0,
    }  # fmt: skip
    if members:
        found["membership_values"] = tensor(members, dtype)
    return found
