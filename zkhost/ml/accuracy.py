"""How many samples of a dataset a model classifies rightly: proved without showing the samples, their labels or the model."""

from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING, Any

from zkhost import methods
from zkhost.errors import ConfigError, VerificationError
from zkhost.ml.disclosure import require_digest
from zkhost.ml.evaluation import NO_SALT, Accuracy, AccuracyProof, Dataset, Evaluation, decode, labelled, needed
from zkhost.ml.loader import load
from zkhost.ml.model import Model
from zkhost.ml.tensors import to_bytes

if TYPE_CHECKING:
    import onnx

    from zkhost.image_id import ImageID
    from zkhost.receipt.policy import VerifyPolicy
    from zkhost.receipt.receipt import Receipt

_OTHER = "the receipt is of another, or made with another salt"


def prove_accuracy(
    model: Model, samples: Any, labels: Any, *, at_least: float, dataset_salt: bytes | None = None, **options: Any
) -> AccuracyProof:
    """Prove that the model classifies at least this share of the samples as their labels say.

    The class is that of the model's first output: the integer itself where it is one; of several values the first of the
    largest. The journal has the model's identity, the digest of the dataset, the number of samples and the bound: no sample,
    no label, no output, and not the accuracy itself. An image ID (or digest) is the same here and for single inferences, so
    both are seen to be of one model.

    Args:
        samples: An array with the samples on its first axis, a mapping with one for each input, or a sequence of inputs.
        labels: Their classes: integers, or the texts that the model has for them.
        at_least: The share to prove, above 0 and at most 1.
        dataset_salt: 32 bytes that keep a secret dataset from being guessed by its digest. Without one anyone who has the set
            recomputes the digest (`dataset_digest`).
        options: Those of `Guest.prove`: opts, prover, segment_limit_po2, on_progress, cancel, checkpoint, cache.

    Raises:
        AccuracyError: Fewer are right. Nothing was proved.
        ModelInputError: Samples or labels that do not fit the model.
    """
    proof = Evaluation(model).prove(
        Dataset(samples, labels, at_least, NO_SALT if dataset_salt is None else dataset_salt), **options
    )
    assert isinstance(proof, AccuracyProof)
    return proof


def dataset_digest(model: Model, samples: Any, labels: Any, *, salt: bytes | None = None) -> bytes:
    """Return a dataset's digest in the journal: SHA-256 of the salt (zeros without one), then each sample's inputs and label."""
    arrays, classes = labelled(model, samples, labels)
    hasher = hashlib.sha256(NO_SALT if salt is None else salt)
    names = [port.name for port in model.inputs]
    for sample, label in zip(arrays, classes, strict=True):
        hasher.update(b"".join(to_bytes(sample[name]) for name in names) + struct.pack("<i", label))
    return hasher.digest()


def verify_accuracy(
    receipt: Receipt | str | os.PathLike[str],
    model: Model | str | os.PathLike[str] | bytes | onnx.ModelProto | None = None,
    *,
    image_id: ImageID | None = None,
    model_digest: bytes | None = None,
    dataset: tuple[Any, Any] | bytes,
    dataset_salt: bytes | None = None,
    at_least: float | None = None,
    policy: VerifyPolicy | None = None,
    allow_fake: bool | None = None,
    **options: Any,
) -> Accuracy:
    """Verify that a receipt proves a model's accuracy, and return what it proves.

    The model is given as itself (a Model, or a file with the `options` of `load` that the prover used), by its `image_id`, or,
    hidden, by its `model_digest`. The dataset is samples and labels (with `dataset_salt`, if there was one; the model is
    needed then), or its digest. With `at_least` a lower bound is refused.

    Raises VerificationError where the receipt proves something else.
    """
    from zkhost.receipt.receipt import Receipt

    if sum(each is not None for each in (model, image_id, model_digest)) != 1:
        raise ConfigError(
            "one of model, image_id and model_digest is needed", hint="verify_accuracy(receipt, 'model.onnx', ...)"
        )
    loaded = model if isinstance(model, Model) else None if model is None else load(model, **options)
    found = receipt if isinstance(receipt, Receipt) else Receipt.load(receipt)
    if image_id is None:
        image_id = methods.ML_ID if loaded is None else loaded.image_id
    found.verify(image_id, policy=policy, allow_fake=allow_fake)
    accuracy = decode(found.journal.bytes, loaded)
    if loaded is None:
        require_digest("the model", model_digest, accuracy.model_digest, _OTHER)
    if not isinstance(dataset, bytes):
        if loaded is None:
            raise ConfigError("samples without their model", hint="give the dataset's digest: ml.dataset_digest(...)")
        dataset = dataset_digest(loaded, *dataset, salt=dataset_salt)
    require_digest("the dataset", dataset, accuracy.dataset_digest, _OTHER)
    if at_least is not None and accuracy.at_least < needed(at_least, accuracy.count):
        raise VerificationError(
            f"the receipt proves that {accuracy.at_least} of {accuracy.count} samples are classified rightly, "
            f"not {needed(at_least, accuracy.count)}",
            hint="ask for a proof of the higher bound",
        )
    return accuracy
