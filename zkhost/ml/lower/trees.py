"""ai.onnx.ml's tree ensembles, versions 1 to 5.

onnxruntime decides what the specification leaves open: `TreeAggregatorClassifier` of tree_ensemble_aggregator.h for what
two classes mean, `write_scores` of ml_common.h for how their scores are written.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Array, Tensor
from zkhost.ml.lower import ensemble
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.labels import Classes, binary_scores, classes_of, label_of, post_transform
from zkhost.ml.lower.tree_lists import tensor, version_3, version_5
from zkhost.ml.lower.values import Value
from zkhost.ml.lower.views import reshape
from zkhost.ml.ops.trees import LEAF, Aggregate
from zkhost.ml.read.node import Node
from zkhost.ml.read.tree_nodes import Nodes

Args = Sequence[Value | None]
F32 = np.float32

NODES = (
    "nodes_falsenodeids nodes_featureids nodes_hitrates nodes_missing_value_tracks_true nodes_modes nodes_nodeids "
    "nodes_treeids nodes_truenodeids nodes_values post_transform base_values"
)
AGGREGATES: dict[str, Aggregate] = {"SUM": "sum", "AVERAGE": "average", "MIN": "min", "MAX": "max"}


def rows_of(low: Lowering, node: Node, value: Value | None) -> Tensor:
    """Return the input as rows of features."""
    x = value if isinstance(value, Tensor) and value.dtype == "f64" else low.copy(node, f32(low, node, value))
    if len(x.shape) == 1:
        return reshape(low, node, x, (1, x.size))
    if len(x.shape) != 2:
        raise node.invalid(f"an input of {len(x.shape)} axes", "rows of features")
    return x


@handles(
    "ai.onnx.ml.TreeEnsembleRegressor",
    attributes=f"{NODES} aggregate_function n_targets target_ids target_nodeids target_treeids target_weights",
)
def _regressor(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, targets = f32_rows(low, node, args), node.get_int("n_targets", 1)
    base = _base(node)
    if base is not None and base.size != targets:
        raise node.invalid(f"{base.size} base values", f"{targets}, one a target")
    nodes, aggregate = version_3(node, "target", x.shape[-1], targets), _aggregate(node)
    if base is not None and targets > 1 and len(_always(nodes)) != targets:
        raise node.unsupported(
            "base values of targets to which a prediction may add nothing", "a weight for every target in each leaf of a tree",
            "add a tree that is a leaf with a weight of 0 for every target",
        )  # fmt: skip
    if aggregate in ("sum", "average"):
        nodes.without_zeros()
    y = ensemble.emit(low, node, x, nodes, targets, aggregate, base=_base_of(aggregate, targets, base))
    return [*post_transform(low, node, y)]


@handles(
    "ai.onnx.ml.TreeEnsembleClassifier",
    attributes=f"{NODES} class_ids class_nodeids class_treeids class_weights classlabels_int64s classlabels_strings",
)
def _classifier(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, classes = f32_rows(low, node, args), classes_of(node, "classlabels_int64s", "classlabels_strings")
    base, ids = _base(node), set(node.get_ints("class_ids", []))
    if classes.count > 2:
        nodes = version_3(node, "class", x.shape[-1], classes.count)
        if base is not None and base.size != classes.count:
            raise node.invalid(f"{base.size} base values", f"{classes.count}, one a class")
        if base is None and not _every_class_counts(nodes, classes.count):
            raise node.unsupported(
                "classes to which a prediction may add nothing, beside negative weights", "a weight for every class", "give the ensemble base_values of 0"
            )  # fmt: skip
        nodes.without_zeros()
        scores = ensemble.emit(low, node, x, nodes, classes.count, base=base)
        index = low.tensor(node, "s32", (x.shape[0],))
        low.emit(ops.ArgMax(node.label, index.name, scores.name, classes.count, False))
        return [label_of(low, node, index, classes), *post_transform(low, node, scores)]
    if classes.count == 2 and ids == {0} and (base is None or base.size == 1):
        return _binary(low, node, x, classes, base)
    raise node.unsupported(
        f"{classes.count} classes with weights for {sorted(ids)} and {0 if base is None else base.size} base values",
        "two classes with weights for the first alone and at most one base value, or more than two classes",
        "export with skl2onnx or onnxmltools, which write it so",
    )


def _binary(low: Lowering, node: Node, x: Tensor, classes: Classes, base: Array | None) -> list[Value]:
    """Choose of two classes by one score: the second is chosen above 0.5 where all weights are positive, otherwise above 0."""
    nodes = version_3(node, "class", x.shape[-1], 1)
    positive = min(nodes.weights) >= 0
    score = ensemble.emit(low, node, x, nodes, 1, base=base)
    label, scores = binary_scores(low, node, score, positive)
    return [label_of(low, node, label, classes), *scores]


def _every_class_counts(nodes: Nodes, classes: int) -> bool:
    """Return whether the largest score is always one of a class that has got a weight: onnxruntime leaves out others.

    It is where each class gets one in every leaf of some tree; or where no weight is negative and each leaf of some tree has
    one that is positive.
    """
    if len(_always(nodes)) == classes:
        return True
    grows = any(all(any(w > 0 for _, w in leaf) for leaf in found) for found in _leaves(nodes))
    return min(nodes.weights, default=0.0) >= 0 and grows


def _always(nodes: Nodes) -> set[int]:
    """Targets that get a weight from every prediction, since each leaf of some tree has one."""
    return {k for found in _leaves(nodes) for k in set.intersection(*({k for k, _ in leaf} for leaf in found))}


def _leaves(nodes: Nodes) -> list[list[list[tuple[int, float]]]]:
    """Return the entries of each tree's leaves."""
    found: list[list[list[tuple[int, float]]]] = []
    for root in nodes.roots:
        found.append([])
        stack = [root]
        while stack:
            node = stack.pop()
            first, second = nodes.yes[node], nodes.no[node]
            if nodes.modes[node] == LEAF:
                found[-1].append(list(zip(nodes.targets[first:second], nodes.weights[first:second], strict=True)))
            else:
                stack += [first, second]
    return found


