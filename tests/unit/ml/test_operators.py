"""Operators in their quantised forms against onnxruntime, on random integers: 0 values differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest

from zkhost.ml.lower.lowering import lower
from zkhost.ml.read.onnx_file import read_onnx

from .build import dq, model, node, onnxruntime_run, ours, q

Shape = Sequence[int]
DTYPES = ("uint8", "int8")
POOL = {"kernel_shape": [3, 3], "strides": [2, 2]}


class Draw:
    """Random data and quantisation parameters."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def data(self, dtype: str, shape: Shape) -> Any:
        info = np.iinfo(dtype)
        return self.rng.integers(info.min, info.max + 1, shape).astype(dtype)

    def params(self, name: str, dtype: str) -> dict[str, Any]:
        scale = np.float32(self.rng.uniform(0.002, 0.2))
        return {f"{name}_s": scale, f"{name}_z": self.data(dtype, ())}


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> Draw:
    return Draw(sum(map(ord, request.node.name)))


def assert_equal(found: onnx.ModelProto, inputs: Mapping[str, Any]) -> None:
    for ours_here, theirs in zip(ours(found, inputs), onnxruntime_run(found, inputs), strict=True):
        assert ours_here.shape == theirs.shape
        assert ours_here.dtype == theirs.dtype
        assert np.count_nonzero(ours_here != theirs) == 0


def between(
    draw: Draw, op: str, dtype: str, shapes: Sequence[Shape], extra: Mapping[str, Any], opset: int, **attributes: Any
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """DequantizeLinear on each input, the operator, QuantizeLinear."""
    names = [f"x{i}" for i in range(len(shapes))]
    constants = {**extra, **draw.params("y", dtype)}
    for name in names:
        constants.update(draw.params(name, dtype))
    nodes = [dq(name, f"{name}_f") for name in names]
    nodes.append(node(op, [*(f"{name}_f" for name in names), *extra], ["f"], name="op", **attributes))
    nodes.append(q("f", "y"))
    inputs = {name: (dtype, shape) for name, shape in zip(names, shapes, strict=True)}
    found = model(nodes, inputs, {"y": (dtype, None)}, constants, opset)
    return found, {name: draw.data(dtype, shape) for name, shape in zip(names, shapes, strict=True)}


IMAGE, ROWS = (1, 6, 15, 15), (3, 20, 40)
QDQ: list[tuple[str, Sequence[Shape], dict[str, Any], dict[str, Any]]] = [
    *((op, shapes, {}, {}) for op in ("Add", "Mul", "Sub") for shapes in ([IMAGE] * 2, [IMAGE, (1, 6, 1, 1)], [ROWS, (40,)])),
    ("AveragePool", [IMAGE], POOL, {}),
    ("AveragePool", [IMAGE], {**POOL, "pads": [1, 1, 1, 1], "count_include_pad": 1}, {}),
    ("AveragePool", [IMAGE], {**POOL, "pads": [1, 0, 1, 1], "ceil_mode": 1}, {}),
    ("AveragePool", [IMAGE], {"kernel_shape": [4, 4], "strides": [3, 3], "pads": [1, 0, 1, 1], "ceil_mode": 1, "count_include_pad": 1}, {}),
    ("MaxPool", [IMAGE], {**POOL, "pads": [1, 1, 1, 1], "ceil_mode": 1}, {}),
    *(("Softmax", [IMAGE], {"axis": axis}, {}) for axis in (1, 2, -1)),
    ("Softmax", [(2, 6, 1)], {}, {}),
    ("GlobalAveragePool", [(2, 40, 7, 7)], {}, {}),
    ("ReduceMean", [(1, 40, 7, 9)], {"axes": [2, 3]}, {}),
    ("ReduceMean", [(1, 40, 7, 9)], {"axes": [1, 2], "keepdims": 0}, {}),
    ("Concat", [IMAGE] * 3, {"axis": 1}, {}),
    ("Clip", [(4000,)], {}, {"lo": np.float32(0), "hi": np.float32(6)}),
    ("Transpose", [(3, 20, 7)], {"perm": [2, 0, 1]}, {}),
    ("MatMul", [ROWS, (3, 40, 30)], {}, {}),
    ("MatMul", [(1, 2, 20, 40), (3, 1, 40, 30)], {}, {}),
    *((op, [(4000,)], {}, {}) for op in ("Sigmoid", "Tanh", "LeakyRelu", "HardSwish", "HardSigmoid", "Elu", "Erf", "Exp", "Softplus")),
    *((op, [(4000,)], {}, {}) for op in ("Relu", "Abs", "Neg", "Sqrt", "Gelu")),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "shapes", "attributes", "extra"), QDQ)
