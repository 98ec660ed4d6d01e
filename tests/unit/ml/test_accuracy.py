"""A proof of accuracy: what its journal holds, what it refuses to state, and attacks on it."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np
import pytest

from zkhost import ml
from zkhost.errors import AccuracyError, ConfigError, DecodeError, DigestMismatchError, ModelInputError, PlanError
from zkhost.ml import guest_input
from zkhost.ml.evaluation import NO_SALT, Dataset, Evaluation, needed

from . import build
from .test_digits import MODELS
from .test_modes import CNN, OTHER, SALT, WEIGHT, changed
from .trees.forests import attributes, model
from .trees.forests import rows as forest_rows

COUNT = 12


@pytest.fixture(scope="module")
def rows() -> Any:
    return np.load(MODELS / "inputs.npz")["x"].reshape(-1, 1, 8, 8)[:COUNT]


@pytest.fixture(scope="module")
def classes(rows: Any) -> Any:
    """What the model takes each for, but for the last two."""
    found = ml.load(CNN).compute(ml.Batch(rows))["output"].argmax(axis=1)
    found[-2:] = (found[-2:] + 1) % 10
    return found


def journal_of(model: ml.Model, x: Any, y: Any, at_least: float = 0.8, salt: bytes = NO_SALT) -> bytes:
    return Evaluation(model)._prepared(Dataset(x, y, at_least, salt)).journal


def test_the_journal_holds_nothing_else(rows: Any, classes: Any) -> None:
    """Header, count, bound, no weights, digest: twelve words. No sample, label, output, nor how many are right."""
    data = journal_of(ml.load(CNN), rows, classes)
    tensors = b"".join(row.tobytes() + struct.pack("<i", label) for row, label in zip(rows, classes, strict=True))
    digest = hashlib.sha256(bytes(32) + tensors).digest()
    assert data == struct.pack("<4I", 1 | 1 << 8, COUNT, 10, 0) + digest
    assert digest == ml.dataset_digest(ml.load(CNN), rows, classes)


def test_an_accuracy_is_of_the_model_that_infers(rows: Any, classes: Any) -> None:
    """One image ID, or one digest, for both."""
    model = ml.load(CNN)
    assert Evaluation(model).image_id == model.image_id
    hidden = ml.load(CNN, hidden=True, salt=SALT)
    accuracy = Evaluation(hidden).decode_journal(journal_of(hidden, rows, classes))
    assert accuracy.model_digest == hidden.model_digest
    assert (accuracy.count, accuracy.at_least, accuracy.bound) == (COUNT, 10, 10 / COUNT)
    weights = ml.load(CNN, hidden=WEIGHT, salts={WEIGHT: SALT})
    found = Evaluation(weights).decode_journal(journal_of(weights, rows, classes))
    assert found.weights == {WEIGHT: ml.tensor_digest(weights.weights[WEIGHT], SALT)}


@pytest.mark.parametrize("output", ["all", "argmax", "hashed"])
def test_what_inferences_show_does_not_matter(output: Any, rows: Any, classes: Any) -> None:
    assert Evaluation(ml.load(CNN, output=output)).decode_journal(
        journal_of(ml.load(CNN, output=output), rows, classes)
    ).at_least == 10  # fmt: skip


def test_an_accuracy_below_the_bound_is_not_proved(rows: Any, classes: Any) -> None:
    with pytest.raises(AccuracyError) as caught:
        journal_of(ml.load(CNN), rows, classes, 0.9)
    assert (caught.value.right, caught.value.count, caught.value.needed) == (10, COUNT, 11)
    assert "0.8333" in (caught.value.hint or "")
    assert journal_of(ml.load(CNN), rows, classes, 10 / COUNT)


def test_the_guest_refuses_a_bound_that_is_not_reached(rows: Any, classes: Any) -> None:
    """A prover who asks for more than is right has no run; nor one who leaves the labels out."""
    model = ml.load(CNN)
    samples, labels = model.samples(ml.Batch(rows)), [int(label) for label in classes]
    for at_least in (10, 11, COUNT, 2**32 - 1):
        given = guest_input.accuracy(model.graph, {}, {}, samples, {}, labels, at_least, NO_SALT)
        if at_least == 10:
            assert model.run(given).journal
            continue
        with pytest.raises(PlanError, match="fewer samples"):
            model.run(given)


def test_ties_are_the_first(rows: Any) -> None:
    """As numpy's argmax, and as output='argmax'."""
    proto = build.model([build.node("Relu", ["x"], ["y"])], {"x": ("float32", (1, 4))}, {"y": ("float32", None)}, {})
    found = ml.load(proto)
    x = np.array([[[0, 2, 2, 1]], [[-1, -2, -3, -4]], [[0, 0, 0, 3]]], np.float32)
    assert journal_of(found, x, np.array([1, 0, 3]), 1.0)
    with pytest.raises(AccuracyError):
        journal_of(found, x, np.array([2, 0, 3]), 1.0)


def test_a_class_can_be_an_integer_output(rows: Any, classes: Any) -> None:
    """argmax in the model: labels are compared with the index itself."""
    found = ml.load(CNN, output="argmax")
    assert found.graph.tensors[found.graph.outputs[0]].size == 1
    with pytest.raises(AccuracyError):
        journal_of(found, rows, np.zeros(COUNT, np.int64), 1.0)


