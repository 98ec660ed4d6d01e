"""Whole models, as exporters and quantisers write them: bit for bit what onnxruntime gave, on every row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zkhost.errors import UnsupportedModelError
from zkhost.ml import load
from zkhost.ml.lower.lowering import Lowered, lower
from zkhost.ml.read.onnx_file import read_onnx
from zkhost.ml.reference import run

from .build import ours

MODELS = Path(__file__).parent / "models"
INT8 = sorted(path.name for path in MODELS.glob("*.onnx") if path.name.split(".")[-2] in ("qdq_u8u8", "qdq_s8s8_pc", "qop_u8s8_rr", "dyn_int8"))  # fmt: skip


def lowered(name: str, **options: Any) -> Lowered:
    return lower(read_onnx(MODELS / name), **options)


@pytest.mark.parametrize("name", INT8)
def test_an_int8_model_computes_what_onnxruntime_does(name: str) -> None:
    """Static and dynamic int8, both exporters, both quantised forms: 0 of 2,000 logits differ."""
    model = lowered(name)
    (port,) = model.inputs
    rows = np.load(MODELS / "inputs.npz")["x"].reshape(-1, *port.axes)
    expected = np.load((MODELS / name).with_suffix(".npz"))["output"]
    found = np.concatenate([ours(model, {port.name: row})[0] for row in rows])
    assert found.shape == expected.shape == (200, 10)
    assert np.count_nonzero(found != expected) == 0


def test_the_batch_is_bound_when_the_model_is_loaded() -> None:
    """Four rows at once are four rows one by one."""
    source = read_onnx(MODELS / "cnn.legacy17.qdq_u8u8.onnx")
    (axis,) = [axis for axis in source.inputs[0].axes if isinstance(axis, str)]
    model = lower(source, {axis: 4})
    rows = np.load(MODELS / "inputs.npz")["x"][:4].reshape(4, 1, 8, 8)
    expected = np.load(MODELS / "cnn.legacy17.qdq_u8u8.npz")["output"][:4]
    assert np.array_equal(ours(model, {source.inputs[0].name: rows})[0], expected)


@pytest.mark.parametrize("name", ["linear", "two_heads", "dynamic_batch"])
def test_float_matmuls_are_onnxruntimes_bits(name: str) -> None:
    """One row, k ascending with a fused multiply-add."""
    model = lowered(f"{name}.onnx")
    stored = np.load(MODELS / f"{name}.npz")
    outputs = [stored[f"output{i}"] for i in range(len(model.outputs))]
    for place, row in enumerate(stored["input0"]):
        values = run(model.graph, {model.inputs[0].name: row[np.newaxis]})
        for output, each in zip(outputs, model.graph.outputs, strict=True):
            assert values[each].tobytes() == output[place].tobytes()


def test_a_float_cnn_is_close_to_onnxruntime() -> None:
    """The declared order differs in last bits, and in no label."""
    report = load(MODELS / "cnn.legacy13.f32.onnx").check(np.load(MODELS / "inputs.npz")["x"][:5])
    assert report.largest < 2e-5
    assert report.float_layers


def test_a_custom_operator_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedModelError, match=r"custom\.deform_conv2d") as caught:
        load(MODELS / "must_refuse_deform_conv2d.onnx")
    assert caught.value.operator == "custom.deform_conv2d"
    assert caught.value.node
    assert caught.value.opset == 1
    assert caught.value.hint


def test_a_float_model_over_the_budget_is_refused_with_its_cycles() -> None:
    with pytest.raises(UnsupportedModelError, match=r"7,\d{3},\d{3} cycles in float32") as caught:
        load(MODELS / "cnn.legacy13.f32.onnx", max_float_cycles=1_000_000)
    assert "Conv" in caught.value.node
    assert load(MODELS / "cnn.legacy13.f32.onnx", max_float_cycles=30_000_000).name == "cnn.legacy13.f32.onnx"
