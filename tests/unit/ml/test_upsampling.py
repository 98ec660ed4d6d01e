"""Resize, ConvTranspose and DepthToSpace against onnxruntime, which has no integer kernel for the first two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest

from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml.lower.lowering import lower
from zkhost.ml.read.onnx_file import read_onnx

from .build import dq, model, node, onnxruntime_run, ours, q

F32 = np.float32


def random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def kinds(found: onnx.ModelProto) -> set[str]:
    return {type(op).__name__ for op in lower(read_onnx(found)).graph}


def assert_same(found: onnx.ModelProto, x: Any, *, tolerance: float = 0) -> None:
    (mine,), (theirs,) = ours(found, {"x": x}), onnxruntime_run(found, {"x": x})
    assert mine.shape == theirs.shape
    assert mine.dtype == theirs.dtype
    np.testing.assert_allclose(mine.astype(F32), theirs.astype(F32), rtol=0, atol=tolerance)


# -- Resize -----------------------------------------------------------------------------------------------------------

SCALES: list[dict[str, Any]] = [
    {"scales": [1, 1, 2, 2]}, {"scales": [1, 1, 4, 3]}, {"scales": [1, 1, 0.5, 0.6]}, {"scales": [1, 1, 1.7, 1]}, {"sizes": [1, 3, 11, 5]},
]  # fmt: skip
PLACES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners")


def resize(dtype: str, target: dict[str, Any], opset: int = 17, **attributes: Any) -> onnx.ModelProto:
    """A Resize of an image of 3 x 6 x 7, of f32 or between DequantizeLinear and QuantizeLinear of one scale."""
    constants: dict[str, Any] = {"none": np.zeros(0, F32), "x_s": F32(0.037), "x_z": np.array(5, "uint8")}
    if "scales" in target:
        constants["scales"], names = np.array(target["scales"], F32), ["none", "scales"]
    else:
        constants["sizes"], names = np.array(target["sizes"], np.int64), ["none", "", "sizes"]
    if dtype == "float32":
        nodes = [node("Resize", ["x", *names], ["y"], name="op", **attributes)]
    else:
        nodes = [dq("x", "f"), node("Resize", ["f", *names], ["g"], name="op", **attributes)]
        nodes.append(node("QuantizeLinear", ["g", "x_s", "x_z"], ["y"], name="q"))
    return model(nodes, {"x": (dtype, (1, 3, 6, 7))}, {"y": (dtype, None)}, constants, opset)


def image(dtype: str, seed: int = 0) -> Any:
    shape = (1, 3, 6, 7)
    return (
        random(seed).integers(0, 256, shape).astype(dtype)
        if dtype == "uint8"
        else random(seed).normal(size=shape).astype(F32)
    )


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("target", SCALES)
def test_linear_interpolation_has_the_bits_of_onnxruntime(target: dict[str, Any], place: str, dtype: str) -> None:
    found = resize(dtype, target, mode="linear", coordinate_transformation_mode=place)
    for seed in range(3):
        assert_same(found, image(dtype, seed))


@pytest.mark.parametrize("rounding", ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("target", SCALES)
def test_nearest_neighbours_are_moved(target: dict[str, Any], place: str, rounding: str) -> None:
    found = resize("uint8", target, mode="nearest", coordinate_transformation_mode=place, nearest_mode=rounding)
    assert_same(found, image("uint8"))
    assert kinds(found) <= {"Move", "Reshape"}


def test_axes_of_opset_18() -> None:
    found = resize("float32", {"scales": [2, 3]}, 18, mode="nearest", axes=[2, 3])
    assert_same(found, image("float32"))


@pytest.mark.parametrize(
    ("target", "attributes", "says"),
    [
        ({"scales": [1, 1, 2, 2]}, {"mode": "cubic"}, "mode 'cubic'"),
        ({"scales": [1, 2, 2, 2]}, {"mode": "linear"}, "batch or channels"),
        (
            {"sizes": [1, 3, 6, 4]},
            {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "round_prefer_ceil"},
            "near the middle",
        ),
        ({"scales": [1, 1, 2, 2]}, {"coordinate_transformation_mode": "tf_crop_and_resize"}, "tf_crop_and_resize"),
    ],
)
def test_a_resize_that_is_not_taken(target: dict[str, Any], attributes: dict[str, Any], says: str) -> None:
    with pytest.raises(UnsupportedModelError, match=says) as caught:
        lower(read_onnx(resize("float32", target, **attributes)))
    assert caught.value.node == "op"
    assert caught.value.hint


def test_linear_interpolation_of_plain_integers_is_refused() -> None:
    """onnxruntime's result depends on the layout that its optimiser chose."""
    made = node("Resize", ["x", "", "scales"], ["y"], name="op", mode="linear")
    found = model(
        [made], {"x": ("uint8", (1, 3, 6, 7))}, {"y": ("uint8", None)}, {"scales": np.array([1, 1, 2, 2], F32)}
    )
    with pytest.raises(UnsupportedModelError, match="linear interpolation of integers") as caught:
        lower(read_onnx(found))
    assert "QDQ" in str(caught.value.hint)


@pytest.mark.parametrize("scales", [[1, 1, 0, 2], [1, 1, -2, 2], [1, 1, 1e9, 1], [1, 2]])
def test_scales_that_cannot_be(scales: list[float]) -> None:
    with pytest.raises(ModelFormatError, match="'op'"):
        lower(read_onnx(resize("float32", {"scales": scales}, mode="nearest")))