def test_a_class_can_have_a_text() -> None:
    """Of a classifier that has them: labels are given as its texts, and counted by their index."""
    names = ["cat", "dog", "emu"]
    forest = attributes(5, features=4, prefix="class", ids=[0, 1, 2])
    found = ml.load(
        model(
            "TreeEnsembleClassifier", 4, ["label", "scores"], classlabels_strings=names, base_values=[0.0] * 3, **forest
        )
    )
    x = forest_rows(7, 8, 4)
    y = found.compute(ml.Batch(x))["label"]
    assert set(y) <= set(names)
    accuracy = Evaluation(found).decode_journal(journal_of(found, x, y, 1.0))
    assert accuracy.at_least == accuracy.count == 8
    assert accuracy.dataset_digest == ml.dataset_digest(found, x, [names.index(each) for each in y])
    with pytest.raises(AccuracyError):
        journal_of(found, x, np.array(names)[[(names.index(each) + 1) % 3 for each in y]], 0.5)
    with pytest.raises(ModelInputError, match="'fox'"):
        journal_of(found, x, np.array(["fox"] * 8))


def test_models_without_a_class_are_refused(rows: Any) -> None:
    for options in ({"output": "topk"}, {"output": "threshold", "threshold": 0.0}, {"dims": {"input:0": 2}},
                    {"hidden": WEIGHT, "input": {WEIGHT: "private"}}):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            Evaluation(ml.load(CNN, **options))
        assert caught.value.hint


@pytest.mark.parametrize(
    "labels", [np.zeros(COUNT), np.zeros(COUNT - 1, int), np.zeros((COUNT, 1), int), np.full(COUNT, 2**31)]
)
def test_labels_that_do_not_fit(labels: Any, rows: Any) -> None:
    with pytest.raises(ModelInputError, match="labels"):
        journal_of(ml.load(CNN), rows, labels)


def test_a_share_is_reached_by_the_fewest_that_are_it() -> None:
    assert [needed(0.95, 20), needed(0.95, 100), needed(0.7, 10), needed(1, 3), needed(1e-9, 5)] == [19, 95, 7, 3, 1]
    assert all(needed(right / 977, 977) == right for right in range(1, 978))
    for share in (0, -0.1, 1.01, float("nan"), float("inf")):
        with pytest.raises(ConfigError):
            needed(share, 10)


# -- attacks: each with its honest twin --------------------------------------------------------------------------------


def test_another_dataset_has_another_digest(rows: Any, classes: Any) -> None:
    """A label, a sample, the order, the number or the salt changed."""
    model = ml.load(CNN)
    honest = ml.dataset_digest(model, rows, classes)
    assert honest == ml.dataset_digest(model, rows.copy(), classes.astype(np.uint8)) == ml.dataset_digest(
        model, {"input": rows}, list(classes)
    )  # fmt: skip
    labels, samples = classes.copy(), rows.copy()
    labels[3] += 1
    samples[3, 0, 0, 0] += 1
    spoiled = [
        ml.dataset_digest(model, rows, labels),
        ml.dataset_digest(model, samples, classes),
        ml.dataset_digest(model, rows[::-1], classes[::-1]),
        ml.dataset_digest(model, rows[:-1], classes[:-1]),
        ml.dataset_digest(model, rows, classes, salt=SALT),
    ]
    assert len({honest, *spoiled}) == 1 + len(spoiled)


def test_a_journal_of_another_kind_or_model_is_refused(rows: Any, classes: Any) -> None:
    model = ml.load(CNN)
    data = journal_of(model, rows, classes)
    with pytest.raises(DecodeError, match="inference"):
        model.decode_journal(data)
    with pytest.raises(DecodeError, match="inference") as caught:
        Evaluation(model).decode_journal(model._prepared(rows[0]).journal)
    assert "ml.verify" in (caught.value.hint or "")
    with pytest.raises(DecodeError):
        Evaluation(ml.load(CNN, hidden=WEIGHT)).decode_journal(data)
    hidden = journal_of(ml.load(CNN, hidden=True, salt=SALT), rows, classes)
    for other in (ml.load(CNN, hidden=True, salt=OTHER), ml.load(changed(WEIGHT), hidden=True, salt=SALT), model):
        with pytest.raises(DigestMismatchError):
            Evaluation(other).decode_journal(hidden)
    weights = journal_of(ml.load(CNN, hidden=WEIGHT, salts={WEIGHT: SALT}), rows, classes)
    with pytest.raises(DigestMismatchError):
        Evaluation(ml.load(changed(WEIGHT), hidden=WEIGHT, salts={WEIGHT: SALT})).decode_journal(weights)


def test_every_changed_byte_says_something_else_or_nothing(rows: Any, classes: Any) -> None:
    evaluation = Evaluation(ml.load(CNN))
    data = journal_of(ml.load(CNN), rows, classes)
    honest = evaluation.decode_journal(data)
    for at in range(len(data)):
        spoiled = bytearray(data)
        spoiled[at] ^= 1
        try:
            assert evaluation.decode_journal(bytes(spoiled)) != honest
        except (DecodeError, DigestMismatchError):
            continue
    for length in range(len(data)):
        with pytest.raises(DecodeError):
            evaluation.decode_journal(data[:length])


@pytest.mark.slow
def test_the_guest_counts_as_the_kernels_do(rows: Any, classes: Any) -> None:
    model = ml.load(CNN)
    evaluation = Evaluation(model)
    ran = evaluation.execute(Dataset(rows, classes, 0.8, SALT))
    assert ran.session.journal.bytes == journal_of(model, rows, classes, 0.8, SALT)
    assert ran.journal.dataset_digest == ml.dataset_digest(model, rows, classes, salt=SALT)
