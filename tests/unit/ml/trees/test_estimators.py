"""Fitted models of scikit-learn, XGBoost and LightGBM, loaded as they are."""

from __future__ import annotations

import builtins
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from zkhost import ml
from zkhost.errors import ConfigError, ModelFormatError, UnsupportedModelError

IRIS, SPECIES = (np.asarray(part) for part in load_iris(return_X_y=True))
IRIS = IRIS.astype(np.float32)
NAMES = load_iris().target_names[SPECIES]
CANCER, BENIGN = (np.asarray(part) for part in load_breast_cancer(return_X_y=True))
DIABETES, PROGRESS = (np.asarray(part) for part in load_diabetes(return_X_y=True))

CLASSIFIERS: dict[str, Any] = {
    "random forest": RandomForestClassifier(5, max_depth=4, random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
    "boosted": GradientBoostingClassifier(n_estimators=3, random_state=0),
    "logistic": LogisticRegression(max_iter=500),
    "scaled": make_pipeline(StandardScaler(), LinearSVC(random_state=0)),
    "columns": make_pipeline(
        ColumnTransformer([("a", StandardScaler(), [0, 2]), ("b", Normalizer(), [1, 3])]),
        LogisticRegression(max_iter=500),
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_of_scikit_learn_gives_its_own_labels(name: str) -> None:
    """Strings, as it was trained with."""
    estimator = CLASSIFIERS[name].fit(IRIS, NAMES)
    model = ml.load(estimator, outputs=["label"] if name not in ("random forest", "tree") else None)
    names = [port.name for port in model.outputs]
    rows = IRIS[::10]
    found = [model.compute(row)[names[0]][0] for row in rows]
    assert found == estimator.predict(rows).tolist()


def test_a_regressor_of_scikit_learn() -> None:
    estimators: tuple[Any, ...] = (ExtraTreesRegressor(5, max_depth=4, random_state=0), LinearRegression())
    for estimator in estimators:
        fitted: Any = estimator.fit(DIABETES, PROGRESS)
        model = ml.load(fitted)
        rows = DIABETES[:10].astype(np.float32)
        found = [model.compute(row)["variable"].item() for row in rows]
        np.testing.assert_allclose(found, fitted.predict(rows), rtol=1e-5)
        report = model.check(rows)
        assert report.equal or report.largest < 1e-3


def test_boosters_and_their_estimators_are_the_same_model() -> None:
    chosen = xgboost.XGBClassifier(n_estimators=4, max_depth=3, n_jobs=1).fit(CANCER, BENIGN)
    leaves = lightgbm.LGBMClassifier(n_estimators=4, num_leaves=7, n_jobs=1, verbose=-1).fit(CANCER, BENIGN)
    pairs: list[tuple[Any, Any, str]] = [
        (chosen, chosen.get_booster(), "margin"),
        (leaves, leaves.booster_, "raw_score"),
    ]
    for estimator, booster, score in pairs:
        model = ml.load(estimator)
        assert model.image_id == ml.load(booster).image_id
        rows = CANCER[:5].astype(model.inputs[0].dtype)
        expected = (
            booster.predict(xgboost.DMatrix(rows), output_margin=True)
            if score == "margin"
            else booster.predict(rows, raw_score=True)
        )
        assert [model.compute(row)[score].item() for row in rows] == expected.tolist()
        assert model.check(rows).equal


def test_an_estimator_of_xgboost_stops_where_training_was_best() -> None:
    train, rest = slice(0, 400), slice(400, None)
    estimator = xgboost.XGBClassifier(
        n_estimators=60, learning_rate=0.9, max_depth=5, early_stopping_rounds=3, n_jobs=1
    )
    estimator.fit(CANCER[train], BENIGN[train], eval_set=[(CANCER[rest], BENIGN[rest])], verbose=False)
    assert estimator.best_iteration + 1 < len(estimator.get_booster().get_dump())
    rows = CANCER[rest].astype(np.float32)
    model = ml.load(estimator)
    expected = estimator.predict(rows, output_margin=True)
    assert [model.compute(row)["margin"].item() for row in rows[:20]] == expected[:20].tolist()


@pytest.mark.parametrize("estimator", [RandomForestClassifier(), xgboost.XGBRegressor(), lightgbm.LGBMRegressor()])
def test_what_is_not_fitted_is_no_model(estimator: Any) -> None:
    with pytest.raises(ModelFormatError, match="not fitted"):
        ml.load(estimator)


def test_what_has_no_converter_or_no_kernel_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedModelError):
        ml.load(GaussianNB().fit(IRIS, SPECIES))
    booster = xgboost.XGBClassifier(n_estimators=2, missing=0.0).fit(CANCER, BENIGN)
    with pytest.raises(UnsupportedModelError, match="missing"):
        ml.load(booster)

    class Odd(LinearRegression):  # type: ignore[misc]
        """An estimator that skl2onnx does not know."""

    with pytest.raises(UnsupportedModelError, match="skl2onnx does not convert this Odd"):
        ml.load(Odd().fit(DIABETES, PROGRESS))


def test_without_skl2onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def importing(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("skl2onnx"):
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(ConfigError, match="skl2onnx") as raised:
        ml.load(LinearRegression().fit(DIABETES, PROGRESS))
    assert "zkhost[sklearn]" in (raised.value.hint or "")
