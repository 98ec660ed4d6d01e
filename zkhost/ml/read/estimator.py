"""Fitted models of scikit-learn, XGBoost and LightGBM as the files that they are proved from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from zkhost.errors import ConfigError, ModelFormatError, UnsupportedModelError

OPSETS = {"": 17, "ai.onnx.ml": 3}


def as_file(model: Any) -> Any:
    """Return what `read_model` takes: a fitted model is exported, anything else is returned as it is.

    A scikit-learn estimator or pipeline becomes an ONNX model (by skl2onnx, with one f32 input of all features), a booster
    the bytes of its library's own format. Raises ConfigError where skl2onnx is missing, ModelFormatError for a model that is
    not fitted, and UnsupportedModelError for one that skl2onnx does not convert.
    """
    for kind in type(model).__mro__:
        exporter = EXPORTERS.get(kind.__module__.partition(".")[0])
        if exporter is not None:
            return exporter(model)
    return model


def _sklearn(model: Any) -> Any:
    try:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError as error:
        raise ConfigError(
            "a scikit-learn model is exported by skl2onnx, which is not installed", hint="pip install 'zkhost[sklearn]'"
        ) from error
    name = type(model).__name__
    try:
        features = int(model.n_features_in_)
    except AttributeError as error:
        raise ModelFormatError(f"the {name} is not fitted", hint="call fit first") from error
    try:
        # With options of its own a last step gets no ZipMap, which skl2onnx would also give those that have none.
        options: dict[int, Any] = {id(_last(model)): {}}
        types = [("X", FloatTensorType([None, features]))]
        return to_onnx(model, initial_types=types, target_opset=OPSETS, options=options)
    except Exception as error:  # what a converter raises is its own affair
        raise UnsupportedModelError(
            f"skl2onnx does not convert this {name}: {type(error).__name__}: {error}",
            hint="export it yourself and load the ONNX file; or prove the model without the step that is not converted",
            operator=name,
        ) from error


def _last(model: Any) -> Any:
    """Return the last step of a pipeline; any other model itself."""
    return _last(model.steps[-1][1]) if hasattr(model, "steps") else model


def _xgboost(model: Any) -> bytes:
    booster = model
    if hasattr(model, "get_booster"):
        missing = getattr(model, "missing", None)
        if missing is not None and not math.isnan(missing):
            raise UnsupportedModelError(
                f"{missing!r} stands for missing values; expected NaN",
                hint="fit with missing=np.nan, and NaN in the data",
            )
        try:
            booster = model.get_booster()
        except Exception as error:  # NotFittedError, which is scikit-learn's where that is installed
            raise ModelFormatError(f"the {type(model).__name__} is not fitted", hint="call fit first") from error
        if "best_iteration" in booster.attributes():  # what its predict stops at, unlike a booster's
            booster = booster[: int(booster.attr("best_iteration")) + 1]
    return bytes(booster.save_raw("json"))


def _lightgbm(model: Any) -> bytes:
    booster = model
    if hasattr(model, "booster_") or hasattr(type(model), "booster_"):
        try:
            booster = model.booster_
        except Exception as error:  # LGBMNotFittedError
            raise ModelFormatError(f"the {type(model).__name__} is not fitted", hint="call fit first") from error
    return str(booster.model_to_string()).encode()


EXPORTERS: Mapping[str, Callable[[Any], Any]] = {"xgboost": _xgboost, "lightgbm": _lightgbm, "sklearn": _sklearn}
"""By the package that a class, or one it derives from, is of."""
