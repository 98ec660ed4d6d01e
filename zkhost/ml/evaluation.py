"""The guest of a proof of accuracy: a model that classifies a dataset, and what its journal states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from zkhost.errors import AccuracyError, ConfigError, DecodeError, ModelInputError
from zkhost.guest.proof import Proof
from zkhost.ml import guest_input
from zkhost.ml.computed import ComputedGuest
from zkhost.ml.journal import ModelJournal
from zkhost.ml.model import Model
from zkhost.ml.tensors import SALT_BYTES, Batch, label_indices

if TYPE_CHECKING:
    from zkhost.image_id import ImageID
    from zkhost.ml._native import Computed
    from zkhost.ml.graph import Array
    from zkhost.provers.options import ProveInfo

NO_SALT = bytes(SALT_BYTES)


@dataclass(frozen=True)
class Accuracy:
    """An accuracy, as a journal states it: of the `count` samples of the dataset with this digest, at least `at_least` are classified rightly.

    The model is known by the image ID, by `model_digest` where it is hidden, and by the digests of hidden `weights`, by name
    (by number where the model is not at hand).
    """

    count: int
    at_least: int
    dataset_digest: bytes
    model_digest: bytes | None
    weights: Mapping[str, bytes]

    @property
    def bound(self) -> float:
        """The share of samples that is reached."""
        return self.at_least / self.count


@dataclass(frozen=True)
class Dataset:
    """Samples, their labels, how many of them must be right, and the salt of the digest."""

    samples: Any
    labels: Any
    at_least: float
    salt: bytes


class AccuracyProof(Proof[Accuracy]):
    """A proof of a model's accuracy."""


def needed(at_least: float, count: int) -> int:
    """Return the fewest of so many samples that are this share: 19 of 20 are 0.95. Raises ConfigError."""
    if not 0 < at_least <= 1:
        raise ConfigError(f"at_least={at_least}", hint="a share above 0 and at most 1, as 0.95")
    right = max(int(at_least * count) - 1, 1)
    while right / count < at_least:
        right += 1
    return right


class Evaluation(ComputedGuest[Dataset, Accuracy]):
    """A model as the guest that classifies a dataset."""

    def __init__(self, model: Model) -> None:
        """Raises ConfigError for a model whose first output is no class, or no scores of one sample."""
        self.contract = None
        self.model = model
        self.name = f"the accuracy of {model.name}"
        port, mode = model.outputs[0], next(iter(model.output_modes.values()))
        tensor = model.graph.tensors[model.graph.outputs[0]]
        single = tensor.size == 1
        if (
            prod(tensor.shape[:-1]) != 1
            or mode == "topk"
            or (mode == "threshold" and not single)
            or (single and tensor.dtype in ("f32", "f64"))
        ):
            raise ConfigError(
                f"the first output, {port.name} {port.dtype}{list(port.axes)} ({mode}), is not one class or the scores of classes",
                hint="load the model with a batch of 1, and its scores or class as the first of outputs=[...]",
            )
        private = [name for name in model.weights if model.modes[name] == "private"]
        if private:
            raise ConfigError(
                f"the weight {private[0]!r} is private: an accuracy of weights that nothing commits to proves nothing",
                hint="leave it hashed",
            )

    @property
    def program(self) -> bytes:  # type: ignore[override]
        """The model's."""
        return self.model.program

    @property
    def image_id(self) -> ImageID:
        """The model's."""
        return self.model.image_id

    def decode_journal(self, data: bytes) -> Accuracy:
        """Decode a journal. Raises DecodeError for one that is not of an accuracy, DigestMismatchError for another model's."""
        return decode(data, self.model)

    def _prepared(self, input: Dataset) -> Computed:
        """Compute the run. Raises AccuracyError where fewer samples are right than the Dataset asks for."""
        if len(input.salt) != SALT_BYTES:
            raise ConfigError(
                f"dataset_salt has {len(input.salt)} bytes", hint=f"use secrets.token_bytes({SALT_BYTES})"
            )
        model = self.model
        samples, labels = labelled(model, input.samples, input.labels)
        most, salts = needed(input.at_least, len(labels)), model.fresh_salts()

        def given(at_least: int) -> bytes:
            modes = {name: model.modes[name] for name in model.weights}
            return guest_input.accuracy(
                model.graph, modes, model.graph_weights, samples, salts, labels, at_least, input.salt
            )

        right = sum(a == b for a, b in zip(self._classes(model.run(given(0)).outputs), labels, strict=True))
        if right < most:
            raise AccuracyError(
                f"{model.name} classifies {right} of {len(labels)} samples rightly; expected {most} or more",
                hint=f"prove a lower bound, at most at_least={floor(1e4 * right / len(labels)) / 1e4}",
                right=right, count=len(labels), needed=most,
            )  # fmt: skip
        return model.run(given(most))

    def _classes(self, outputs: tuple[bytes, ...]) -> list[int]:
        """Return what the guest takes each sample for."""
        graph = self.model.graph
        dtype = {"u8": "<u1", "s8": "<i1", "s32": "<i4", "f32": "<f4", "f64": "<f8"}[graph.dtype(graph.outputs[0])]
        scores = [np.frombuffer(data, dtype) for data in outputs]
        return [int(each[0]) if each.size == 1 else int(each.argmax()) for each in scores]

    def _proof(self, info: ProveInfo) -> AccuracyProof:
        return AccuracyProof(self, info)


def labelled(model: Model, samples: Any, labels: Any) -> tuple[list[dict[str, Array]], list[int]]:
    arrays = model.samples(samples if isinstance(samples, Batch) else Batch(samples))
    classes = np.asarray(labels)
    if model.outputs[0].labels and classes.dtype.kind in "OU":
        classes = label_indices(model.outputs[0], classes)
    if classes.dtype.kind not in "iu" or classes.shape != (len(arrays),):
        raise ModelInputError(
            f"labels: expected {len(arrays)} integers but got {classes.dtype}{list(classes.shape)}",
            hint="one class a sample",
            expected=f"int[{len(arrays)}]",
        )
    if int(classes.max()) > 2**31 - 1 or int(classes.min()) < -(2**31):
        raise ModelInputError("labels outside int32", hint="number the classes from 0", expected="int32")
    return arrays, [int(label) for label in classes]


def decode(data: bytes, model: Model | None) -> Accuracy:
    journal = ModelJournal.parse(data)
    if journal.at_least is None or journal.dataset_digest is None:
        raise DecodeError(
            "the journal is that of an inference", path="", offset=0, expected="an accuracy", found="an inference",
            hint="verify it with ml.verify",
        )  # fmt: skip
    names = [str(index) for index in range(len(journal.inputs))]
    if model is not None:
        names = list(model.graph.shared)
        modes = [(model.modes[name], model.graph.dtype(name)) for name in names]
        found = [(part.mode, part.dtype) for part in journal.inputs]
        if found != modes:
            raise DecodeError(
                "the journal is not that of this model's accuracy, in these modes",
                path="", offset=0, expected=str(modes), found=str(found), hint="load it with the prover's options",
            )  # fmt: skip
    digests = {name: part.data for name, part in zip(names, journal.inputs, strict=True) if part.mode == "hashed"}
    if model is not None:
        model.check_digests(journal.model_digest, digests)
    weights = MappingProxyType(digests)
    return Accuracy(journal.count, journal.at_least, journal.dataset_digest, journal.model_digest, weights)
