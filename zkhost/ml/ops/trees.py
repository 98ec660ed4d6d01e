"""Ensembles of decision trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zkhost.ml.ops.base import Op, named

Aggregate = Literal["sum", "average", "min", "max"]
LEAF, LEQ, LT = 0, 1, 2


@dataclass(frozen=True)
class Trees(Op):
    """Scores of a forest for each row of x (N, features): y (N, targets). x and y are both f32, or both f64, called F here.

    Constants, one entry a node: `modes` u8 (`LEAF`, `LEQ`, `LT`), `features` s32, `thresholds` F, `yes` and `no` s32 (the
    nodes that follow), `missing` u8. At a node the walk goes to `yes` where x[feature] <= threshold (LEQ), or
    x[feature] < threshold (LT); an x[feature] that is NaN goes to `yes` where `missing` is 1, otherwise to `no`. -0.0
    equals 0.0, infinities are ordered. At a leaf, entries yes..no of `targets` s32 and `weights` F are its own. `roots` s32
    has a node for each tree.

    The trees go in the order of `roots`, a leaf's entries in theirs; each operation is one of F, rounded to nearest even:

    sum: s[t] = start[t] (0.0 where there is none), then s[target] = s[target] + weight. y = s, or s + base.
    average: the same, then s[t] = s[t] / F(trees) before base is added.
    min, max: s[target] = the first weight, then weight where weight < s[target] (min) or weight > s[target] (max), and 0.0
        where a target has none. y = s, or s + base.

    Sources: onnxruntime's tree_ensemble_common.h and tree_ensemble_aggregator.h as they run with one thread; XGBoost's CPU
    predictor, which starts from the base score (`start`); LightGBM's GBDT::PredictRaw (F = f64).
    """

    x: str
    modes: str
    features: str
    thresholds: str
    yes: str
    no: str
    missing: str
    targets: str
    weights: str
    roots: str
    start: str | None
    base: str | None
    aggregate: Aggregate

    def reads(self) -> tuple[str, ...]:
        return named(
            self.x, self.modes, self.features, self.thresholds, self.yes, self.no, self.missing, self.targets,
            self.weights, self.roots, self.start, self.base,
        )  # fmt: skip