def test_an_operator_between_dequantize_and_quantize(
    op: str, shapes: Sequence[Shape], attributes: dict[str, Any], extra: dict[str, Any], dtype: str, draw: Draw
) -> None:
    assert_equal(*between(draw, op, dtype, shapes, extra, 20 if op == "Gelu" else 17, **attributes))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shapes", [((256, 256), (256, 256)), ((256, 1), (1, 256)), ((1, 256), (256, 1))])
def test_all_sums_of_two_bytes(shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: str, draw: Draw) -> None:
    """Scales for which rounded products, or the other order, lead to another byte somewhere come about once in ten."""
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1).astype(dtype)

    def whole(each: Any, shape: Shape) -> Any:
        return each.reshape(shape) if each.size == np.prod(shape) else np.broadcast_to(each, shape)

    for _ in range(40):
        constants = {**draw.params("a", dtype), **draw.params("b", dtype), **draw.params("y", dtype)}
        constants["y_s"] = constants["y_s"] * np.float32(2)
        names = ["a", "a_s", "a_z", "b", "b_s", "b_z", "y_s", "y_z"]
        made = node("QLinearAdd", names, ["y"], name="op", domain="com.microsoft")
        ports: dict[str, tuple[str, Shape]] = {"a": (dtype, shapes[0]), "b": (dtype, shapes[1])}
        found = model([made], ports, {"y": (dtype, None)}, constants)
        assert_equal(found, {"a": whole(values[:, None], shapes[0]), "b": whole(values, shapes[1])})


def test_a_function_made_of_several_nodes_is_one_table(draw: Draw) -> None:
    """x * sigmoid(x) in f32 between one DequantizeLinear and one QuantizeLinear."""
    constants = {**draw.params("x", "uint8"), **draw.params("y", "uint8")}
    nodes = [
        dq("x", "f"),
        node("Sigmoid", ["f"], ["s"], name="s"),
        node("Mul", ["f", "s"], ["p"], name="p"),
        q("p", "y"),
    ]
    found = model(nodes, {"x": ("uint8", (4000,))}, {"y": ("uint8", None)}, constants)
    assert_equal(found, {"x": draw.data("uint8", (4000,))})


# -- sums of products -------------------------------------------------------------------------------------------------