# -- DepthToSpace -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "mode"), [("DepthToSpace", "DCR"), ("DepthToSpace", "CRD"), ("SpaceToDepth", "")])
def test_blocks_and_depth(op: str, mode: str) -> None:
    constants: dict[str, Any] = {"x_s": F32(0.1), "x_z": np.int8(3)}
    attributes = {"mode": mode} if mode else {}
    nodes = [dq("x", "f"), node(op, ["f"], ["g"], name="op", blocksize=2, **attributes)]
    nodes.append(node("QuantizeLinear", ["g", "x_s", "x_z"], ["y"], name="q"))
    found = model(nodes, {"x": ("int8", (2, 8, 4, 6))}, {"y": ("int8", None)}, constants)
    assert_same(found, random(1).integers(-128, 128, (2, 8, 4, 6)).astype("int8"))
    assert kinds(found) <= {"Move", "Reshape"}


def test_blocks_that_do_not_divide() -> None:
    found = model(
        [node("DepthToSpace", ["x"], ["y"], name="op", blocksize=3)],
        {"x": ("float32", (1, 8, 4, 6))},
        {"y": ("float32", None)},
    )
    with pytest.raises(ModelFormatError, match="blocks of 3"):
        lower(read_onnx(found))


# -- ConvTranspose ----------------------------------------------------------------------------------------------------

TRANSPOSED: list[tuple[Sequence[int], Sequence[int], dict[str, Any]]] = [
    ((1, 6, 5, 7), (6, 4, 2, 2), {"strides": [2, 2]}),
    ((1, 6, 5, 7), (6, 4, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ((2, 6, 5, 7), (6, 2, 4, 3), {"strides": [3, 1], "pads": [1, 0, 2, 1], "group": 2}),
    ((1, 6, 5, 7), (6, 1, 3, 3), {"strides": [2, 3], "group": 6, "dilations": [2, 1]}),
    ((1, 6, 5, 7), (6, 4, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ((1, 6, 5, 7), (6, 4, 3, 3), {"strides": [2, 2], "output_shape": [10, 13]}),
    ((1, 6, 1, 7), (6, 4, 1, 1), {}),
    ((1, 6, 9), (6, 4, 5), {"strides": [4], "pads": [2, 2]}),
    ((1, 3, 3, 4, 2), (3, 2, 2, 2, 2), {"strides": [2, 2, 2]}),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "kernel", "attributes"), TRANSPOSED)
def test_a_transposed_convolution_in_float(
    shape: Sequence[int], kernel: Sequence[int], attributes: dict[str, Any]
) -> None:
    draw = random(len(kernel))
    constants = {
        "w": draw.normal(size=kernel).astype(F32),
        "b": draw.normal(size=kernel[1] * attributes.get("group", 1)).astype(F32),
    }
    found = model([node("ConvTranspose", ["x", "w", "b"], ["y"], name="op", **attributes)], {"x": ("float32", shape)}, {"y": ("float32", None)}, constants)  # fmt: skip
    assert_same(found, draw.normal(size=shape).astype(F32), tolerance=2e-5)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize(("shape", "kernel", "attributes"), TRANSPOSED)
def test_a_transposed_convolution_between_quantised_tensors_is_one_of_integers(
    shape: Sequence[int], kernel: Sequence[int], attributes: dict[str, Any], dtype: str, per_channel: bool
) -> None:
    """Where no value lies within an f32's error of a tie, as here, onnxruntime's bytes are these."""
    draw, info = random(7), np.iinfo(dtype)
    scale: Any = draw.uniform(0.003, 0.02, kernel[1] if per_channel else ()).astype(F32)
    constants: dict[str, Any] = {
        "w": draw.integers(-127, 128, kernel).astype(np.int8), "w_s": scale, "w_z": np.zeros(scale.shape, np.int8),
        "b": draw.normal(size=kernel[1] * attributes.get("group", 1)).astype(F32),
        "x_s": F32(0.0213), "x_z": np.array(7, dtype), "y_s": F32(0.0437), "y_z": np.array(100, dtype),
    }  # fmt: skip
    nodes = [
        dq("x", "xf"),
        node("DequantizeLinear", ["w", "w_s", "w_z"], ["wf"], name="dw", axis=1),
        node("ConvTranspose", ["xf", "wf", "b"], ["f"], name="op", **attributes),
        node("Relu", ["f"], ["r"], name="relu"),
        q("r", "y"),
    ]
    found = model(nodes, {"x": (dtype, shape)}, {"y": (dtype, None)}, constants)
    assert_same(found, draw.integers(info.min, info.max + 1, shape).astype(dtype))
    assert "Conv" in kinds(found)
    assert "ConvF" not in kinds(found)


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"strides": [2]}, "2 axes"),
        ({"pads": [5, 0, 0, 0]}, "pads"),
        ({"output_shape": [99, 99]}, "larger"),
        ({"group": 4}, "4 groups"),
        ({"auto_pad": "SOME"}, "SOME"),
    ],
)
def test_a_transposed_convolution_that_cannot_be(attributes: dict[str, Any], says: str) -> None:
    found = model([node("ConvTranspose", ["x", "w"], ["y"], name="op", **attributes)], {"x": ("float32", (1, 6, 5, 7))}, {"y": ("float32", None)}, {"w": np.zeros((6, 4, 3, 3), F32)})  # fmt: skip
    with pytest.raises((ModelFormatError, UnsupportedModelError), match=says):
        lower(read_onnx(found))
