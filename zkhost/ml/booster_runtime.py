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
        """The scores of rows: the one output that a booster has."""
        (rows,), (name,) = arrays.values(), names
        return {name: np.asarray(self._predict(rows)).reshape(len(rows), -1)}


def _xgboost(module: Any, data: bytes) -> Callable[[Array], Any]:
    booster = module.Booster({"nthread": 1}, model_file=bytearray(data))
    return lambda rows: booster.predict(module.DMatrix(rows, nthread=1), output_margin=True, validate_features=False)


def _lightgbm(module: Any, data: bytes) -> Callable[[Array], Any]:
    booster = module.Booster(model_str=data.decode())
    return lambda rows: booster.predict(rows, raw_score=True, num_threads=1)


_PREDICTIONS: Mapping[str, Callable[[Any, bytes], Callable[[Array], Any]]] = {
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
}