PRODUCTS: list[tuple[Shape, Shape, dict[str, Any]]] = [
    ((1, 8, 13, 13), (16, 8, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((2, 8, 13, 13), (8, 1, 3, 3), {"group": 8, "strides": [2, 2], "pads": [0, 0, 1, 1]}),
    ((1, 8, 13, 13), (12, 4, 3, 3), {"group": 2, "dilations": [2, 2]}),
    ((1, 8, 13, 13), (16, 8, 3, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ((1, 8, 20), (12, 8, 5), {"strides": [3]}),
    ((1, 3, 8, 8, 8), (4, 3, 2, 3, 2), {}),
    ((5, 40), (30, 40), {"transB": 1}),
]


def weights(draw: Draw, kind: str, shape: Shape, per_channel: bool) -> dict[str, Any]:
    count = shape[0] if per_channel else 1
    zero: Any = np.zeros(count, kind) if kind == "int8" else np.full(count, 128, kind)
    scale: Any = draw.rng.uniform(0.001, 0.02, count).astype(np.float32)
    if not per_channel:
        scale, zero = scale.reshape(()), zero.reshape(())
    return {"w": draw.data(kind, shape), "w_s": scale, "w_z": zero}


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(("dtype", "kind"), [("uint8", "int8"), ("uint8", "uint8"), ("int8", "int8")])
@pytest.mark.parametrize("tail", ["", "Relu", "Clip", "float bias"])
@pytest.mark.parametrize(("shape", "kernel", "attributes"), PRODUCTS)
def test_a_product_in_a_qdq_graph(
    shape: Shape, kernel: Shape, attributes: dict[str, Any], tail: str, dtype: str, kind: str, per_channel: bool, draw: Draw
) -> None:  # fmt: skip
    constants = {**draw.params("x", dtype), **weights(draw, kind, kernel, per_channel), **draw.params("y", dtype)}
    constants["y_s"] = np.float32(0.3)
    axis: dict[str, Any] = {"axis": 0} if per_channel else {}
    nodes = [dq("x", "xf"), node("DequantizeLinear", ["w", "w_s", "w_z"], ["wf"], name="dw", **axis)]
    if tail == "float bias":
        constants["bf"] = draw.rng.normal(size=kernel[0]).astype(np.float32)
    else:
        scale = np.asarray(constants["x_s"] * constants["w_s"], np.float32)
        constants |= {"b": draw.rng.integers(-2000, 2000, kernel[0]).astype(np.int32), "b_s": scale}
        constants["b_z"] = np.zeros(scale.shape, np.int32)
        nodes.append(node("DequantizeLinear", ["b", "b_s", "b_z"], ["bf"], name="db", **axis))
    nodes.append(node("Gemm" if len(shape) == 2 else "Conv", ["xf", "wf", "bf"], ["f0"], name="op", **attributes))
    if tail == "Relu":
        nodes.append(node("Relu", ["f0"], ["f1"], name="act"))
    elif tail == "Clip":
        constants |= {"lo": np.float32(0), "hi": np.float32(6)}
        nodes.append(node("Clip", ["f0", "lo", "hi"], ["f1"], name="act"))
    nodes.append(q("f1" if tail in ("Relu", "Clip") else "f0", "y"))
    assert_equal(model(nodes, {"x": (dtype, shape)}, {"y": (dtype, None)}, constants), {"x": draw.data(dtype, shape)})


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(("dtype", "kind"), [("uint8", "int8"), ("uint8", "uint8"), ("int8", "int8")])
@pytest.mark.parametrize(("shape", "kernel", "attributes"), PRODUCTS)
def test_a_product_in_a_qoperator_graph(
    shape: Shape, kernel: Shape, attributes: dict[str, Any], dtype: str, kind: str, per_channel: bool, draw: Draw
) -> None:
    constants = {**draw.params("x", dtype), **weights(draw, kind, kernel, per_channel), **draw.params("y", dtype)}
    constants |= {"y_s": np.float32(0.3), "b": draw.rng.integers(-2000, 2000, kernel[0]).astype(np.int32)}
    first, last = ["x", "x_s", "x_z", "w", "w_s", "w_z"], ["y_s", "y_z"]
    if len(shape) == 2:
        made = node("QGemm", [*first, "b", *last], ["y"], name="op", domain="com.microsoft", **attributes)
    else:
        made = node("QLinearConv", [*first, *last, "b"], ["y"], name="op", **attributes)
    assert_equal(model([made], {"x": (dtype, shape)}, {"y": (dtype, None)}, constants), {"x": draw.data(dtype, shape)})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["MatMulInteger", "QLinearMatMul", "ConvInteger"])
def test_products_without_a_bias(op: str, dtype: str, draw: Draw) -> None:
    if op == "ConvInteger" and dtype == "int8":
        dtype = "uint8"
    shape, kernel = ((1, 4, 9, 9), (6, 4, 3, 3)) if op == "ConvInteger" else ((2, 5, 40), (40, 30))
    constants = {**draw.params("x", dtype), "w": draw.data("int8", kernel), "w_z": np.int8(0), "w_s": np.float32(0.01)}
    constants |= {"y_s": np.float32(0.4), "y_z": draw.data(dtype, ())}
    if op == "QLinearMatMul":
        made = node(op, ["x", "x_s", "x_z", "w", "w_s", "w_z", "y_s", "y_z"], ["y"], name="op")
    else:
        made = node(op, ["x", "w", "x_z", "w_z"], ["y"], name="op")
    output = {"y": (dtype if op == "QLinearMatMul" else "int32", None)}
    assert_equal(model([made], {"x": (dtype, shape)}, output, constants), {"x": draw.data(dtype, shape)})


# -- com.microsoft ----------------------------------------------------------------------------------------------------


def microsoft() -> Iterator[tuple[str, Sequence[Shape], dict[str, Any]]]:
    for op in ("QLinearAdd", "QLinearMul"):
        for shapes in ([IMAGE] * 2, [IMAGE, (1, 6, 1, 1)], [(3000,), (1,)]):
            yield op, shapes, {}
    yield "QLinearGlobalAveragePool", [(1, 40, 7, 7)], {}
    yield "QLinearAveragePool", [IMAGE], {**POOL, "pads": [1, 1, 1, 1]}
    yield "QLinearAveragePool", [IMAGE], {**POOL, "pads": [1, 1, 1, 1], "count_include_pad": 1}
    yield "QLinearSigmoid", [(4000,)], {}
    yield "QLinearLeakyRelu", [(4000,)], {"alpha": 0.3}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "shapes", "attributes"), list(microsoft()))
def test_a_qlinear_operator(
    op: str, shapes: Sequence[Shape], attributes: dict[str, Any], dtype: str, draw: Draw
) -> None:
    constants, names = draw.params("y", dtype), ["a", "b"][: len(shapes)]
    for name in names:
        constants |= draw.params(name, dtype)
    sides = [part for name in names for part in (name, f"{name}_s", f"{name}_z")]
    made = node(op, [*sides, "y_s", "y_z"], ["y"], name="op", domain="com.microsoft", **attributes)
    inputs = {name: (dtype, shape) for name, shape in zip(names, shapes, strict=True)}
    data = {name: draw.data(dtype, shape) for name, (_, shape) in inputs.items()}
    assert_equal(model([made], inputs, {"y": (dtype, None)}, constants), data)


@pytest.mark.parametrize("dtype", DTYPES)
def test_qlinear_concat_requantises_its_parts(dtype: str, draw: Draw) -> None:
    constants, names = draw.params("y", dtype), ["a", "b", "c"]
    for name in names:
        constants |= draw.params(name, dtype)
    sides = [part for name in names for part in (name, f"{name}_s", f"{name}_z")]
    made = node("QLinearConcat", ["y_s", "y_z", *sides], ["y"], name="op", domain="com.microsoft", axis=1)
    inputs = dict.fromkeys(names, (dtype, (2, 5, 50)))
    data = {name: draw.data(dtype, (2, 5, 50)) for name in names}
    assert_equal(model([made], inputs, {"y": (dtype, None)}, constants), data)


def test_dynamic_quantisation(draw: Draw) -> None:
    """DynamicQuantizeLinear, MatMulInteger, and the f32 arithmetic after it."""
    constants = {"w": draw.data("int8", (40, 30)), "w_z": np.int8(0), "w_s": np.float32(0.01)}
    constants |= {"b": draw.rng.normal(size=30).astype(np.float32)}
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"], name="dyn"),
        node("MatMulInteger", ["xq", "w", "xz", "w_z"], ["acc"], name="mm"),
        node("Cast", ["acc"], ["accf"], name="cast", to=onnx.TensorProto.FLOAT),
        node("Mul", ["xs", "w_s"], ["s"], name="scale"),
        node("Mul", ["accf", "s"], ["scaled"], name="mul"),
        node("Add", ["scaled", "b"], ["sum"], name="add"),
        node("Relu", ["sum"], ["y"], name="relu"),
    ]
    found = model(nodes, {"x": ("float32", (1, 40))}, {"y": ("float32", None)}, constants)
    for _ in range(20):
        assert_equal(found, {"x": draw.rng.normal(size=(1, 40)).astype(np.float32)})


