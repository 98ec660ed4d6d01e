"""ONNX's own node tests of every operator that is taken: they pass, or are refused for a stated reason.

A node test has everything as an input; scales, axes and the like are turned into constants where the operator needs
them known. Its opset is moved into the range that is read, within which these operators do not change.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from zkhost.errors import ModelError
from zkhost.ml.lower.context import HANDLERS
from zkhost.ml.lower.lowering import Lowered, lower
from zkhost.ml.read.onnx_file import FIRST_OPSET, LAST_OPSET, read_onnx

from .build import ours

REFUSED = (
    "an input of s8", "an input of u8", "an input of s32", "an input of f64",  # f32 arithmetic on plain integers
    "a cast of an activation", "element type", "training mode", "the dtype",  # types that no int8 model has
    "blocks of scales", "outputs; expected uint8 or int8",
    "a Dropout that trains", "the indices of the maxima", "has the shape [", "an empty slice", "parts of [0, 0, 0]",
    "cannot reshape [1, 3, 4] to [3, 4, 0]", "a scale that is not a constant float32", "is a sequence_type", "is a optional_type",
    "mode 'cubic'", "antialias", "mode 'nearest'; expected nearest or linear, without antialias, stretched", "coordinate_transformation_mode",
    "an output larger than",
)  # fmt: skip


OTHERWISE = {"test_resize_downsample_scales_linear_align_corners"}
"""Cases in which onnxruntime, the reference here, does not do what ONNX says: it aligns the corners of the rounded size."""


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


@functools.cache
def cases() -> dict[str, Any]:
    """The single-node cases of operators that are lowered, by name."""
    from onnx.backend.test.loader import load_model_tests

    found = {}
    for case in load_model_tests(kind="node"):
        assert case.model is not None
        nodes = case.model.graph.node
        if case.name in OTHERWISE:
            continue
        if len(nodes) == 1 and (f"{nodes[0].domain}." if nodes[0].domain else "") + nodes[0].op_type in HANDLERS:
            found[case.name] = case
    return found


def lowered(case: Any, inputs: list[Any]) -> Lowered:
    """With all inputs as inputs, or with all but the first as constants."""
    proto = copy.deepcopy(case.model)
    for entry in proto.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = min(max(entry.version, FIRST_OPSET), LAST_OPSET)
    try:
        return lower(read_onnx(proto))
    except ModelError:
        for port, value in list(zip(proto.graph.input, inputs, strict=False))[1:]:
            proto.graph.initializer.append(numpy_helper.from_array(value, port.name))
        return lower(read_onnx(proto))


def outcome(case: Any) -> str:
    """passed, or why it is refused."""
    for given, expected in case.data_sets:
        if any(isinstance(value, list) or value is None for value in (*given, *expected)):
            return "is a sequence_type"
        inputs = [_array(value) for value in given]
        try:
            found = lowered(case, inputs)
        except ModelError as error:
            return error.message
        names = [port.name for port in case.model.graph.input]
        arrays = {
            name: value.astype(np.int32) if value.dtype == np.int64 else value
            for name, value in zip(names, inputs, strict=False)
        }
        values = ours(found, {name: arrays[name] for name in found.graph.inputs})
        for got, value in zip(values, expected, strict=True):
            wanted = _array(value)
            assert got.shape == wanted.shape, case.name
            if wanted.dtype.kind == "f":
                np.testing.assert_allclose(got, wanted, rtol=case.rtol, atol=case.atol, err_msg=case.name)
            else:
                np.testing.assert_array_equal(got, wanted, err_msg=case.name)
    return "passed"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the cases' own numpy
def test_node_tests_pass_or_are_refused_for_a_stated_reason() -> None:
    pytest.importorskip("onnx.backend.test.loader")
    results = {name: outcome(case) for name, case in cases().items()}
    unstated = {
        name: why for name, why in results.items() if why != "passed" and not any(reason in why for reason in REFUSED)
    }
    assert not unstated
    passed = Counter(cases()[name].model.graph.node[0].op_type for name, why in results.items() if why == "passed")
    assert sum(passed.values()) >= 510
    for operator in ("Conv", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear", "AveragePool",
                     "TreeEnsemble", "ArrayFeatureExtractor", "Binarizer", "MaxPool", "ArgMax", "TopK", "Gather", "Slice", "Pad", "Split", "Concat", "Transpose", "ReduceMean", "Gemm",
                     "Exp", "Log", "Sigmoid", "Tanh", "Erf", "Pow", "Softmax", "LogSoftmax", "Softplus", "Gelu", "Mish", "Where", "Equal", "Less",
                     "Greater", "Not", "And", "LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization",
                     "BatchNormalization", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceLogSum", "Trilu", "Tile", "PRelu", "Selu", "Resize", "ConvTranspose",
                     "DepthToSpace", "SpaceToDepth"):  # fmt: skip
        assert passed[operator], operator
