"""Models that stay in float32, or whose functions do: in the declared arithmetic, close to onnxruntime."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from zkhost import ml
from zkhost.errors import UnsupportedModelError
from zkhost.ml.reference import run

from .build import Node, model, node, onnxruntime_run, ours
from .transformer import gpt2

MODELS = Path(__file__).parent / "models"


def test_asinh_is_the_nearest_f32_to_the_true_value() -> None:
    """onnxruntime's own differs from it in 26 of 200 values."""
    stored = np.load(MODELS / "asinh.npz")
    loaded = ml.load(MODELS / "asinh.onnx")
    found = np.concatenate([ours(loaded.lowered, {"input0": row[np.newaxis]})[0] for row in stored["input0"]])
    nearest = stored["float64"].astype(np.float32)
    assert np.count_nonzero(found != nearest) <= 2
    assert np.abs(found.astype(np.float64) - stored["float64"]).max() <= 0.52 * np.spacing(np.abs(nearest)).max()
    assert "Asinh" in str(loaded)


@pytest.mark.parametrize("name", ["mlp.legacy17.f32.onnx", "rescnn.dynamo18.f32.onnx"])
def test_a_float_model_of_an_exporter_is_close_to_onnxruntime(name: str) -> None:
    loaded = ml.load(MODELS / name)
    rows = np.load(MODELS / "inputs.npz")["x"][:3].reshape(3, *loaded.inputs[0].axes[1:])
    report = loaded.check(rows)
    assert report.largest < 2e-5
    assert report.float_layers


@pytest.fixture(scope="module")
def tiny() -> ml.Model:
    return ml.load(gpt2(length=4, width=8, heads=2, layers=1, words=11))


def test_gpt2_is_close_to_onnxruntime(tiny: ml.Model) -> None:
    for seed in range(3):
        ids = np.random.default_rng(seed).integers(0, 11, (1, 4))
        (found,) = ours(tiny.lowered, {"input_ids": ids.astype(np.int32)})
        (wanted,) = onnxruntime_run(gpt2(length=4, width=8, heads=2, layers=1, words=11), {"input_ids": ids})
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert tiny.check([ids]).largest < 1e-5


def test_a_token_sees_nothing_after_it(tiny: ml.Model) -> None:
    ids = np.array([[1, 2, 3, 4]], np.int32)
    first = run(tiny.graph, {"input_ids": ids})
    ids[0, 3] = 9
    second = run(tiny.graph, {"input_ids": ids})
    (name,) = tiny.graph.outputs
    np.testing.assert_array_equal(first[name][0, :3], second[name][0, :3])
    assert (first[name][0, 3] != second[name][0, 3]).any()


def test_gpt2_executes_as_the_reference_computes(tiny: ml.Model) -> None:
    ids = np.array([[5, 0, 10, 7]], np.int64)
    ran = tiny.execute(ids)
    (name,) = tiny.graph.outputs
    expected = run(tiny.graph, {"input_ids": ids.astype(np.int32)})[name]
    np.testing.assert_array_equal(ran.outputs["logits"], expected)
    assert abs(tiny.compiled.cycles / ran.user_cycles - 1) < 0.15


def test_a_larger_gpt2_is_refused_until_it_is_asked_for() -> None:
    larger = gpt2(length=32, width=48, heads=4, layers=3, words=64)
    with pytest.raises(UnsupportedModelError, match=r"cycles in float32") as refused:
        ml.load(larger)
    assert "max_float_cycles" in (refused.value.hint or "")
    assert "MatMul" in (refused.value.node or "")
    loaded = ml.load(larger, max_float_cycles=10**9)
    assert loaded.compiled.cycles > 50_000_000
    shown = str(loaded)
    for operator in ("LayerNormalization", "Softmax", "Tanh", "Where", "Gather"):
        assert re.search(rf"/{operator}_\d+", shown), operator


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize(("shape", "axis"), [((20, 10), -1), ((3, 4, 50), -1), ((3, 7, 5), 1), ((3, 1000), 1)])
@pytest.mark.parametrize("scale", [0.02, 0.1, 0.5])
def test_a_quantised_softmax_is_onnxruntimes(dtype: str, shape: tuple[int, ...], axis: int, scale: float) -> None:
    """As an operator, and between DequantizeLinear and QuantizeLinear."""
    zero = np.array(0 if dtype == "uint8" else -128, dtype)
    constants = {"xs": np.float32(scale), "xz": np.array(3, dtype), "ys": np.float32(1 / 256), "yz": zero}
    info = np.iinfo(dtype)
    x = {"x": np.random.default_rng(3).integers(info.min, info.max + 1, shape).astype(dtype)}
    operator = node(
        "QLinearSoftmax", ["x", "xs", "xz", "ys", "yz"], ["y"], name="op", domain="com.microsoft", axis=axis, opset=13
    )
    between = [
        node("DequantizeLinear", ["x", "xs", "xz"], ["xf"], name="dq"),
        node("Softmax", ["xf"], ["yf"], name="op", axis=axis),
        node("QuantizeLinear", ["yf", "ys", "yz"], ["y"], name="q"),
    ]
    for nodes in ([operator], between):
        found = model(nodes, {"x": (dtype, shape)}, {"y": (dtype, None)}, constants)
        np.testing.assert_array_equal(ours(found, x)[0], onnxruntime_run(found, x)[0])


FUNCTIONS: list[tuple[list[Node], float]] = [
    ([node(op, ["x"], ["y"], name="op")], 3e-6)
    for op in ("Exp Sigmoid Tanh Erf Softplus Elu Selu Celu Gelu Mish Softsign Sin Cos Atan Sinh Asinh Sign HardSwish Softmax LogSoftmax").split()
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "tolerance"), FUNCTIONS, ids=[nodes[0].op_type for nodes, _ in FUNCTIONS])
def test_a_function_is_close_to_onnxruntimes(nodes: list[Node], tolerance: float) -> None:
    found = model(nodes, {"x": ("float32", (40, 50))}, {"y": ("float32", None)}, opset=20)
    x = {"x": (3 * np.random.default_rng(4).normal(size=(40, 50))).astype(np.float32)}
    if nodes[0].op_type == "Mish":
        found = model(nodes, {"x": ("float32", (40, 50))}, {"y": ("float32", None)}, opset=18)
    np.testing.assert_allclose(ours(found, x)[0], onnxruntime_run(found, x)[0], rtol=tolerance, atol=1e-6)


def test_truth_values_are_inputs_and_outputs() -> None:
    nodes = [
        node("And", ["a", "b"], ["both"], name="and"),
        node("Where", ["both", "x", "y"], ["z"], name="where"),
        node("GreaterOrEqual", ["z", "zero"], ["positive"], name="ge"),
        node("Not", ["positive"], ["negative"], name="not"),
        node("Cast", ["negative"], ["n"], name="cast", to=1),
    ]
    ports = {"a": ("bool", (5,)), "b": ("bool", (5,)), "x": ("float32", (5,)), "y": ("float32", (5,))}
    found = model(nodes, ports, {"negative": ("bool", None), "n": ("float32", None)}, {"zero": np.float32(0)})
    draw = np.random.default_rng(5)
    inputs = {
        name: draw.integers(0, 2, shape).astype(bool) if kind == "bool" else draw.normal(size=shape).astype(np.float32)
        for name, (kind, shape) in ports.items()
    }
    loaded = ml.load(found)
    computed = loaded.compute(inputs)
    for value, name in zip(onnxruntime_run(found, inputs), ("negative", "n"), strict=True):
        assert computed[name].dtype == value.dtype
        np.testing.assert_array_equal(computed[name], value)
