"""Boosters that are read from their libraries' own files."""

from __future__ import annotations

from collections.abc import Sequence

from zkhost.ml.lower import ensemble
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.trees import rows_of
from zkhost.ml.lower.values import Value
from zkhost.ml.read.node import Node


@handles("xgboost.Booster", "lightgbm.Booster", attributes="nodes targets start objective")
def _booster(low: Lowering, node: Node, args: Sequence[Value | None]) -> list[Value]:
    x, given = rows_of(low, node, args[0]), node.attributes
    return [ensemble.emit(low, node, x, given["nodes"], given["targets"], start=given["start"])]
