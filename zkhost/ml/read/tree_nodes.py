"""Trees as files describe them, checked and brought to the two comparisons that `ops.Trees` has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zkhost.ml.ops.trees import LEAF, LEQ, LT

MAX_NODES = 1 << 24
MAX_TARGETS = 1 << 16


@dataclass
class Nodes:
    """Nodes of all trees in lists that grow together; see `ops.Trees` for what they mean."""

    dtype: np.dtype[Any]
    modes: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    yes: list[int] = field(default_factory=list)
    no: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)

    def set(self, node: int, mode: int, feature: int, threshold: float, yes: int, no: int, missing: bool) -> None:
        """Set what a node that is there already compares, and where it leads."""
        self.modes[node], self.features[node], self.thresholds[node] = mode, feature, threshold
        self.yes[node], self.no[node], self.missing[node] = yes, no, int(missing)

    def new(self) -> int:
        """Return a node more, its number."""
        for column, value in (
            (self.modes, LEAF), (self.features, 0), (self.thresholds, 0.0), (self.yes, 0), (self.no, 0), (self.missing, 0)
        ):  # fmt: skip
            column.append(value)  # type: ignore[arg-type]
        return len(self.modes) - 1

    def leaf(self, node: int, entries: Sequence[tuple[int, float]]) -> None:
        """Make a node a leaf with (target, weight) entries."""
        first = len(self.targets)
        self.targets += [target for target, _ in entries]
        self.weights += [weight for _, weight in entries]
        self.set(node, LEAF, 0, 0.0, first, len(self.targets), False)

    def without_zeros(self) -> None:
        """Leave out weights of 0, which change no sum that starts at 0, where a leaf has others or adds nothing."""
        found = [list(zip(self.targets[a:b], self.weights[a:b], strict=True)) if mode == LEAF else []
                 for mode, a, b in zip(self.modes, self.yes, self.no, strict=True)]  # fmt: skip
        self.targets, self.weights = [], []
        for node, entries in enumerate(found):
            if self.modes[node] == LEAF:
                self.leaf(node, [entry for entry in entries if entry[1] != 0])

    def equal(self, node: int, feature: int, value: float, yes: int, no: int, missing: bool) -> None:
        """x[feature] == value: x <= value, then not x < value."""
        below = self.new()
        self.set(node, LEQ, feature, value, below, no, missing)
        self.set(below, LT, feature, value, no, yes, False)

    def member(self, node: int, feature: int, values: Sequence[float], yes: int, no: int, missing: bool) -> None:
        """x[feature] is one of `values`."""
        for place, value in enumerate(values):
            following = no if place == len(values) - 1 else self.new()
            self.equal(node, feature, value, yes, following, missing and place == 0)
            node = following


def check(nodes: Nodes, features: int, targets: int) -> None:
    """Raises ValueError where the nodes are not trees over so many features, before `equal` and `member` share branches."""
    if not nodes.roots:
        raise ValueError("there are no trees")
    if len(nodes.modes) > MAX_NODES or len(nodes.weights) > MAX_NODES:
        raise ValueError(f"{len(nodes.modes):,} nodes; at most {MAX_NODES:,} are taken")
    if not 1 <= targets <= MAX_TARGETS:
        raise ValueError(f"{targets:,} targets; 1 to {MAX_TARGETS:,} are taken")
    inner = np.asarray(nodes.modes) != LEAF
    following = np.concatenate([np.asarray(nodes.yes, np.int64)[inner], np.asarray(nodes.no, np.int64)[inner]])
    if following.size and (following.min() < 0 or following.max() >= len(nodes.modes)):
        raise ValueError("a node leads to one that is not there")
    reached = np.bincount(np.concatenate([following, np.asarray(nodes.roots, np.int64)]), minlength=len(nodes.modes))
    if reached.max() > 1:
        raise ValueError(f"node {int(reached.argmax())} is reached in two ways, so the nodes are no trees")
    used = np.asarray(nodes.features, np.int64)[inner]
    if used.size and (used.min() < 0 or used.max() >= features):
        raise ValueError(f"a node compares feature {int(used.max() if used.min() >= 0 else used.min())} of {features}")
    if nodes.targets and not 0 <= min(nodes.targets) <= max(nodes.targets) < targets:
        raise ValueError(f"a leaf adds to the target {max(nodes.targets)} of {targets}")
    if np.isnan(np.asarray(nodes.thresholds)).any() or not np.isfinite(np.asarray(nodes.weights)).all():
        raise ValueError("a threshold is NaN, or a weight is no finite number")
