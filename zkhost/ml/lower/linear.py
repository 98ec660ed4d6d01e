"""ai.onnx.ml's linear models: products and sums in the declared order of `ops.MatMulF`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.labels import binary_scores, classes_of, label_of, post_transform
from zkhost.ml.lower.trees import f32_rows
from zkhost.ml.lower.values import Value
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
F32 = np.float32


def _product(low: Lowering, node: Node, x: Tensor, outputs: int) -> Tensor:
    """x times the coefficients (outputs, features), plus the intercepts."""
    features = x.shape[1]
    coefficients = np.asarray(node.attributes.get("coefficients", []), F32)
    intercepts = np.asarray(node.attributes.get("intercepts", []), F32)
    if coefficients.size != outputs * features or intercepts.size not in (0, outputs):
        raise node.invalid(
            f"{coefficients.size} coefficients and {intercepts.size} intercepts",
            f"{outputs * features} for {outputs} outputs of {features} features, and {outputs}",
        )
    if not np.isfinite(coefficients).all() or not np.isfinite(intercepts).all():
        raise node.invalid("a coefficient that is no finite number", "finite numbers")
    y = low.tensor(node, "f32", (x.shape[0], outputs))
    weights = low.constant(np.ascontiguousarray(coefficients.reshape(outputs, features).T))
    bias = low.constant(intercepts) if intercepts.size and intercepts.any() else None
    low.emit(ops.MatMulF(node.label, y.name, x.name, weights, bias))
    return y


@handles("ai.onnx.ml.LinearRegressor", attributes="coefficients intercepts post_transform targets")
def _regressor(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = f32_rows(low, node, args)
    return [*post_transform(low, node, _product(low, node, x, node.get_int("targets", 1)))]


@handles(
    "ai.onnx.ml.LinearClassifier",
    attributes="classlabels_ints classlabels_strings coefficients intercepts multi_class post_transform",
)
def _classifier(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, classes = f32_rows(low, node, args), classes_of(node, "classlabels_ints", "classlabels_strings")
    outputs = len(node.attributes.get("coefficients", [])) // x.shape[1]
    scores = _product(low, node, x, outputs)
    if outputs == 1 and classes.count == 2:
        index, found = binary_scores(low, node, scores, probability=False)
        return [label_of(low, node, index, classes), *found]
    if outputs != classes.count:
        raise node.invalid(f"coefficients of {outputs} classes", f"one for each of the {classes.count} labels")
    index = low.tensor(node, "s32", (x.shape[0],))
    low.emit(ops.ArgMax(node.label, index.name, scores.name, outputs, False))
    return [label_of(low, node, index, classes), *post_transform(low, node, scores)]


def row_constant(node: Node, name: str, features: int, default: float) -> Any:
    """Return an attribute of f32 with one entry, or one a feature."""
    values = np.asarray(node.attributes.get(name, [default]), F32)
    if values.size not in (1, features):
        raise node.invalid(f"{values.size} entries of {name}", f"1 or {features}")
    return values
