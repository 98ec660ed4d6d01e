"""Linear models and what stands around them: the declared f32 arithmetic, held against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.unit.ml.build import onnxruntime_run, ours
from zkhost import ml
from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml.lower.lowering import lower
from zkhost.ml.read.onnx_file import read_onnx
from zkhost.ml.reference import run

from .forests import F32, model

MODELS = Path(__file__).parents[1] / "models" / "trees"
RANDOM = np.random.default_rng(5)
INPUTS = RANDOM.normal(size=(8, 6)).astype(F32)


def compare(proto: onnx.ModelProto, inputs: Any, atol: float = 0) -> None:
    """Labels are equal; scores differ by no more than a few last bits, and so do kernels from the reference by none."""
    lowered = lower(read_onnx(proto))
    for row in inputs:
        expected = onnxruntime_run(proto, {"x": row[np.newaxis]})
        for port, value, each in zip(lowered.outputs, ours(lowered, {"x": row[np.newaxis]}), expected, strict=True):
            found = np.asarray(port.labels)[value] if port.labels else value
            if each.dtype.kind == "f":
                np.testing.assert_allclose(found.reshape(each.shape), each, rtol=3e-6, atol=atol)
            else:
                assert found.reshape(-1).tolist() == each.reshape(-1).tolist()


@pytest.mark.parametrize("name", ["logistic_cancer", "logistic_digits", "linear_svc_digits"])
def test_a_linear_classifier_has_onnxruntimes_labels_and_its_librarys_scores(name: str) -> None:
    source = read_onnx(MODELS / f"{name}.onnx")
    (node,) = [node for node in source.nodes if node.op == "LinearClassifier"]
    lowered, stored = lower(source, outputs=["label", node.outputs[-1]]), np.load(MODELS / f"{name}.npz")
    for place, row in enumerate(stored["x"]):
        label, scores = (run(lowered.graph, {"X": row[np.newaxis]})[name] for name in lowered.graph.outputs)
        assert label.tolist() == [stored["ort0"][place]]
        own = np.atleast_1d(stored["decision"][place])
        np.testing.assert_allclose(scores[0][-len(own) :], own, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("labels", [{"classlabels_ints": [4, 2, 9]}, {"classlabels_strings": ["x", "y", "z"]}])
def test_linear_classifiers(labels: dict[str, Any]) -> None:
    for outputs, classes in [(3, 3), (2, 2)]:
        named = {name: values[:classes] for name, values in labels.items()}
        coefficients = RANDOM.normal(size=outputs * 6).astype(F32).tolist()
        more: dict[str, Any] = {"intercepts": RANDOM.normal(size=outputs).tolist()}
        proto = model("LinearClassifier", 6, ["label", "scores"], coefficients=coefficients, **named, **more)
        compare(proto, INPUTS, atol=1e-6)


@pytest.mark.parametrize("targets", [1, 3])
def test_linear_regressors(targets: int) -> None:
    coefficients, intercepts = RANDOM.normal(size=6 * targets).tolist(), RANDOM.normal(size=targets).tolist()
    proto = model("LinearRegressor", 6, ["y"], coefficients=coefficients, intercepts=intercepts, targets=targets)
    compare(proto, INPUTS, atol=1e-6)


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("Scaler", {"offset": [0.5, 0, -1, 2, 3, 4], "scale": [1, 2, 0.25, -1, 0.1, 3]}),
        ("Scaler", {"offset": [0.5], "scale": [3.0]}),
        ("Normalizer", {"norm": "L1"}),
        ("Normalizer", {"norm": "L2"}),
        ("Binarizer", {"threshold": 0.25}),
    ],
)
def test_features_are_prepared(op: str, attributes: dict[str, Any]) -> None:
    inputs = np.concatenate([INPUTS, np.zeros((1, 6), F32), np.full((1, 6), 0.25, F32)])
    compare(model(op, 6, ["y"], **attributes), inputs)


def chain(nodes: list[onnx.NodeProto], out: str, kind: int, constants: dict[str, Any] | None = None) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    stored = [onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in (constants or {}).items()]
    x = value("x", onnx.TensorProto.FLOAT, ["N", 6])
    graph = helper.make_graph(nodes, "test", [x], [value(out, kind, None)], stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])
    made.ir_version = 8
    return made


def node(op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, outputs, domain="ai.onnx.ml", **attributes)


def test_columns_are_chosen_and_joined() -> None:
    nodes = [
        node("ArrayFeatureExtractor", ["x", "columns"], ["a"]),
        node("Scaler", ["x"], ["b"], offset=[1.0], scale=[2.0]),
        node("FeatureVectorizer", ["a", "b"], ["y"], inputdimensions=[3, 6]),
    ]
    made = chain(nodes, "y", onnx.TensorProto.FLOAT, {"columns": np.array([4, 0, 5], np.int64)})
    compare(made, INPUTS)


@pytest.mark.parametrize("labels", [np.array([30, -10, 20], np.int64), np.array(["ü", "b", "c"])])
def test_the_label_of_the_largest_is_looked_up(labels: Any) -> None:
    """As skl2onnx writes it for networks: ArgMax, ArrayFeatureExtractor, Reshape, Cast."""
    text = labels.dtype.kind == "U"
    kind = onnx.TensorProto.STRING if text else onnx.TensorProto.INT64
    nodes = [
        helper.make_node("ArgMax", ["x"], ["index"], axis=1),
        node("ArrayFeatureExtractor", ["labels", "index"], ["found"]),
        helper.make_node("Reshape", ["found", "shape"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["y"], to=kind),
    ]
    values = labels.astype(object) if text else labels
    made = chain(nodes, "y", kind, {"labels": values, "shape": np.array([-1], np.int64)})
    inputs = np.where(np.arange(6) < 3, INPUTS, F32(-99)).astype(F32)
    compare(made, inputs)


def test_labels_are_renamed() -> None:
    made = chain(
        [
            node("LinearClassifier", ["x"], ["l", "s"], coefficients=RANDOM.normal(size=18).tolist(), intercepts=[0.0] * 3, classlabels_strings=["a", "b", "c"]),
            node("LabelEncoder", ["l"], ["y"], keys_strings=["c", "a", "b"], values_int64s=[7, 8, 9]),
        ],
        "y", onnx.TensorProto.INT64,
    )  # fmt: skip
    compare(made, INPUTS)


@pytest.mark.parametrize(
    ("op", "attributes", "error", "message"),
    [
        ("LinearRegressor", {"coefficients": [1.0, 2.0]}, ModelFormatError, "2 coefficients"),
        ("LinearRegressor", {"coefficients": [1.0] * 5 + [float("nan")]}, ModelFormatError, "finite"),
        ("Scaler", {"offset": [1.0, 2.0], "scale": [1.0]}, ModelFormatError, "2 entries of offset"),
        ("Normalizer", {"norm": "MAX"}, UnsupportedModelError, "the norm MAX"),
        ("LinearRegressor", {"coefficients": [1.0] * 6, "post_transform": "PROBIT"}, UnsupportedModelError, "PROBIT"),
    ],
)
def test_what_is_wrong_or_not_taken_is_refused(op: str, attributes: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        ml.load(model(op, 6, ["y"], **attributes))


def test_classes_and_coefficients_agree() -> None:
    for coefficients, labels in [([1.0] * 12, [0, 1, 2]), ([1.0] * 6, [0, 1, 2])]:
        with pytest.raises(ModelFormatError, match="coefficients of"):
            ml.load(
                model("LinearClassifier", 6, ["label", "scores"], coefficients=coefficients, classlabels_ints=labels)
            )