@pytest.mark.parametrize("dtype", DTYPES)
def test_average_pools(dtype: str) -> None:
    """Scales of any ratio, and the same ones on both sides, where a quarter of the means are ties."""
    for seed in range(20):
        draw = Draw(seed)
        found, inputs = between(
            draw, "AveragePool", dtype, [(1, 3, 32, 32)], {}, 17, kernel_shape=[2, 2], strides=[2, 2]
        )
        assert_equal(found, inputs)
        assert "AveragePoolQ" in {type(op).__name__ for op in lower(read_onnx(found)).graph}


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_weight_that_is_quantised_and_transposed_in_the_graph(per_channel: bool, draw: Draw) -> None:
    """As quantisation-aware training exports: float weight, QuantizeLinear, DequantizeLinear, Transpose, MatMul."""
    count = 30 if per_channel else 1
    scale: Any = draw.rng.uniform(0.01, 0.03, count).astype(np.float32)
    zero: Any = np.zeros(count, np.int8)
    constants = {**draw.params("x", "uint8"), **draw.params("y", "uint8"), "y_s": np.float32(0.05)}
    constants |= {"w": draw.rng.normal(size=(30, 40)).astype(np.float32)}
    constants |= {"w_s": scale if per_channel else scale[0], "w_z": zero if per_channel else zero[0]}
    axis: dict[str, Any] = {"axis": 0} if per_channel else {}
    nodes = [
        dq("x", "xf"),
        node("QuantizeLinear", ["w", "w_s", "w_z"], ["wq"], name="qw", **axis),
        node("DequantizeLinear", ["wq", "w_s", "w_z"], ["wf"], name="dw", **axis),
        node("Transpose", ["wf"], ["wt"], name="t", perm=[1, 0]),
        node("MatMul", ["xf", "wt"], ["f"], name="mm"),
        q("f", "y"),
    ]
    found = model(nodes, {"x": ("uint8", (5, 40))}, {"y": ("uint8", None)}, constants)
    assert_equal(found, {"x": draw.data("uint8", (5, 40))})
    assert {type(op).__name__ for op in lower(read_onnx(found)).graph} == {"MatMul", "Requantize"}


