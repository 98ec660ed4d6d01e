"""Modes, batches, accuracy and chains with real proofs, and the attacks that the seals stop; each has its honest twin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from tests.e2e.forgery import with_journal
from zkhost import ImageID, Receipt, methods, ml
from zkhost.cli.main import cli
from zkhost.errors import (
    AccuracyError,
    ChainError,
    DigestMismatchError,
    ImageIDMismatchError,
    JournalMismatchError,
    VerificationError,
)

MODELS = Path(__file__).parents[1] / "unit" / "ml" / "models"
MLP = MODELS / "mlp.legacy17.qdq_u8u8.onnx"
WEIGHT = "2.weight_quantized"
SALT = bytes(range(32))

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def rows() -> Any:
    shape = ml.load(MLP).inputs[0].axes
    return np.load(MODELS / "inputs.npz")["x"].reshape(-1, *map(int, shape[1:]))[:3]


def changed() -> bytes:
    proto = onnx.load(str(MLP))
    tensor = next(each for each in proto.graph.initializer if each.name == WEIGHT)
    array = numpy_helper.to_array(tensor).copy()
    array.flat[0] ^= 1
    tensor.CopyFrom(numpy_helper.from_array(array, WEIGHT))
    data: bytes = proto.SerializeToString()
    return data


def test_a_batch_with_a_hidden_weight(rows: Any) -> None:
    options: dict[str, Any] = {"hidden": [WEIGHT], "input": "hashed", "output": "argmax"}
    model = ml.load(MLP, salts={WEIGHT: SALT}, **options)
    proof = model.prove(ml.Batch(rows)).verify()
    expected = ml.load(MLP, output="argmax").compute(ml.Batch(rows))["output"]
    found = ml.verify(proof.receipt, MLP, **options)
    assert found.count == len(rows)
    assert found.outputs["output"].tolist() == expected.tolist()
    assert found.digests["input"] == model.digest("input", ml.Batch(rows), proof.salts["input"])
    assert ml.verify(proof.receipt, MLP, salts={WEIGHT: SALT}, **options).digests[WEIGHT] == found.digests[WEIGHT]
    with pytest.raises(DigestMismatchError):  # another weight under the first digest
        ml.verify(proof.receipt, changed(), salts={WEIGHT: SALT}, **options)
    with pytest.raises(DigestMismatchError):  # another salt
        ml.verify(proof.receipt, MLP, salts={WEIGHT: bytes(32)}, **options)
    with pytest.raises(ImageIDMismatchError):  # the weights in the image
        ml.verify(proof.receipt, MLP, input="hashed", output="argmax")
    count = len(rows).to_bytes(4, "little")
    forged = [
        with_journal(proof.receipt, found.digests[WEIGHT], ml.load(changed(), **options).digest(
            WEIGHT, ml.load(changed(), **options).weights[WEIGHT], SALT)),
        with_journal(proof.receipt, found.digests["input"], model.digest("input", ml.Batch(rows[::-1]), proof.salts["input"])),
        with_journal(proof.receipt, proof.receipt.journal.bytes[4:8], b"\x02" + count[1:]),
    ]  # fmt: skip
    for receipt in forged:  # a digest, the order of the inputs, the count
        with pytest.raises(JournalMismatchError):
            receipt.verify(model.image_id)
    proof.receipt.verify(model.image_id)


def test_the_accuracy_of_a_hidden_model(rows: Any, tmp_path: Path) -> None:
    """From the shell; verified by file and salt, and by digests alone."""
    labels = ml.load(MLP).compute(ml.Batch(rows))["output"].argmax(axis=1)
    labels[2] = (labels[2] + 1) % 10
    np.save(tmp_path / "x.npy", rows)
    np.save(tmp_path / "y.npy", labels)
    receipt = tmp_path / "accuracy.zkr"
    data = ["--samples", str(tmp_path / "x.npy"), "--labels", str(tmp_path / "y.npy"), "--salt", SALT.hex()]
    command = ["ml", "prove-accuracy", str(MLP), "--hidden-model", *data, "--receipt", str(receipt), "--json"]
    refused = CliRunner().invoke(cli, [*command, "--at-least", "0.9"])
    assert isinstance(refused.exception, AccuracyError)
    assert not receipt.exists()
    done = CliRunner().invoke(cli, [*command, "--at-least", "0.6"], catch_exceptions=False)
    made = json.loads(done.stdout)
    assert (made["at_least"], made["count"], made["image_id"]) == (2, 3, str(methods.ML_ID))
    shown = CliRunner().invoke(
        cli,
        ["ml", "verify-accuracy", str(receipt), str(MLP), "--hidden-model", *data, "--json"],
        catch_exceptions=False,
    )
    assert json.loads(shown.stdout)["verified"]
    digest, model_digest = bytes.fromhex(made["dataset_digest"]), bytes.fromhex(made["model_digest"])
    found = ml.verify_accuracy(receipt, model_digest=model_digest, dataset=digest, at_least=0.6)
    assert (found.at_least, found.count) == (2, 3)
    model = ml.load(MLP, hidden=True, salt=SALT)
    assert digest == ml.dataset_digest(model, rows, labels)
    other = labels.copy()
    other[0] += 1
    for arguments in (
        {"model_digest": bytes(32), "dataset": digest},
        {"model": ml.load(changed(), hidden=True, salt=SALT), "dataset": digest},
        {"model": model, "dataset": (rows, other)},
        {"model": model, "dataset": (rows[::-1], labels)},
        {"model": model, "dataset": (rows, labels), "dataset_salt": SALT},
        {"image_id": methods.ML_ID, "dataset": digest},
        {"model": model, "dataset": digest, "at_least": 0.7},
        {"model": ml.load(MLP), "dataset": digest},
    ):
        with pytest.raises(VerificationError):
            ml.verify_accuracy(receipt, **arguments)
    honest = Receipt.load(receipt)
    at = 4 + 32  # the number of samples, then the bound
    for forged in (
        with_journal(honest, honest.journal.bytes[at : at + 8], (3).to_bytes(4, "little") * 2),
        with_journal(honest, digest, ml.dataset_digest(model, rows, other)),
        with_journal(honest, model_digest, bytes(32)),
    ):
        with pytest.raises(JournalMismatchError):
            forged.verify(methods.ML_ID)
    assert ml.verify_accuracy(honest, model, dataset=(rows, labels)).dataset_digest == digest


def test_a_model_in_two_parts(rows: Any) -> None:
    chain = ml.split(MLP, 2, output="argmax")
    proof = chain.prove(rows[0])
    found = proof.verify()
    assert found.outputs["output"].tolist() == ml.load(MLP, output="argmax").compute(rows[0])["output"].tolist()
    assert found.inputs["input"].tobytes() == rows[0].tobytes()
    first, second = proof.receipts
    assert ml.verify_split([first, second], MLP, 2, output="argmax").count == 1
    with pytest.raises(ImageIDMismatchError):  # in another order
        chain.verify([second, first])
    with pytest.raises(ImageIDMismatchError):  # one part twice
        chain.verify([first, first])
    with pytest.raises(ImageIDMismatchError):  # of another model
        ml.verify_split([first, second], changed(), 2, output="argmax")
    (digest,) = chain.parts[1].decode_journal(second.journal.bytes).digests.values()
    with pytest.raises(JournalMismatchError):  # another tensor between them
        chain.verify([first, with_journal(second, digest, bytes(32))])
    again = list(chain.stages(rows[1]))[1].prove()
    chain.parts[1].verify(again.receipt)
    with pytest.raises(ChainError):  # the second part of another run
        chain.verify([first, again.receipt])
    assert ImageID(str(chain.parts[0].image_id)) == chain.parts[0].image_id
