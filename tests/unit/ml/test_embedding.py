"""Models in guests of one's own: compiled by a build, and what the guest reads of them."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from zkhost import Contract, Guest, ml
from zkhost.codec import U32
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import (
    BuildError,
    ConfigError,
    EncodeError,
    GuestNotFoundError,
    ModelFormatError,
    ModelInputError,
    ModelMismatchError,
)
from zkhost.ml import _native, guest_input
from zkhost.ml.embedding import EmbeddedModel, build_models
from zkhost.project.discover import GuestPackage, GuestProject

DIGITS = Path(__file__).parent / "models" / "cnn.legacy17.qdq_u8u8.onnx"
IMAGES = np.random.default_rng(5).random((3, 1, 8, 8)).astype(np.float32)


def project(root: Path, *settings: str, packages: tuple[str, ...] = ("guest",)) -> GuestProject:
    lines = ["[tool.zkhost.models.digits]", 'file = "digits.onnx"', *settings]
    (root / "pyproject.toml").write_text("\n".join(lines))
    (root / "digits.onnx").write_bytes(DIGITS.read_bytes())
    return GuestProject(root, tuple(GuestPackage(root / name, name, (name,)) for name in packages), root / "methods")


def test_a_plan_is_what_the_model_loads_to(tmp_path: Path) -> None:
    settings = (
        'output = "topk"',
        "k = 2",
        "accelerate = false",
        'outputs = ["output"]',
        "max-float-cycles = 10_000_000",
    )
    [built] = build_models(project(tmp_path, *settings))
    plan = ml.load(DIGITS, outputs=["output"], output="topk", k=2, accelerate=False).compiled.plan
    assert built == EmbeddedModel("digits", tmp_path / "guest/models/digits.plan", len(plan), True)
    assert built.plan.read_bytes() == plan


def test_a_plan_that_holds_is_not_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_models(project(tmp_path))
    monkeypatch.setattr("zkhost.ml.embedding._compile", lambda *_: pytest.fail("compiled again"))
    [built] = build_models(project(tmp_path))
    assert not built.changed
    assert built.bytes == len(built.plan.read_bytes())


@pytest.mark.parametrize("change", ["plan", "key", "options", "model", "force"])
def test_what_changes_is_compiled_again(change: str, tmp_path: Path) -> None:
    [built] = build_models(project(tmp_path))
    plan, key = built.plan.read_bytes(), built.plan.with_suffix(".key")
    after = project(tmp_path, *(['output = "argmax"'] if change == "options" else []))
    if change == "plan":
        built.plan.write_bytes(plan[:-16])
    elif change == "key":
        key.unlink()
    elif change == "model":
        model = onnx.load(str(DIGITS))
        weights = next(each for each in model.graph.initializer if len(each.raw_data) > 100)
        weights.raw_data = bytes([weights.raw_data[0] ^ 1]) + weights.raw_data[1:]
        (tmp_path / "digits.onnx").write_bytes(model.SerializeToString())
    [again] = build_models(after, force=change == "force")
    assert again.changed == (change in ("plan", "options", "model"))
    assert (again.plan.read_bytes() == plan) == (change in ("plan", "key", "force"))
    assert key.is_file()


def test_a_model_with_tensors_in_other_files_is_compiled_each_time(tmp_path: Path) -> None:
    here = project(tmp_path)
    model = onnx.load(str(DIGITS))
    onnx.save(model, str(tmp_path / "digits.onnx"), save_as_external_data=True, location="weights", size_threshold=100)
    [built] = build_models(here)
    assert built.plan.read_bytes() == ml.load(DIGITS).compiled.plan
    assert not built.plan.with_suffix(".key").exists()
    weights = bytearray((tmp_path / "weights").read_bytes())
    weights[0] ^= 1
    (tmp_path / "weights").write_bytes(weights)
    assert build_models(here)[0].changed


def test_a_model_goes_to_the_guest_that_is_named(tmp_path: Path) -> None:
    [built] = build_models(project(tmp_path, 'guest = "other"', packages=("guest", "other")))
    assert built.plan == tmp_path / "other/models/digits.plan"


def test_what_cannot_be_built_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"models.digits: the project has several guest packages") as several:
        build_models(project(tmp_path, packages=("guest", "other")))
    assert several.value.hint == "set guest to one of guest, other"
    with pytest.raises(GuestNotFoundError, match="no guest 'third'"):
        build_models(project(tmp_path, 'guest = "third"'))
    with pytest.raises(ConfigError, match=r"models.digits: .*k=11"):
        build_models(project(tmp_path, 'output = "topk"', "k = 11"))
    here = project(tmp_path)
    (tmp_path / "digits.onnx").write_bytes(b"\x08")
    with pytest.raises(ModelFormatError):
        build_models(here)
    (tmp_path / "digits.onnx").unlink()
    with pytest.raises(BuildError, match=r"models.digits: there is no file digits.onnx"):
        build_models(here)
    assert not (tmp_path / "guest").exists()


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    importing = builtins.__import__

    def without_onnx(name: str, *rest: Any) -> Any:
        if name == "zkhost.ml.loader":
            raise ModuleNotFoundError("No module named 'onnx'", name="onnx")
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(ConfigError, match=r"models.digits needs the package onnx") as caught:
        build_models(project(tmp_path))
    assert caught.value.hint == "pip install 'zkhost[ml]'"


def test_advice_is_the_inputs_then_what_the_accelerator_is_told() -> None:
    model = ml.load(DIGITS)
    given = guest_input.inference(model.graph, {}, {}, model.samples(IMAGES[:1]), {})
    read = _native.compute(model.compiled.plan, given).stdin
    advice = model.advice(IMAGES[:1])
    assert advice == read[8:]
    assert advice.startswith(IMAGES[0].tobytes())
    assert len(advice) > IMAGES[0].nbytes


def test_advice_of_a_batch_is_that_of_each_run() -> None:
    model = ml.load(DIGITS)
    assert model.advice(ml.Batch(IMAGES)) == b"".join(model.advice(image) for image in IMAGES)


def test_advice_does_not_depend_on_what_the_journal_would_show() -> None:
    hashed = ml.load(DIGITS, input="hashed", output="hashed")
    assert hashed.advice(IMAGES[0]) == ml.load(DIGITS).advice(IMAGES[0])


def test_advice_is_refused_for_what_the_model_does_not_take() -> None:
    with pytest.raises(ModelInputError, match="input 'input'"):
        ml.load(DIGITS).advice(IMAGES[0].astype(np.float64))
    with pytest.raises(ConfigError, match="hidden weights"):
        ml.load(DIGITS, hidden="*.weight_quantized").advice(IMAGES[0])


def test_the_guests_own_input_comes_first() -> None:
    model = ml.load(DIGITS)
    guest = Guest(b"..." + model.compiled.plan, Contract(U32, None), check=False)
    env = model.guest_env(guest, 7, IMAGES[0], ExecutorEnv.builder().session_limit(1000))
    assert env.input == (7).to_bytes(4, "little") + model.advice(IMAGES[0])
    assert env.session_limit == 1000
    with pytest.raises(EncodeError):
        model.guest_env(guest, -7, IMAGES[0])


def test_a_guest_with_another_model_is_refused() -> None:
    guest: Guest[None, bytes] = Guest(b"..." + ml.load(DIGITS).compiled.plan, check=False, name="reader")
    with pytest.raises(ModelMismatchError, match="the guest reader was not built with the model") as caught:
        ml.load(DIGITS, output="argmax").guest_env(guest, None, IMAGES[0])
    assert caught.value.hint is not None
    assert "zkhost build" in caught.value.hint
