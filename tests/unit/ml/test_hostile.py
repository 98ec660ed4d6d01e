"""Model files from strangers: each ends in a typed error that names the place, in bounded time and memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zkhost.errors import InferenceError, ModelError, ModelFormatError, UnsupportedModelError
from zkhost.ml import ops
from zkhost.ml.compile.budget import check_budget
from zkhost.ml.graph import NUMPY
from zkhost.ml.lower.lowering import Lowered, lower
from zkhost.ml.read.onnx_file import read_onnx
from zkhost.ml.reference import run

from .build import dq, model, node, q

MODELS = Path(__file__).parent / "models"
FILES = sorted(MODELS.glob("*.onnx"))


def loaded(source: Any) -> Lowered:
    found = lower(read_onnx(source))
    check_budget(found.graph, 50_000_000)
    return found


def scaled(**changes: Any) -> onnx.ModelProto:
    """DequantizeLinear, Add, QuantizeLinear, with constants changed."""
    constants = {"x_s": np.float32(0.1), "x_z": np.uint8(3), "y_s": np.float32(0.2), "y_z": np.uint8(0), **changes}
    return model(
        [dq("x", "f"), node("Add", ["f", "f"], ["g"], name="add"), q("g", "y")],
        {"x": ("uint8", (2, 3))},
        {"y": ("uint8", None)},
        constants,
    )


# -- what is no model -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a model", b"\x08\x07", b"\x3a\xff\xff\xff\xff\x0f"])
def test_bytes_that_are_no_model(data: bytes) -> None:
    with pytest.raises(ModelFormatError, match="ONNX"):
        loaded(data)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_cut_short(path: Path) -> None:
    """At any length a typed error, or a shorter model that contradicts nothing."""
    data = path.read_bytes()
    for length in range(0, len(data), max(1, len(data) // 31)):
        with pytest.raises(ModelError):
            loaded(data[:length])


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes(seed: int) -> None:
    """Nothing but ModelError comes of them, and what still loads still runs."""
    rng = random.Random(seed)
    tracemalloc.start()
    for _ in range(80):
        data = bytearray(rng.choice(FILES).read_bytes())
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        _load_and_run(bytes(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 << 20


@pytest.mark.parametrize("seed", range(6))
def test_damaged_structure(seed: int) -> None:
    """Attributes, dimensions, types and edges changed in a file that parses."""
    rng = random.Random(seed)
    for _ in range(60):
        proto = onnx.load(str(rng.choice(FILES)))
        for _ in range(rng.choice((1, 2, 4))):
            rng.choice(MUTATIONS)(proto, rng)
        _load_and_run(proto)


def _load_and_run(source: Any) -> None:
    try:
        found = loaded(source)
    except ModelError as error:
        _explains(error)
        return
    graph = found.graph
    arrays = {name: np.zeros(graph.shape(name), NUMPY[graph.dtype(name)]) for name in graph.inputs}
    windows = [
        op.window.pads
        for op in graph
        if isinstance(op, (ops.Conv, ops.ConvF, ops.MaxPool, ops.AveragePool, ops.AveragePoolQ))
    ]
    if (
        sum(tensor.size for tensor in graph.tensors.values()) > 1 << 18
        or max((max(p) for p in windows), default=0) > 64
    ):
        return  # it loads, and would take long
    try:
        run(graph, arrays)
    except InferenceError as error:
        _explains(error)


def _explains(error: ModelError) -> None:
    assert error.message
    assert error.hint


def _pick(sequence: Any, rng: random.Random) -> Any:
    return sequence[rng.randrange(len(sequence))] if len(sequence) else None


INTERESTING = (0, 1, -1, 2, 3, 255, -(2**31), 2**31, 2**40, 2**62, -(2**63))


def _attribute(proto: onnx.ModelProto, rng: random.Random) -> None:
    attribute = _pick(_pick(proto.graph.node, rng).attribute, rng)
    if attribute is not None:
        attribute.i = rng.choice(INTERESTING)
        if len(attribute.ints):
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(INTERESTING)


def _dimension(proto: onnx.ModelProto, rng: random.Random) -> None:
    tensor = _pick(proto.graph.initializer, rng)
    if tensor is not None and len(tensor.dims):
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(INTERESTING)


def _input(proto: onnx.ModelProto, rng: random.Random) -> None:
    dim = _pick(_pick(proto.graph.input, rng).type.tensor_type.shape.dim, rng)
    if dim is not None:
        dim.dim_value = rng.choice(INTERESTING)


def _edge(proto: onnx.ModelProto, rng: random.Random) -> None:
    changed, other = _pick(proto.graph.node, rng), _pick(proto.graph.node, rng)
    if len(changed.input):
        names = (*other.input, *other.output, "", "nowhere")
        changed.input[rng.randrange(len(changed.input))] = rng.choice(names)


def _operator(proto: onnx.ModelProto, rng: random.Random) -> None:
    changed, other = _pick(proto.graph.node, rng), _pick(proto.graph.node, rng)
    changed.op_type, changed.domain = other.op_type, other.domain


def _drop(proto: onnx.ModelProto, rng: random.Random) -> None:
    changed = _pick(proto.graph.node, rng)
    if len(changed.input):
        del changed.input[-1]


def _dtype(proto: onnx.ModelProto, rng: random.Random) -> None:
    tensor = _pick(proto.graph.initializer, rng)
    if tensor is not None:
        tensor.data_type = rng.randrange(0, 25)


MUTATIONS: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    _attribute, _dimension, _input, _edge, _operator, _drop, _dtype,
)  # fmt: skip


# -- what contradicts itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [np.nan, np.inf, 0.0, -1.0])
@pytest.mark.parametrize("name", ["x_s", "y_s"])
def test_scales_that_are_none(name: str, scale: float) -> None:
    with pytest.raises(UnsupportedModelError if scale == np.inf else ModelFormatError, match="scale") as caught:
        loaded(scaled(**{name: np.float32(scale)}))
    assert caught.value.operator in ("DequantizeLinear", "QuantizeLinear")


def test_a_cycle() -> None:
    proto = scaled()
    proto.graph.node[0].input[0] = "y"
    with pytest.raises(ModelFormatError, match="cycles"):
        loaded(proto)


def test_a_tensor_that_is_written_twice() -> None:
    proto = scaled()
    proto.graph.node[1].output[0] = "f"
    with pytest.raises(ModelFormatError, match="twice"):
        loaded(proto)


@pytest.mark.parametrize("shape", [(2**40,), (2**20, 2**20), (0, 3), (-1, 3)])
def test_absurd_input_shapes(shape: tuple[int, ...]) -> None:
    proto = scaled()
    del proto.graph.input[0].type.tensor_type.shape.dim[:]
    for size in shape:
        proto.graph.input[0].type.tensor_type.shape.dim.add().dim_value = size
    with pytest.raises(ModelError, match=r"shape|size"):
        loaded(proto)


def test_a_constant_that_asks_for_memory() -> None:
    nodes = [node("ConstantOfShape", ["n"], ["big"], name="big"), node("Add", ["x", "big"], ["y"], name="add")]
    proto = model(nodes, {"x": ("float32", (1,))}, {"y": ("float32", None)}, {"n": np.array([2**20, 2**20])})
    with pytest.raises(ModelFormatError, match=r"big.*ConstantOfShape"):
        loaded(proto)


def test_sums_that_can_leave_int32() -> None:
    """2**16 products of 255 * 127 and a large bias: on some input the sum would wrap."""
    weights = np.full((70_000, 1), 127, np.int8)
    constants = {"w": weights, "z": np.uint8(0), "wz": np.int8(0)}
    proto = model(
        [node("MatMulInteger", ["x", "w", "z", "wz"], ["y"], name="big")],
        {"x": ("uint8", (1, 70_000))}, {"y": ("int32", None)}, constants,
    )  # fmt: skip
    with pytest.raises(UnsupportedModelError, match=r"2,266,950,000.*int32") as caught:
        loaded(proto)
    assert caught.value.node == "big"


# -- what is not taken ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [7, 10, 23])
def test_opsets_that_are_not_read(opset: int) -> None:
    proto = scaled()
    proto.opset_import[0].version = opset
    with pytest.raises(UnsupportedModelError, match="opset") as caught:
        loaded(proto)
    assert caught.value.opset == opset


def test_control_flow() -> None:
    branch = helper.make_graph([node("Identity", ["x"], ["b"])], "b", [], [helper.make_tensor_value_info("b", 1, None)])
    nodes = [node("If", ["c"], ["y"], name="choice", then_branch=branch, else_branch=branch)]
    proto = model(nodes, {"x": ("float32", (1,))}, {"y": ("float32", None)}, {"c": np.array(True)})
    with pytest.raises(UnsupportedModelError, match="choice") as caught:
        loaded(proto)
    assert "control flow" in (caught.value.hint or "")


def test_an_attribute_that_is_not_understood() -> None:
    proto = scaled()
    proto.graph.node[1].attribute.append(helper.make_attribute("saturating", 1))
    with pytest.raises(UnsupportedModelError, match="saturating"):
        loaded(proto)


def test_a_shape_that_the_input_decides() -> None:
    nodes = [node("Reshape", ["x", "s"], ["y"], name="reshape")]
    proto = model(nodes, {"x": ("float32", (2, 3)), "s": ("int64", (1,))}, {"y": ("float32", None)})
    with pytest.raises(UnsupportedModelError, match="reshape") as caught:
        loaded(proto)
    assert "dims" in (caught.value.hint or "")


def test_an_axis_without_a_size_is_asked_for_by_name() -> None:
    nodes = [node("Relu", ["x"], ["y"], name="relu")]
    proto = model(nodes, {"x": ("float32", ("batch", "length"))}, {"y": ("float32", None)})
    with pytest.raises(UnsupportedModelError, match="length") as caught:
        loaded(proto)
    assert "'length': 64" in (caught.value.hint or "")
    assert lower(read_onnx(proto), {"length": 7}).inputs[0].axes == (1, 7)
    with pytest.raises(ModelFormatError, match="no axis height"):
        lower(read_onnx(proto), {"length": 7, "height": 3})


# -- external data ----------------------------------------------------------------------------------------------------


def external(folder: Path, location: str, **entries: str) -> Path:
    """x + w with w in another file."""
    proto = model(
        [node("Add", ["x", "w"], ["y"], name="add")], {"x": ("float32", (4,))}, {"y": ("float32", None)},
        {"w": np.arange(4, dtype=np.float32)},
    )  # fmt: skip
    tensor = proto.graph.initializer[0]
    data = tensor.raw_data or numpy_helper.to_array(tensor).tobytes()
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    (folder / "w.bin").write_bytes(data)
    return folder / "model.onnx"


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    found = loaded(external(tmp_path / "m", "w.bin"))
    (y,) = run(found.graph, {"x": np.ones(4, np.float32)}).values()
    assert y.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "location", ["../secret.bin", "/etc/hostname", "", ".", "missing.bin", "sub/../../secret.bin", "link.bin"]
)
def test_external_data_elsewhere(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    path = external(tmp_path / "m", location)
    (path.parent / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(ModelFormatError, match="beside the model"):
        loaded(path)


@pytest.mark.parametrize(
    "entries", [{"offset": "8"}, {"length": "8"}, {"offset": "-4"}, {"length": "x"}, {"length": str(2**40)}]
)
def test_external_data_that_does_not_fit(tmp_path: Path, entries: dict[str, str]) -> None:
    with pytest.raises(ModelFormatError, match=r"external|bytes"):
        loaded(external(tmp_path / "m", "w.bin", **entries))


def test_external_data_of_a_model_without_a_path(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="external"):
        loaded(external(tmp_path / "m", "w.bin").read_bytes())
