"""What onnxruntime's optimiser makes of a quantised graph before it runs it: quantised here as it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest

from zkhost.errors import UnsupportedModelError
from zkhost.ml.lower.lowering import lower
from zkhost.ml.read.onnx_file import read_onnx

from .build import dq, model, node, onnxruntime_run, ours, q

F32 = np.float32
LAYERS: list[tuple[str, Sequence[int], Sequence[int], dict[str, Any]]] = [
    ("Conv", (1, 6, 9, 9), (8, 6, 3, 3), {"pads": [1, 1, 1, 1]}),
    ("Conv", (1, 6, 9, 9), (6, 1, 3, 3), {"group": 6, "strides": [2, 2]}),
    ("ConvTranspose", (1, 6, 5, 5), (6, 8, 2, 2), {"strides": [2, 2]}),
    ("Gemm", (5, 40), (30, 40), {"transB": 1}),
    ("Gemm", (5, 40), (40, 30), {}),
]


def parameters(seed: int) -> tuple[np.random.Generator, dict[str, Any]]:
    return np.random.default_rng(seed), {
        "x_s": F32(0.0213), "x_z": np.uint8(120), "y_s": F32(0.0337), "y_z": np.uint8(131), "z_s": F32(0.0171), "z_z": np.uint8(99),
    }  # fmt: skip


def assert_equal(found: onnx.ModelProto, inputs: Mapping[str, Any]) -> None:
    for mine, theirs in zip(ours(found, inputs), onnxruntime_run(found, inputs), strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def kinds(found: onnx.ModelProto) -> set[str]:
    return {type(op).__name__ for op in lower(read_onnx(found)).graph}


@pytest.mark.parametrize("behind", ["", "Relu", "Transpose", "Relu Transpose"])
@pytest.mark.parametrize(("op", "shape", "kernel", "attributes"), LAYERS)
def test_float_weights_of_a_layer_left_out_of_quantisation_are_int8(
    op: str, shape: Sequence[int], kernel: Sequence[int], attributes: dict[str, Any], behind: str
) -> None:
    """`nodes_to_exclude` leaves float weights between two quantised tensors; onnxruntime quantises them when it loads the file."""
    draw, constants = parameters(len(kernel))
    outputs = kernel[1] if op == "ConvTranspose" or (op == "Gemm" and not attributes) else kernel[0]
    constants |= {"w": draw.normal(0.1, 0.3, kernel).astype(F32), "b": draw.normal(size=outputs).astype(F32)}
    nodes, name = [dq("x", "f"), node(op, ["f", "w", "b"], ["f0"], name="op", **attributes)], "f0"
    for place, each in enumerate(behind.split()):
        nodes.append(node(each, [name], [f"f{place + 1}"], name=each))
        name = f"f{place + 1}"
    found = model([*nodes, q(name, "y")], {"x": ("uint8", shape)}, {"y": ("uint8", None)}, constants)
    assert_equal(found, {"x": draw.integers(0, 256, shape).astype(np.uint8)})
    assert not kinds(found) & {"ConvF", "MatMulF"}


def test_weights_that_are_all_zero() -> None:
    draw, constants = parameters(1)
    constants |= {"w": np.zeros((4, 6, 3, 3), F32)}
    nodes = [dq("x", "f"), node("Conv", ["f", "w"], ["g"], name="op"), q("g", "y")]
    found = model(nodes, {"x": ("uint8", (1, 6, 9, 9))}, {"y": ("uint8", None)}, constants)
    assert_equal(found, {"x": draw.integers(0, 256, (1, 6, 9, 9)).astype(np.uint8)})


def test_float_weights_stay_float_where_no_quantizelinear_follows() -> None:
    draw, constants = parameters(2)
    constants |= {"w": draw.normal(size=(40, 3)).astype(F32)}
    nodes = [dq("x", "f"), node("Gemm", ["f", "w"], ["y"], name="op")]
    found = model(nodes, {"x": ("uint8", (1, 40))}, {"y": ("float32", None)}, constants)
    assert "MatMulF" in kinds(found)
    assert_equal(found, {"x": draw.integers(0, 256, (1, 40)).astype(np.uint8)})


@pytest.mark.parametrize(("factor", "added"), [(1.0, False), (1.005, False), (0.4, True)])
def test_a_bias_in_other_units_than_the_sums_is_added_in_float(factor: float, added: bool) -> None:
    """As where two layers share a bias, which has the scale of the first one."""
    draw, constants = parameters(3)
    constants |= {"w": draw.integers(-127, 128, (8, 6, 3, 3)).astype(np.int8), "w_s": F32(0.0091), "w_z": np.int8(0)}
    constants |= {"b": draw.integers(-9000, 9000, 8).astype(np.int32), "b_z": np.zeros(1, np.int32)}
    constants |= {"b_s": np.full(1, constants["x_s"] * constants["w_s"] * F32(factor), F32)}
    nodes = [
        dq("x", "xf"),
        node("DequantizeLinear", ["w", "w_s", "w_z"], ["wf"], name="dw"),
        node("DequantizeLinear", ["b", "b_s", "b_z"], ["bf"], name="db"),
        node("Conv", ["xf", "wf", "bf"], ["f"], name="op"),
        q("f", "y"),
    ]
    found = model(nodes, {"x": ("uint8", (1, 6, 9, 9))}, {"y": ("uint8", None)}, constants)
    assert ("Binary" in kinds(found)) == added
    assert_equal(found, {"x": draw.integers(0, 256, (1, 6, 9, 9)).astype(np.uint8)})


@pytest.mark.parametrize(("op", "shape", "kernel", "attributes"), LAYERS)
def test_a_float_bias_is_not_rounded_where_no_quantizelinear_follows(
    op: str, shape: Sequence[int], kernel: Sequence[int], attributes: dict[str, Any]
) -> None:
    draw, constants = parameters(4)
    outputs = kernel[1] if op == "ConvTranspose" or (op == "Gemm" and not attributes) else kernel[0]
    constants |= {"w": draw.integers(-127, 128, kernel).astype(np.int8), "w_s": F32(0.4), "w_z": np.int8(0)}
    constants |= {
        "b": draw.uniform(0.001, 0.002, outputs).astype(F32)
    }  # a quarter of the sums' unit: all would be zero
    nodes = [
        dq("x", "xf"),
        node("DequantizeLinear", ["w", "w_s", "w_z"], ["wf"], name="dw"),
        node(op, ["xf", "wf", "b"], ["y"], name="op", **attributes),
    ]
    found = model(nodes, {"x": ("uint8", shape)}, {"y": ("float32", None)}, constants)
    x = {"x": np.full(shape, 120, np.uint8)}  # zeros: what is left is the bias
    assert_equal(found, x)
    assert ours(found, x)[0].max() > 0


MOVES: list[tuple[str, list[str], dict[str, Any]]] = [
    ("Reshape", ["shape"], {}), ("Transpose", [], {"perm": [0, 2, 3, 1]}), ("Unsqueeze", ["zero"], {}), ("Squeeze", ["zero"], {}),
    ("Slice", ["one", "three", "axis"], {}), ("MaxPool", [], {"kernel_shape": [2, 2]}), ("Identity", [], {}), ("Dropout", [], {}),
]  # fmt: skip


@pytest.mark.parametrize("first", ["Add", "Mul", "Softmax", "GlobalAveragePool", "Concat"])
@pytest.mark.parametrize(("move", "inputs", "attributes"), MOVES)
def test_a_quantizelinear_behind_moves_is_as_one_before_them(
    move: str, inputs: list[str], attributes: dict[str, Any], first: str
) -> None:
    draw, constants = parameters(5)
    constants |= {
        "shape": np.array([1, -1]),
        "zero": np.array([0]),
        "one": np.array([1]),
        "three": np.array([3]),
        "axis": np.array([2]),
    }
    if first == "GlobalAveragePool":  # one element a channel
        attributes = attributes | ({"kernel_shape": [1, 1]} if move == "MaxPool" else {})
        constants |= {"one": np.array([0]), "three": np.array([1])}
    two = first in ("Add", "Mul", "Concat")
    nodes = [dq("x", "xf"), *([dq("z", "zf")] if two else [])]
    axis: dict[str, Any] = {"axis": 1} if first in ("Softmax", "Concat") else {}
    nodes.append(node(first, ["xf", "zf"] if two else ["xf"], ["f"], name="op", **axis))
    nodes += [node(move, ["f", *inputs], ["g"], name="move", **attributes), q("g", "y")]
    shape, names = (1, 6, 5, 5), ["x", "z"] if two else ["x"]
    if first == "Softmax":
        constants |= {"y_s": F32(1 / 256), "y_z": np.uint8(0)}
    found = model(nodes, dict.fromkeys(names, ("uint8", shape)), {"y": ("uint8", None)}, constants)
    assert not kinds(found) & {"Binary", "Softmax", "SumF"}
    for _ in range(3):
        assert_equal(found, {name: draw.integers(0, 256, shape).astype(np.uint8) for name in names})


def test_a_tensor_with_two_readers_does_not_wait_for_either() -> None:
    """The Add is in f32, since its result is an output too."""
    draw, constants = parameters(6)
    constants |= {"shape": np.array([6, 6])}
    nodes = [
        dq("x", "xf"),
        dq("z", "zf"),
        node("Add", ["xf", "zf"], ["f"], name="op"),
        node("Reshape", ["f", "shape"], ["g"], name="t"),
        q("g", "y"),
    ]
    found = model(
        nodes, dict.fromkeys("xz", ("uint8", (4, 9))), {"y": ("uint8", None), "f": ("float32", None)}, constants
    )
    assert "Binary" in kinds(found)
    assert_equal(found, {name: draw.integers(0, 256, (4, 9)).astype(np.uint8) for name in "xz"})


@pytest.mark.parametrize("functions", [("Sigmoid", "Exp"), ("Relu", "Neg"), ("Sigmoid", "Sqrt")])
def test_a_table_goes_on_behind_a_move(functions: tuple[str, str]) -> None:
    """One function before and one behind a Split: what the second reads has another name."""
    draw, constants = parameters(7)
    nodes = [
        dq("x", "f"),
        node(functions[0], ["f"], ["g"], name="first"),
        node("Split", ["g"], ["a", "b"], name="split", axis=1),
        node(functions[1], ["b"], ["h"], name="second"),
        q("h", "y"),
    ]
    found = model(nodes, {"x": ("uint8", (3, 80))}, {"y": ("uint8", None)}, constants)
    assert kinds(found) == {"Move", "Table"}
    assert_equal(found, {"x": draw.integers(0, 256, (3, 80)).astype(np.uint8)})


# -- what exporters and quantisers write ------------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [False, True])
def test_a_choice_between_quantised_tensors(constant: bool) -> None:
    """QLinearWhere, which onnxruntime's quantiser writes in the QOperator form."""
    draw, constants = parameters(8)
    names = ["c", "x", "x_s", "x_z", "z", "z_s", "z_z", "y_s", "y_z"]
    inputs: dict[str, Any] = {"x": ("uint8", (4, 64)), "z": ("uint8", (4, 64))}
    given = {name: draw.integers(0, 256, (4, 64)).astype(np.uint8) for name in inputs}
    truth = draw.integers(0, 2, (4, 64)).astype(bool)
    if constant:
        constants["c"] = truth
    else:
        inputs["c"], given["c"] = ("bool", (4, 64)), truth
    made = node("QLinearWhere", names, ["y"], name="op", domain="com.microsoft")
    found = model([made], inputs, {"y": ("uint8", None)}, constants)
    theirs = onnxruntime_run(found, given)
    mine = ours(found, {name: array.astype(np.uint8) for name, array in given.items()})
    np.testing.assert_array_equal(mine[0], theirs[0])


