"""Boosters that are read from their libraries' own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zkhost.ml.graph import Tensor
from zkhost.ml.lower import ensemble
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.labels import transformed
from zkhost.ml.lower.trees import rows_of
from zkhost.ml.lower.values import Value
from zkhost.ml.read.node import Node

TRANSFORMS: Mapping[str, str] = {
    **dict.fromkeys(("binary:logistic", "reg:logistic"), "LOGISTIC"),
    "multi:softprob": "SOFTMAX",
    **dict.fromkeys(
        (
            "reg:squarederror",
            "reg:linear",
            "reg:squaredlogerror",
            "reg:pseudohubererror",
            "reg:absoluteerror",
            "binary:logitraw",
        ),
        "NONE",
    ),
}
"""By XGBoost's objective: what makes a prediction of a margin."""


@handles("xgboost.Booster", "lightgbm.Booster", attributes="nodes targets start objective")
def _booster(low: Lowering, node: Node, args: Sequence[Value | None]) -> list[Value]:
    """Return the scores; then, of XGBoost, the probabilities or values that they stand for, where they are asked for."""
    x, given = rows_of(low, node, args[0]), node.attributes
    scores = ensemble.emit(low, node, x, given["nodes"], given["targets"], start=given["start"])
    if len(node.outputs) == 1 or node.outputs[1] not in low.readers:
        return [scores, scores]
    return [scores, _prediction(low, node, scores, str(given["objective"]))]


def _prediction(low: Lowering, node: Node, scores: Tensor, objective: str) -> Value:
    kind = TRANSFORMS.get(objective, objective)
    made = scores if kind == "NONE" else transformed(low, node, scores, kind)
    if made is None:
        raise node.unsupported(
            f"the prediction of {objective}",
            "the margin",
            f"choose what comes before it: outputs=[{node.outputs[0]!r}]",
        )
    return made
