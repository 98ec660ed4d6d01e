"""`zkhost ml`: what its commands print, and what they refuse. Proofs are in tests/e2e/test_ml.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from zkhost.cli.main import cli
from zkhost.errors import ConfigError, ModelInputError, UnsupportedModelError
from zkhost.ml.loader import load

MODELS = Path(__file__).parents[1] / "ml" / "models"
CNN = MODELS / "cnn.legacy17.qdq_u8u8.onnx"


def zkhost(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["ml", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    np.save(tmp_path / "samples.npy", np.load(MODELS / "inputs.npz")["x"][:5])
    np.save(tmp_path / "x.npy", np.load(MODELS / "inputs.npz")["x"][0].reshape(1, 1, 8, 8))
    return tmp_path


def test_show_lists_the_layers() -> None:
    shown = zkhost("show", CNN)
    assert shown.exit_code == 0
    assert "/2/Conv (Conv)" in shown.stdout
    assert "80,896" in shown.stdout
    layers = json.loads(zkhost("show", CNN, "--json").stdout)
    assert layers["image_id"] == str(load(CNN).image_id)
    assert sum(layer["macs"] for layer in layers["layers"]) == 80_896


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("gguf/tiny.q8_0.gguf", ["--dim", "tokens=2"]),
        ("gguf/dot_q8_0.gguf", ["--outputs", "w"]),
        ("trees/xgboost_cancer.json", []),
        ("trees/lightgbm_cancer.txt", []),
        ("trees/decision_tree_digits.onnx", []),
    ],
)
def test_every_kind_of_file_has_layers_and_an_identity(file: str, options: list[str]) -> None:
    layers = json.loads(zkhost("show", MODELS / file, *options, "--json").stdout)
    assert sum(layer["cycles"] for layer in layers["layers"]) > 100
    assert zkhost("image-id", MODELS / file, *options).stdout.strip() == layers["image_id"]


def test_show_writes_a_page(tmp_path: Path) -> None:
    assert zkhost("show", CNN, "--html", tmp_path / "page.html").exit_code == 0
    assert "/2/Conv (Conv)" in (tmp_path / "page.html").read_text()


def test_the_image_id_depends_on_the_options() -> None:
    plain = zkhost("image-id", CNN).stdout.strip()
    assert plain == str(load(CNN).image_id)
    assert zkhost("image-id", CNN, "--show-output", "argmax").stdout.strip() == str(load(CNN, output="argmax").image_id)
    assert zkhost("image-id", CNN, "--salt", "00" * 32).stdout.strip() == str(load(CNN, salt=bytes(32)).image_id)
    assert json.loads(zkhost("image-id", CNN, "--json").stdout) == {"image_id": plain}


def test_check_says_whether_it_is_onnxruntime(samples: Path) -> None:
    same = zkhost("check", CNN, "--samples", samples / "samples.npy")
    assert same.exit_code == 0
    assert "0 of 50 values of 5 samples differ" in same.stdout
    floats = zkhost("check", MODELS / "cnn.legacy13.f32.onnx", "--samples", samples / "samples.npy")
    assert floats.exit_code == 1
    assert "computed in f32" in floats.stdout


def test_quantize_writes_a_model(samples: Path) -> None:
    out = samples / "int8.onnx"
    done = zkhost(
        "quantize", MODELS / "cnn.legacy13.f32.onnx", "--samples", samples / "samples.npy", "--out", out, "--json"
    )
    assert json.loads(done.stdout)["samples"] == 5
    assert zkhost("check", out, "--samples", samples / "samples.npy").exit_code == 0


@pytest.mark.slow
def test_execute_says_that_nothing_was_proved(samples: Path) -> None:
    ran = zkhost("execute", CNN, "--input", samples / "x.npy", "--show-output", "argmax")
    assert ran.exit_code == 0
    assert "output: [7]" in ran.stdout
    assert "UNVERIFIED" in ran.stdout
    assert json.loads(zkhost("execute", CNN, "--input", samples / "x.npy", "--json").stdout)["verified"] is False


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"not an array", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"])  # fmt: skip
def test_files_that_hold_no_array(tmp_path: Path, content: bytes) -> None:
    """Pickled objects are no arrays here: loading one would run it."""
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(ModelInputError, match=r"not a \.npy or \.npz"):
        zkhost("execute", CNN, "--input", tmp_path / "x.npy")


@pytest.mark.parametrize(
    "options",
    [["--dim", "batch"], ["--dim", "batch=x"], ["--salt", "zz"], ["--show-output", "some"], ["-k", "0"]],
)
def test_options_that_are_none(options: list[str]) -> None:
    assert zkhost("image-id", CNN, *options).exit_code == 2


def test_errors_come_through(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="deform_conv2d"):
        zkhost("show", MODELS / "must_refuse_deform_conv2d.onnx")
    with pytest.raises(ConfigError, match="salt"):
        zkhost("image-id", CNN, "--salt", "00")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> Any:
        return None

    monkeypatch.setattr("zkhost.cli.ml.find_spec", nowhere)
    with pytest.raises(ConfigError, match="numpy") as caught:
        zkhost("show", CNN)
    assert caught.value.hint == "pip install 'zkhost[ml]'"