def test_a_constant_that_is_quantised_dynamically() -> None:
    """As `quantize_dynamic` leaves it where both sides of a product are constants or inputs."""
    draw, constants = parameters(9)
    constants |= {"k": draw.normal(size=(1, 40)).astype(F32), "w": draw.integers(-127, 128, (40, 8)).astype(np.int8)}
    nodes = [
        node("DynamicQuantizeLinear", ["k"], ["q", "q_s", "q_z"], name="dynamic"),
        node("MatMulInteger", ["xq", "w", "xq_z"], ["a"], name="a"),
        node("DynamicQuantizeLinear", ["x"], ["xq", "xq_s", "xq_z"], name="x"),
        node("Cast", ["a"], ["af"], name="cast", to=1),
        node("Mul", ["af", "xq_s"], ["ay"], name="scaled"),
        node("DequantizeLinear", ["q", "q_s", "q_z"], ["kf"], name="back"),
        node("Slice", ["kf", "zero", "eight", "one"], ["part"], name="part"),
        node("Add", ["ay", "part"], ["y"], name="sum"),
    ]
    nodes[1], nodes[2] = nodes[2], nodes[1]
    constants |= {"zero": np.array([0]), "eight": np.array([8]), "one": np.array([1])}
    found = model(nodes, {"x": ("float32", (1, 40))}, {"y": ("float32", None)}, constants)
    assert_equal(found, {"x": draw.normal(size=(1, 40)).astype(F32)})


