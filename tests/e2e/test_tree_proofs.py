"""A forest's prediction proved for real, and the forest with one node changed, which the proof is not of."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from zkhost import Receipt, ml
from zkhost.errors import ImageIDMismatchError, VerificationError

MODELS = Path(__file__).parents[1] / "unit" / "ml" / "models" / "trees"

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def proved() -> tuple[Receipt, Any, Any]:
    """A receipt, the row it is of, and onnxruntime's label and scores."""
    stored = np.load(MODELS / "random_forest_cancer.npz")
    row = stored["x"][:1].copy()
    proof = ml.load(MODELS / "random_forest_cancer.onnx").prove(row)
    return proof.receipt, row, (stored["ort0"][:1], stored["ort1"][:1])


def changed(row: Any, scores: Any) -> ml.Model:
    """The forest with one node changed: a root sends this row the other way, where its leaf has another weight."""
    original = onnx.load(str(MODELS / "random_forest_cancer.onnx"))
    lists = {attribute.name: attribute for attribute in original.graph.node[0].attribute}
    roots = [place for place, number in enumerate(lists["nodes_nodeids"].ints) if number == 0]
    for root in roots:
        proto = copy.deepcopy(original)
        values = next(each for each in proto.graph.node[0].attribute if each.name == "nodes_values").floats
        value = float(row[0, lists["nodes_featureids"].ints[root]])
        values[root] = value - 1 if value <= values[root] else value
        model = ml.load(proto)
        if model.compute(row)["probabilities"].tobytes() != scores.tobytes():
            return model
    raise AssertionError("no root changes the scores")


def test_a_prediction_of_a_hundred_trees_is_proved(proved: Any) -> None:
    receipt, row, (label, scores) = proved
    found = ml.verify(receipt, MODELS / "random_forest_cancer.onnx")
    assert found.outputs["label"].tolist() == label.tolist()
    assert found.outputs["probabilities"].tobytes() == scores.tobytes()
    assert found.inputs is not None
    assert found.inputs["X"].tobytes() == row.tobytes()


def test_it_is_no_proof_of_a_forest_with_one_node_changed(proved: Any) -> None:
    receipt, row, (_, scores) = proved
    with pytest.raises(ImageIDMismatchError):
        changed(row, scores).verify(receipt)


def test_it_is_no_proof_of_other_scores(proved: Any) -> None:
    receipt, _, _ = proved
    data = json.loads(receipt.to_bytes("json"))
    data["journal"]["bytes"][-1] ^= 1
    forged = Receipt.from_bytes(json.dumps(data).encode(), "json")
    with pytest.raises(VerificationError):
        ml.verify(forged, MODELS / "random_forest_cancer.onnx")
