"""Whole files of scikit-learn, XGBoost and LightGBM, probabilities included: post_transforms, networks, normalisers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.ml.build import ours
from zkhost.errors import ModelFormatError
from zkhost.ml.lower.lowering import lower
from zkhost.ml.read.model_file import read_model

MODELS = Path(__file__).parents[1] / "models" / "trees"


@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.glob("*.onnx")))
def test_a_file_gives_onnxruntimes_label_and_scores(name: str) -> None:
    """Labels are equal; scores after a function of f32 differ by no more than an ulp or two of 1."""
    lowered, stored = lower(read_model(MODELS / name)), np.load((MODELS / name).with_suffix(".npz"))
    for place, row in enumerate(stored["x"][:12]):
        values = ours(lowered, {lowered.graph.inputs[0]: row[np.newaxis]})
        for number, (port, value) in enumerate(zip(lowered.outputs, values, strict=True)):
            expected = stored[f"ort{number}"][place : place + 1]
            if port.name == "label":
                assert value.reshape(-1).tolist() == expected.reshape(-1).tolist()
            else:
                np.testing.assert_allclose(
                    value.reshape(expected.shape), expected, rtol=3e-6, atol=4e-6 if "svc" in name else 3e-7
                )


@pytest.mark.parametrize("data", ["cancer", "digits", "diabetes"])
def test_a_prediction_of_xgboost_is_its_librarys(data: str) -> None:
    lowered = lower(read_model(MODELS / f"xgboost_{data}.json"), outputs=["prediction"])
    stored = np.load(MODELS / f"xgboost_{data}.own.npz")
    for row, expected in zip(stored["x"][:12], stored["prediction"], strict=False):
        (value,) = ours(lowered, {"x": row[np.newaxis]})
        np.testing.assert_allclose(value[0], np.atleast_1d(expected), rtol=3e-7, atol=1e-7)


def test_scores_before_a_function_are_named_where_a_name_is_wrong() -> None:
    with pytest.raises(ModelFormatError, match=r"no tensor 'probabilities\.raw'") as refused:
        lower(read_model(MODELS / "gradient_boosting_cancer.onnx"), outputs=["probabilities.raw"])
    assert "probabilities, proba_output.raw" in (refused.value.hint or "")
    stored = np.load(MODELS / "gradient_boosting_cancer.npz")
    lowered = lower(read_model(MODELS / "gradient_boosting_cancer.onnx"), outputs=["proba_output.raw"])
    (scores,) = ours(lowered, {"X": stored["x"][:1]})
    assert scores.tobytes() == stored["raw"][:1].tobytes()