def test_a_mask_of_infinities_among_the_initialisers() -> None:
    draw, constants = parameters(10)
    constants |= {"mask": np.triu(np.full((6, 6), -np.inf, F32), 1)}
    nodes = [node("Add", ["x", "mask"], ["m"], name="mask"), node("Softmax", ["m"], ["y"], name="softmax", axis=-1)]
    found = model(nodes, {"x": ("float32", (6, 6))}, {"y": ("float32", None)}, constants)
    x = draw.normal(size=(6, 6)).astype(F32)
    (mine,), (theirs,) = ours(found, {"x": x}), onnxruntime_run(found, {"x": x})
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=2e-7)
    assert (mine[np.triu_indices(6, 1)] == 0).all()


def test_an_infinite_scale_is_explained() -> None:
    _, constants = parameters(11)
    constants["y_s"] = F32(np.inf)
    found = model([q("x", "y")], {"x": ("float32", (4,))}, {"y": ("uint8", None)}, constants)
    with pytest.raises(UnsupportedModelError, match="infinite scale") as caught:
        lower(read_onnx(found))
    assert "nodes_to_exclude" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("op", "says"), [("LSTM", "convolutions over time"), ("GRU", "loop"), ("Einsum", "matmul"), ("If", "dynamo=True")]
)
def test_an_operator_that_is_not_taken_says_what_to_write_instead(op: str, says: str) -> None:
    found = model([node(op, ["x"], ["y"], name="op")], {"x": ("float32", (1, 4, 8))}, {"y": ("float32", None)})
    with pytest.raises(UnsupportedModelError) as caught:
        lower(read_onnx(found))
    assert says in str(caught.value.hint)


@pytest.mark.parametrize("width", [1, 2])
def test_a_softmax_of_rows_too_short_for_its_scale(width: int) -> None:
    """One element is always 1; of two, the table of exponentials would overflow, which is no answer."""
    _, constants = parameters(12)
    constants |= {"y_s": F32(1e-3), "y_z": np.uint8(0)}
    nodes = [dq("x", "f"), node("Softmax", ["f"], ["g"], name="op"), q("g", "y")]
    found = model(nodes, {"x": ("uint8", (3, width))}, {"y": ("uint8", None)}, constants)
    if width == 1:
        assert_equal(found, {"x": np.array([[0], [7], [255]], np.uint8)})
    else:
        with pytest.raises(UnsupportedModelError, match="an output scale"):
            lower(read_onnx(found))
