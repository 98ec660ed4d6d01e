"""The options of `zkhost ml` that say what is shown, and its commands for batches, accuracy and parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from zkhost import methods, ml
from zkhost.cli.main import cli
from zkhost.receipt.receipt import DevModeWarning

MODELS = Path(__file__).parents[1] / "ml" / "models"
MLP = MODELS / "mlp.legacy17.qdq_u8u8.onnx"
WEIGHT = "2.weight_quantized"
SALT = bytes(range(32)).hex()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Three samples in a file."""
    shape = [int(axis) for axis in ml.load(MLP).inputs[0].axes]
    np.save(tmp_path / "x.npy", np.load(MODELS / "inputs.npz")["x"].reshape(-1, *shape[1:])[:3])
    return tmp_path / "x.npy"


def zkhost(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["ml", *map(str, arguments)])


def result(*arguments: object) -> Any:
    done = zkhost(*arguments, "--json")
    assert done.exit_code == 0, done.output + str(done.exception)
    return json.loads(done.stdout)


def test_a_batch_is_executed(rows: Path) -> None:
    expected = ml.load(MLP).compute(ml.Batch(np.load(rows)))["output"]
    assert result("execute", MLP, "--input", rows, "--batch")["outputs"]["output"] == expected.tolist()
    done = zkhost("execute", MLP, "--input", rows)
    assert done.exit_code == 1
    assert "but got float32[3, 64]" in str(done.exception)


def test_options_are_those_of_load() -> None:
    """Each changes the image ID as the option of `load` does."""
    for options, given in [
        (["--show-input", "hashed"], {"input": "hashed"}),
        (["--show-input", "input=private", "--show-output", "output=argmax"], {"input": "private", "output": "argmax"}),
        (["--show-output", "hashed"], {"output": "hashed"}),
        (["--hidden", WEIGHT], {"hidden": [WEIGHT]}),
        (["--hidden", "*weight_quantized", "--show-input", f"{WEIGHT}=private"],
         {"hidden": "*weight_quantized", "input": {WEIGHT: "private"}}),
        (["--hidden-model", "--salt", SALT], {"hidden": True}),
    ]:  # fmt: skip
        expected = ml.load(MLP, **given)  # type: ignore[arg-type]
        assert result("image-id", MLP, *options)["image_id"] == str(expected.image_id)
    assert result("image-id", MLP, "--hidden-model")["image_id"] == str(methods.ML_ID)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--show-input", "secret"], "'secret' is not one of public, hashed, private"),
        (["--show-input", "public", "--show-input", "input=hashed"], "one mode for all"),
        (["--show-output", "output=private"], "'private' is not one of"),
        (["--salt-of", "input"], "is not NAME=HEX"),
        (["--salt-of", "input=zz"], "not hexadecimal"),
        (["--hidden", WEIGHT, "--hidden-model"], "hidden already"),
    ],
)
def test_options_that_do_not_fit(options: list[str], message: str) -> None:
    done = zkhost("image-id", MLP, *options)
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.filterwarnings("ignore::zkhost.receipt.receipt.DevModeWarning")
def test_parts_are_proved_and_verified(rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In dev mode, whose receipts are refused unless they are asked for."""
    assert issubclass(DevModeWarning, Warning)
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    folder, options = tmp_path / "parts", ["--parts", 2, "--show-output", "argmax"]
    expected = ml.load(MLP, output="argmax").compute(ml.Batch(np.load(rows)))["output"].tolist()
    made = result("prove-parts", MLP, "--input", rows, "--batch", "--receipts", folder, *options)
    assert made["outputs"]["output"] == expected
    assert sorted(path.name for path in folder.iterdir()) == ["part-1.zkr", "part-2.zkr"]
    monkeypatch.delenv("RISC0_DEV_MODE")
    assert zkhost("verify-parts", folder, MLP, *options).exit_code == 1
    found = result("verify-parts", folder, MLP, *options, "--allow-fake")
    assert (found["outputs"]["output"], found["count"]) == (expected, 3)
    missing = zkhost("verify-parts", folder, MLP, "--parts", 3, "--show-output", "argmax", "--allow-fake")
    assert missing.exit_code == 2
    assert "part-3.zkr is missing" in missing.output
