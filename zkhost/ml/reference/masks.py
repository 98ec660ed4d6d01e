"""Comparisons and choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Graph
from zkhost.ml.reference.arithmetic import Values, rule

_RELATIONS: dict[ops.Relation, Callable[[Any, Any], Any]] = {
    "equal": np.equal,
    "less": np.less,
    "less_or_equal": np.less_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
}


@rule(ops.Compare)
def _compare(graph: Graph, op: ops.Compare, values: Values) -> Any:
    return _RELATIONS[op.relation](values[op.a], values[op.b])


@rule(ops.Select)
def _select(graph: Graph, op: ops.Select, values: Values) -> Any:
    return np.where(values[op.condition] != 0, values[op.a], values[op.b])