def f32_rows(low: Lowering, node: Node, args: Args) -> Tensor:
    """Return the first input as rows of f32 features."""
    x = rows_of(low, node, args[0])
    if x.dtype != "f32":
        raise node.unsupported("float64 features", "float32", "export with FloatTensorType")
    return x


def _base(node: Node) -> Array | None:
    base = np.asarray(node.attributes.get("base_values", []), F32)
    return base if base.size else None


def _base_of(aggregate: Aggregate, targets: int, base: Array | None = None) -> Array | None:
    """Return what is added last: onnxruntime adds 0.0 to the least and the largest, which makes 0.0 of -0.0."""
    return np.zeros(targets, F32) if base is None and aggregate in ("min", "max") else base


def _aggregate(node: Node) -> Aggregate:
    name = str(node.attributes.get("aggregate_function", "SUM"))
    if name not in AGGREGATES:
        raise node.invalid(f"aggregate_function {name!r}", ", ".join(AGGREGATES))
    return AGGREGATES[name]


@handles(
    "ai.onnx.ml.TreeEnsemble",
    attributes="aggregate_function leaf_targetids leaf_weights membership_values n_targets nodes_falseleafs "
    "nodes_falsenodeids nodes_featureids nodes_hitrates nodes_missing_value_tracks_true nodes_modes nodes_splits "
    "nodes_trueleafs nodes_truenodeids post_transform tree_roots",
)
def _tree_ensemble(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, targets = rows_of(low, node, args[0]), node.get_int("n_targets", 1)
    splits, weights = tensor(node, "nodes_splits"), tensor(node, "leaf_weights")
    dtype = np.dtype(F32 if x.dtype == "f32" else np.float64)
    if splits.dtype != dtype or weights.dtype != dtype:
        raise node.unsupported(
            f"splits of {splits.dtype}, weights of {weights.dtype}", f"{dtype}, as the input is", "convert them"
        )
    nodes = version_5(node, splits, weights, x.shape[-1], targets)
    codes = {0: "AVERAGE", 1: "SUM", 2: "MIN", 3: "MAX"}
    aggregate = AGGREGATES[codes[node.get_int("aggregate_function", 1)]]
    y = ensemble.emit(low, node, x, nodes, targets, aggregate, base=_base_of(aggregate, targets))
    transforms = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
    return [*post_transform(low, node, y, transforms[node.get_int("post_transform", 0)])]
