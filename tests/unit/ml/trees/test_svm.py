"""Support vector machines of scikit-learn, held against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.svm import SVC, SVR, OneClassSVM

from tests.unit.ml.build import onnxruntime_run, ours
from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml import load
from zkhost.ml.lower.lowering import lower
from zkhost.ml.read.onnx_file import read_onnx

X, Y = (np.asarray(part) for part in load_iris(return_X_y=True))
ROWS = X[::12].astype(np.float32)


def exported(estimator: Any, labels: Any, outputs: list[str]) -> Any:
    """The ONNX model cut off after the SVM itself."""
    proto = to_onnx(
        estimator.fit(X, labels),
        initial_types=[("X", FloatTensorType([None, 4]))],
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    kept = [node for node in proto.graph.node if node.op_type.startswith("SVM")]
    del proto.graph.node[:], proto.graph.output[:]
    proto.graph.node.extend(kept)
    for name, kind in zip(kept[0].output, outputs, strict=True):
        proto.graph.output.add(name=name).type.tensor_type.elem_type = {"label": 7, "score": 1}[kind]
    return proto


def compare(proto: Any) -> None:
    lowered = lower(read_onnx(proto))
    for row in ROWS:
        values = ours(lowered, {"X": row[np.newaxis]})
        for value, expected in zip(values, onnxruntime_run(proto, {"X": row[np.newaxis]}), strict=True):
            assert value.shape == expected.shape
            if expected.dtype.kind == "i":
                assert value.tolist() == expected.tolist()
            else:  # onnxruntime adds a pair's terms in float64, which cancel here
                np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_gives_onnxruntimes_label_and_scores(kernel: str, classes: int) -> None:
    labels = Y if classes == 3 else np.where(Y == 1, 7, -7)
    compare(exported(SVC(kernel=kernel, degree=2, coef0=0.5), labels, ["label", "score"]))


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid"])
def test_a_regressor(kernel: str) -> None:
    compare(exported(SVR(kernel=kernel), X[:, 0] * 2, ["score"]))


def test_outliers_have_another_sign() -> None:
    compare(exported(OneClassSVM(kernel="linear", nu=0.4), None, ["score"]))


def test_a_label_of_strings_needs_no_probabilities() -> None:
    names = load_iris().target_names[Y]
    estimator = SVC().fit(X, names)
    model = load(estimator, outputs=["output_label"])
    assert [model.compute(row)["output_label"][0] for row in ROWS] == estimator.predict(ROWS).tolist()


def test_what_is_not_taken_is_refused_by_name() -> None:
    proto = exported(SVC(kernel="linear"), Y, ["label", "score"])
    for name, value, error, message in [
        ("kernel_type", b"CUBIC", ModelFormatError, "CUBIC"),
        ("post_transform", b"SOFTMAX", UnsupportedModelError, "SOFTMAX"),
    ]:
        changed = type(proto)()
        changed.CopyFrom(proto)
        next(each for each in changed.graph.node[0].attribute if each.name == name).s = value
        with pytest.raises(error, match=message):
            load(changed)
    changed = type(proto)()
    changed.CopyFrom(proto)
    rho = next(each for each in changed.graph.node[0].attribute if each.name == "rho")
    rho.floats.pop()
    with pytest.raises(ModelFormatError, match="2 rho"):
        load(changed)