@pytest.mark.parametrize(
    ("shape", "kernel", "strides"),
    [
        ((1, 5, 28, 28), [2, 2], [2, 2]),
        ((1, 5, 28, 28), [2, 2], [1, 1]),
        ((1, 16, 10, 10), [2, 2], [2, 2]),
        ((1, 5, 9, 9), [2, 3], [2, 2]),
        ((1, 5, 30, 30), [3, 3], [3, 3]),
        ((1, 5, 16, 16), [4, 4], [4, 4]),
        ((1, 9, 7, 7), [7, 7], [1, 1]),
        ((1, 5, 40), [3], [2]),
    ],
)
def test_average_pools_in_float(shape: Shape, kernel: list[int], strides: list[int], draw: Draw) -> None:
    """Their last bits depend on the order of onnxruntime's sums, which these have."""
    made = node("AveragePool", ["x"], ["y"], name="op", kernel_shape=kernel, strides=strides)
    found = model([made], {"x": ("float32", shape)}, {"y": ("float32", None)})
    assert_equal(found, {"x": draw.rng.normal(size=shape).astype(np.float32)})


@pytest.mark.parametrize(
    "op", ["HardSigmoid", "HardSwish", "LeakyRelu", "Relu", "Reciprocal", "Sqrt", "Abs", "Neg", "Round"]
)
def test_functions_that_are_exact_in_float(op: str, draw: Draw) -> None:
    found = model([node(op, ["x"], ["y"], name="op")], {"x": ("float32", (5003,))}, {"y": ("float32", None)})
    values = 4 * draw.rng.normal(size=5003).astype(np.float32)
    assert_equal(found, {"x": np.abs(values) if op == "Sqrt" else values})


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum"])
@pytest.mark.parametrize(
    "shape", [(6, 5), (7, 7), (9, 10), (5, 13), (6, 33), (11, 3), (4, 64), (3, 101), (4, 1), (2, 3, 29)]
)
def test_rows_of_any_length_are_summed_as_onnxruntime_sums_them(op: str, shape: Shape, draw: Draw) -> None:
    """Where a row begins decides its order: Eigen's vectors begin at a multiple of four elements."""
    old: dict[str, Any] = {} if op == "ReduceSum" else {"axes": [-1]}
    made = node(op, ["x", "axes"] if op == "ReduceSum" else ["x"], ["y"], name="op", keepdims=0, **old)
    constants = {"axes": np.array([-1], np.int64)} if op == "ReduceSum" else {}
    found = model([made], {"x": ("float32", shape)}, {"y": ("float32", None)}, constants)
    for _ in range(5):
        assert_equal(found, {"x": draw.rng.normal(size=shape).astype(np.float32)})
