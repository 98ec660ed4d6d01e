"""Exact cycles of forests, boosters and linear models: `python -m tests.bench.bench_trees [NAME...] [--prove]`.

The models are trained here on scikit-learn's data, in the shapes of two published measurements of risc0: EZKL's "Benchmarking
ZKML frameworks" (github.com/zkonduit/zkml-framework-benchmarks: a random forest of 100 trees and a linear SVM on iris, a
forest of one tree on two features, a linear regression on two features), and risc0's examples smartcore-ml (a decision tree
on all 150 rows of iris) and xgboost (ten trees of depth 5 on two features). `--prove` makes proofs, whose seconds and peak
memory mean something on an idle machine only.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from zkhost import _shim, ml
from zkhost.environment import serving

IRIS = load_iris(return_X_y=True)
TWO = IRIS[0][:100], IRIS[1][:100]
CANCER, DIGITS, DIABETES = (load(return_X_y=True) for load in (load_breast_cancer, load_digits, load_diabetes))
LINE = np.array([[1, 1], [1, 2], [2, 2], [2, 3]]), np.array([6, 8, 9, 11])
CURVE = np.array([[1, 1], [1, 2], [2, 2], [2, 3], [3, 3], [4, 4], [6, 8]]), np.array([6, 8, 9, 11, 12, 15, 25])

BLOCKS = np.random.default_rng(0).integers(0, 300, (150, 2)), np.random.default_rng(1).normal(28, 3, 150)


@dataclass(frozen=True)
class Made:
    """A fitted model, its data, options for `ml.load`, and how many rows of the data are predicted in one run."""

    estimator: Any
    data: Any
    options: dict[str, Any]
    rows: int = 1

    @property
    def classifies(self) -> bool:
        return hasattr(self.estimator, "classes_")


def fitted(estimator: Any, data: Any, **options: Any) -> Made:
    return Made(estimator.fit(*data), data, options)


def batch(estimator: Any, data: Any) -> Made:
    """With all rows in one run."""
    return Made(estimator.fit(*data), data, {"dims": {"X:0": len(data[0])}}, len(data[0]))


MODELS: dict[str, Callable[[], Made]] = {
    "random forest, 100 trees, iris": lambda: fitted(RandomForestClassifier(100, random_state=0), IRIS),
    "linear SVM, iris": lambda: fitted(LinearSVC(random_state=0), TWO, outputs=["label"]),
    "one tree, 2 features": lambda: fitted(RandomForestRegressor(1, random_state=0), CURVE),
    "linear regression, 2 features": lambda: fitted(LinearRegression(), LINE),
    "decision tree, iris": lambda: fitted(DecisionTreeClassifier(random_state=0), IRIS),
    "decision tree, iris, 150 rows": lambda: batch(DecisionTreeClassifier(random_state=0), IRIS),
    "xgboost, 10 trees, 2 features": lambda: fitted(
        xgboost.XGBRegressor(n_estimators=10, max_depth=5, n_jobs=1), BLOCKS
    ),
    "xgboost, 100 trees, cancer": lambda: fitted(xgboost.XGBClassifier(n_estimators=100, n_jobs=1), CANCER),
    "xgboost, 10 x 100 trees, digits": lambda: fitted(xgboost.XGBClassifier(n_estimators=100, n_jobs=1), DIGITS),
    "lightgbm, 100 trees, cancer": lambda: fitted(lightgbm.LGBMClassifier(n_jobs=1, verbose=-1), CANCER),
    "random forest, 100 trees, digits": lambda: fitted(RandomForestClassifier(100, random_state=0), DIGITS),
    "random forest, 1,000 trees, digits": lambda: fitted(RandomForestClassifier(1000, random_state=0), DIGITS),
    "random forest, 100 trees, diabetes": lambda: fitted(RandomForestRegressor(100, random_state=0), DIABETES),
    "logistic regression, cancer": lambda: fitted(LogisticRegression(max_iter=5000), CANCER, outputs=["label"]),
    "logistic regression, digits": lambda: fitted(LogisticRegression(max_iter=2000), DIGITS, outputs=["label"]),
}


def counted(model: ml.Model, row: Any) -> dict[str, int]:
    """User and paging cycles of one prediction, what its segments are padded to, bytes of the plan."""
    env = model.env(row)
    request = {"env": serving.request(env), "program": model.program, "segments": "discard"}
    reply = _shim.call("execute", request, serving.host(env))
    return {
        "user": reply["user_cycles"],
        "paging": reply["paging_cycles"],
        "rows": reply["total_cycles"],
        "segments": len(reply["segments"]),
        "estimate": model.compiled.cycles,
        "plan": len(model.compiled.plan),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of names")
    parser.add_argument("--prove", action="store_true")
    args = parser.parse_args()
    for name, make in MODELS.items():
        if args.names and not any(part in name for part in args.names):
            continue
        made = make()
        model = ml.load(made.estimator, **made.options)
        row = made.data[0][: made.rows].astype(model.inputs[0].dtype)
        figures = ", ".join(f"{key} {value:,}" for key, value in counted(model, row).items())
        print(f"{name}: {figures}", flush=True)
        if args.prove:
            start = time.perf_counter()
            model.prove(row).verify()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(f"  proved in {time.perf_counter() - start:.1f} s, {peak:.1f} GiB at most", flush=True)


if __name__ == "__main__":
    main()
