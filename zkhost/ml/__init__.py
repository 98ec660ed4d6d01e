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
    from zkhost.ml.accuracy import dataset_digest as dataset_digest
    from zkhost.ml.accuracy import prove_accuracy as prove_accuracy
    from zkhost.ml.accuracy import verify_accuracy as verify_accuracy
    from zkhost.ml.chain import Chain as Chain
    from zkhost.ml.chain import ChainProof as ChainProof
    from zkhost.ml.chain import Stage as Stage
    from zkhost.ml.chain import split as split
    from zkhost.ml.chain import verify_split as verify_split
    from zkhost.ml.check import CheckReport as CheckReport
    from zkhost.ml.check import Difference as Difference
    from zkhost.ml.embedding import EmbeddedModel as EmbeddedModel
    from zkhost.ml.embedding import build_models as build_models
    from zkhost.ml.evaluation import Accuracy as Accuracy
    from zkhost.ml.evaluation import AccuracyProof as AccuracyProof
    from zkhost.ml.inference import Inference as Inference
    from zkhost.ml.inference import ModelProof as ModelProof
    from zkhost.ml.inference import ModelRun as ModelRun
    from zkhost.ml.journal import ModelJournal as ModelJournal
    from zkhost.ml.journal import Shown as Shown
    from zkhost.ml.loader import load as load
    from zkhost.ml.loader import verify as verify
    from zkhost.ml.model import Model as Model
    from zkhost.ml.quantizer import QuantizeReport as QuantizeReport
    from zkhost.ml.quantizer import quantize as quantize
    from zkhost.ml.read.onnx_file import Port as Port
    from zkhost.ml.show import Layer as Layer
    from zkhost.ml.tensors import Batch as Batch
    from zkhost.ml.tensors import tensor_digest as tensor_digest

__all__, __getattr__, __dir__ = exports(
    __name__,
    {
        "zkhost.ml.accuracy": "dataset_digest prove_accuracy verify_accuracy",
        "zkhost.ml.check": "CheckReport Difference",
        "zkhost.ml.embedding": "EmbeddedModel build_models",
        "zkhost.ml.evaluation": "Accuracy AccuracyProof",
        "zkhost.ml.inference": "Inference ModelProof ModelRun",
        "zkhost.ml.journal": "ModelJournal Shown",
        "zkhost.ml.loader": "load verify",
        "zkhost.ml.model": "Model",
        "zkhost.ml.quantizer": "QuantizeReport quantize",
        "zkhost.ml.read.onnx_file": "Port",
        "zkhost.ml.show": "Layer",
        "zkhost.ml.chain": "Chain ChainProof Stage split verify_split",
        "zkhost.ml.tensors": "Batch tensor_digest",
    },
    packages="lora",
    extra="ml",
)
