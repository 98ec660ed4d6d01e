"""`ml.quantize` on models of several inputs, with masks, and of old opsets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from zkhost import ml
from zkhost.errors import ConfigError, ModelFormatError, ModelInputError

from .build import model, node

F32 = np.float32
RNG = np.random.default_rng(0)


def saved(found: onnx.ModelProto, path: Path) -> Path:
    onnx.save(found, path)
    return path


def two_inputs(path: Path) -> Path:
    """A class by its embedding beside four numbers, the batch dynamic."""
    constants: dict[str, Any] = {
        "e": RNG.normal(size=(5, 8)).astype(F32), "w": RNG.normal(size=(12, 3)).astype(F32), "one": np.array([1]), "k": np.array([0, 8]),
    }  # fmt: skip
    nodes = [
        node("Gather", ["e", "kind"], ["g"], name="gather"),
        node("Reshape", ["g", "k"], ["flat"], name="reshape"),
        node("Concat", ["flat", "x"], ["c"], name="concat", axis=1),
        node("MatMul", ["c", "w"], ["y"], name="product"),
    ]
    inputs: dict[str, Any] = {"kind": ("int64", ("batch", 1)), "x": ("float32", ("batch", 4))}
    return saved(model(nodes, inputs, {"y": ("float32", ("batch", 3))}, constants), path)


def masked(path: Path, opset: int = 17) -> Path:
    """Attention over six positions with a causal mask of -inf."""
    constants: dict[str, Any] = {name: RNG.normal(0, 0.3, (8, 8)).astype(F32) for name in ("wq", "wk", "wv")}
    constants |= {"minus": F32(-np.inf), "mask": np.tril(np.ones((6, 6), bool))}
    nodes = [node("MatMul", ["x", f"w{n}"], [n], name=n) for n in "qkv"]
    nodes += [
        node("Transpose", ["k"], ["kt"], name="kt", perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["scores"], name="scores"),
        node("Where", ["mask", "scores", "minus"], ["masked"], name="masked"),
        node("Softmax", ["masked"], ["weights"], name="softmax", axis=-1),
        node("MatMul", ["weights", "v"], ["y"], name="mixed"),
    ]
    found = model(nodes, {"x": ("float32", (1, 6, 8))}, {"y": ("float32", (1, 6, 8))}, constants, opset)
    return saved(found, path)


@pytest.mark.parametrize("form", ["qdq", "qoperator", "dynamic"])
def test_several_inputs_of_several_dtypes(form: Any, tmp_path: Path) -> None:
    samples: dict[str, Any] = {"kind": RNG.integers(0, 5, (20, 1)), "x": RNG.normal(size=(20, 4)).astype(F32)}
    report = ml.quantize(two_inputs(tmp_path / "f32.onnx"), samples, tmp_path / "int8.onnx", form=form)
    assert report.samples == 20
    assert report.agreement > 0.8
    rows: list[Any] = [{name: array[i : i + 1] for name, array in samples.items()} for i in range(20)]
    assert ml.quantize(tmp_path / "f32.onnx", rows, tmp_path / "again.onnx", form=form).largest == report.largest
    assert ml.load(tmp_path / "int8.onnx").check(samples).largest < 1e-6


@pytest.mark.filterwarnings(
    "ignore::RuntimeWarning"
)  # of the quantiser, which looks for a range of the mask all the same
def test_a_mask_of_infinities_stays_in_float(tmp_path: Path) -> None:
    samples = RNG.normal(size=(20, 6, 8)).astype(F32)
    report = ml.quantize(masked(tmp_path / "f32.onnx"), samples, tmp_path / "int8.onnx")
    assert report.largest < 0.2
    found = ml.load(tmp_path / "int8.onnx")
    assert sum(type(op).__name__ == "MatMul" for op in found.graph.ops) == 5
    check = found.check(samples)
    assert check.largest < 0.05  # a byte behind the softmax, whose last bits are not onnxruntime's


def test_an_old_opset_is_raised_for_scales_by_channel(tmp_path: Path) -> None:
    constants: dict[str, Any] = {"w": RNG.normal(size=(6, 8)).astype(F32), "b": RNG.normal(size=6).astype(F32)}
    nodes = [node("Gemm", ["x", "w", "b"], ["y"], name="op", transB=1)]
    path = saved(
        model(nodes, {"x": ("float32", (1, 8))}, {"y": ("float32", (1, 6))}, constants, 11), tmp_path / "f32.onnx"
    )
    samples = RNG.normal(size=(30, 8)).astype(F32)
    ml.quantize(path, samples, tmp_path / "int8.onnx")
    assert ml.load(tmp_path / "int8.onnx").check(samples).equal


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros((3, 4), F32), "has 2 inputs"),
        ({"x": np.zeros((3, 4), F32)}, "a sample has 'x'"),
        ({"x": np.zeros((3, 4), F32), "kind": np.zeros((2, 1), np.int64)}, "different numbers"),
        ({"x": np.zeros((3, 4), F32), "kind": np.zeros((3, 1), F32)}, "'kind' is a tensor.int64."),
        ({"x": np.zeros((3, 5), F32), "kind": np.zeros((3, 1), np.int64)}, "'x': a sample has the shape"),
        ({"x": np.zeros((0, 4), F32), "kind": np.zeros((0, 1), np.int64)}, "no samples"),
        ([], "no samples"),
    ],
)
def test_samples_that_are_no_inputs(samples: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelInputError, match=says) as caught:
        ml.quantize(two_inputs(tmp_path / "f32.onnx"), samples, tmp_path / "int8.onnx")
    assert caught.value.hint


def test_what_the_quantiser_cannot_do_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnxruntime import quantization

    def broken(*args: Any, **options: Any) -> None:
        raise RuntimeError("no quantiser for this operator")

    monkeypatch.setattr(quantization, "quantize_static", broken)
    with pytest.raises(ConfigError, match="no quantiser for this operator") as caught:
        ml.quantize(masked(tmp_path / "f32.onnx"), np.zeros((2, 6, 8), F32), tmp_path / "int8.onnx")
    assert "form" in str(caught.value.hint)


def test_weights_in_a_file_beside_the_model(tmp_path: Path) -> None:
    """As PyTorch's exporter writes them unless it is told otherwise."""
    constants: dict[str, Any] = {"w": RNG.normal(size=(6, 8)).astype(F32)}
    found = model(
        [node("Gemm", ["x", "w"], ["y"], name="op", transB=1)],
        {"x": ("float32", (1, 8))},
        {"y": ("float32", (1, 6))},
        constants,
    )
    path = tmp_path / "f32.onnx"
    onnx.save(found, path, save_as_external_data=True, location="f32.onnx.data", size_threshold=0)
    samples = RNG.normal(size=(30, 8)).astype(F32)
    for form in ("qdq", "dynamic"):
        report = ml.quantize(path, samples, tmp_path / "int8.onnx", form=form)
        assert report.float_bytes > constants["w"].nbytes
        assert ml.load(tmp_path / "int8.onnx").check(samples).equal
    (tmp_path / "f32.onnx.data").unlink()
    with pytest.raises(ModelFormatError, match="external data"):
        ml.quantize(path, samples, tmp_path / "int8.onnx")
