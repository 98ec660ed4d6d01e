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

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.ml.check import CheckReport as CheckReport
    from zkhost.ml.check import Difference as Difference
    from zkhost.ml.inference import ModelProof as ModelProof
    from zkhost.ml.inference import ModelRun as ModelRun
    from zkhost.ml.journal import Inference as Inference
    from zkhost.ml.model import Model as Model
    from zkhost.ml.model import load as load
    from zkhost.ml.model import verify as verify
    from zkhost.ml.quantizer import QuantizeReport as QuantizeReport
    from zkhost.ml.quantizer import quantize as quantize
    from zkhost.ml.read.onnx_file import Port as Port
    from zkhost.ml.show import Layer as Layer

__all__, __getattr__, __dir__ = exports(
    __name__,
    {
        "zkhost.ml.check": "CheckReport Difference",
        "zkhost.ml.inference": "ModelProof ModelRun",
        "zkhost.ml.journal": "Inference",
        "zkhost.ml.model": "Model load verify",
        "zkhost.ml.quantizer": "QuantizeReport quantize",
        "zkhost.ml.read.onnx_file": "Port",
        "zkhost.ml.show": "Layer",
    },
    extra="ml",
)
