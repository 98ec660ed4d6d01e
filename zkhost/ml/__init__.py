"""Proofs of what a model computes: load an ONNX file, prove its inference, verify it against the file.

    from zkhost import ml

    model = ml.load("digits.onnx")
    print(model)                            # layers, shapes, multiply-adds, cycles
    proof = model.prove(x).verify()
    print(proof.outputs["logits"])
    ml.verify(proof.receipt, "digits.onnx")

Needs the extra `ml`: pip install 'zkhost[ml]'. Names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zkhost.ml.check import CheckReport as CheckReport
    from zkhost.ml.check import Difference as Difference
    from zkhost.ml.inference import ModelProof as ModelProof
    from zkhost.ml.inference import ModelRun as ModelRun
    from zkhost.ml.journal import Inference as Inference
    from zkhost.ml.model import Model as Model
    from zkhost.ml.model import load as load
    from zkhost.ml.model import verify as verify
    from zkhost.ml.quantize import QuantizeReport as QuantizeReport
    from zkhost.ml.quantize import quantize as quantize
    from zkhost.ml.show import Layer as Layer

_WHERE = {
    "CheckReport": "zkhost.ml.check",
    "Difference": "zkhost.ml.check",
    "Inference": "zkhost.ml.journal",
    "Layer": "zkhost.ml.show",
    "Model": "zkhost.ml.model",
    "ModelProof": "zkhost.ml.inference",
    "ModelRun": "zkhost.ml.inference",
    "QuantizeReport": "zkhost.ml.quantize",
    "load": "zkhost.ml.model",
    "quantize": "zkhost.ml.quantize",
    "verify": "zkhost.ml.model",
}

__all__ = [
    "CheckReport",
    "Difference",
    "Inference",
    "Layer",
    "Model",
    "ModelProof",
    "ModelRun",
    "QuantizeReport",
    "load",
    "quantize",
    "verify",
]


def __getattr__(name: str) -> Any:
    try:
        module = _WHERE[name]
    except KeyError:
        raise AttributeError(f"module 'zkhost.ml' has no attribute {name!r}") from None
    try:
        value = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "onnx", "google"):
            raise
        from zkhost.errors import ConfigError

        raise ConfigError(f"zkhost.ml needs the package {error.name}", hint="pip install 'zkhost[ml]'") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
