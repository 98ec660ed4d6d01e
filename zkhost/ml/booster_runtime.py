"""XGBoost's and LightGBM's own predictions, to hold a model against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from zkhost.errors import ConfigError

if TYPE_CHECKING:
    from zkhost.ml.graph import Array


class BoosterRuntime:
    """A booster in its own library, on one thread. `data` is its JSON or its text.

    Raises ConfigError where the library is not installed.
    """

    def __init__(self, library: str, data: bytes) -> None:
        try:
            self._module: Any = import_module(library)
        except ImportError as error:
            raise ConfigError(
                f"check compares with {library}, which is not installed", hint=f"pip install {library}"
            ) from error
        self.name, self.version = library, str(self._module.__version__)
        self._predict = _PREDICTIONS[library](self._module, data)

    def run(self, arrays: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
        """Return the named outputs of the rows."""
        (rows,) = arrays.values()
        return {name: np.asarray(self._predict(rows, name)).reshape(len(rows), -1) for name in names}


Predict = Callable[["Array", str], Any]


def _xgboost(module: Any, data: bytes) -> Predict:
    booster = module.Booster({"nthread": 1}, model_file=bytearray(data))

    def predict(rows: Array, name: str) -> Any:
        matrix = module.DMatrix(rows, nthread=1)
        return booster.predict(matrix, output_margin=name == "margin", validate_features=False)

    return predict


def _lightgbm(module: Any, data: bytes) -> Predict:
    booster = module.Booster(model_str=data.decode())
    return lambda rows, name: booster.predict(rows, raw_score=True, num_threads=1)


_PREDICTIONS: Mapping[str, Callable[[Any, bytes], Predict]] = {
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
}
