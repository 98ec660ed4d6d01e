"""A model's inference proved for real, from the shell, and verified by whoever has the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import numpy_helper

from zkhost import Receipt, ml
from zkhost.cli.main import cli
from zkhost.errors import DecodeError, ImageIDMismatchError

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "examples" / "digits.onnx"
INPUTS = ROOT / "tests" / "unit" / "ml" / "models" / "inputs.npz"
PLACE = 2

pytestmark = pytest.mark.prove


def zkhost(*arguments: object) -> Any:
    """What a command prints with --json; its exit code is 0."""
    done = CliRunner().invoke(cli, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One proof for all tests: a digit, hashed, and the label alone."""
    folder = tmp_path_factory.mktemp("ml")
    x = np.load(INPUTS)["x"][PLACE].reshape(1, 1, 8, 8)
    np.save(folder / "x.npy", x)
    options = ["--show-input", "hashed", "--show-output", "argmax"]
    receipt = folder / "receipt.zkr"
    made = zkhost("ml", "prove", MODEL, "--input", folder / "x.npy", "--receipt", receipt, *options)
    return receipt, made, options, x


def test_the_label_is_proved(proved: Any) -> None:
    receipt, made, options, x = proved
    label = int(np.load(INPUTS)["labels"][PLACE])
    assert made["verified"]
    assert made["outputs"] == {"output": [label]}
    found = zkhost("ml", "verify", receipt, MODEL, *options)
    assert found["verified"]
    assert found["outputs"] == {"output": [label]}
    assert found["image_id"] == made["image_id"] == zkhost("ml", "image-id", MODEL, *options)["image_id"]
    assert found["inputs"] == {}
    salt = bytes.fromhex(made["salts"]["input"])
    assert found["digests"] == {"input": ml.tensor_digest(x, salt).hex()}
    assert x.tobytes() not in Receipt.load(receipt).journal.bytes


def test_it_proves_no_other_model_and_no_other_options(proved: Any, tmp_path: Path) -> None:
    receipt = Receipt.load(proved[0])
    proto = onnx.load(str(MODEL))
    tensor = next(each for each in proto.graph.initializer if each.name.endswith("weight_quantized"))
    weights = numpy_helper.to_array(tensor).copy()
    weights.flat[0] ^= 1
    tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    for model, options in (
        (proto, {"input": "hashed", "output": "argmax"}),
        (MODEL, {"input": "hashed", "output": "all"}),
        (MODEL, {"input": "public", "output": "argmax"}),
        (MODEL, {"input": "hashed", "output": "argmax", "salt": bytes(32)}),
        (MODEL, {"input": "hashed", "output": "argmax", "accelerate": False}),
    ):
        with pytest.raises(ImageIDMismatchError):
            ml.verify(receipt, model, **options)


def test_its_journal_is_read_by_the_model_alone(proved: Any) -> None:
    journal = Receipt.load(proved[0]).journal.bytes
    with pytest.raises(DecodeError):
        ml.load(MODEL, output="argmax").decode_journal(journal)
