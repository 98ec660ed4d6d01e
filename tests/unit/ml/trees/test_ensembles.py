"""Tree ensembles of ai.onnx.ml 1 to 5: onnxruntime's bits, in the reference interpreter and in the guest's kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.unit.ml.build import onnxruntime_run, ours
from zkhost import ml
from zkhost.errors import ModelFormatError, ModelInputError, UnsupportedModelError
from zkhost.ml import _native, guest_input
from zkhost.ml.compile import compile_graph, tree_cells
from zkhost.ml.lower.lowering import Lowered, lower
from zkhost.ml.read.onnx_file import read_onnx
from zkhost.ml.tensors import output_arrays

from .forests import F32, MODES, attributes, model, rows, version_5

MODELS = Path(__file__).parents[1] / "models" / "trees"
FILES = [path.name for path in sorted(MODELS.glob("*.onnx")) if path.name.split("_")[0] in ("decision", "gradient", "random", "xgboost", "lightgbm")]  # fmt: skip


def computed(model: Lowered, plan: bytes, row: Any) -> dict[str, Any]:
    """The outputs, by the guest's kernels."""
    given = guest_input.inference(model.graph, {}, {}, [{model.graph.inputs[0]: row}], {})
    return output_arrays(model.graph, model.outputs, _native.compute(plan, given).outputs)


def same(found: Any, expected: Any) -> bool:
    """The same bits, whatever the shape."""
    return bool(np.asarray(found).reshape(-1).astype(expected.dtype).tobytes() == np.asarray(expected).tobytes())


def agrees(proto: onnx.ModelProto, inputs: Any) -> None:
    """Reference, kernels and onnxruntime have the same bits on every row."""
    lowered = lower(read_onnx(proto))
    for row in inputs:
        values = ours(lowered, {"x": row[np.newaxis]})
        for port, value, expected in zip(
            lowered.outputs, values, onnxruntime_run(proto, {"x": row[np.newaxis]}), strict=True
        ):
            found = np.asarray(port.labels)[value] if port.labels else value
            if expected.dtype.kind == "f":
                assert same(found, expected), (row, found, expected)
            else:
                assert found.reshape(-1).tolist() == expected.reshape(-1).tolist(), (row, found, expected)


@pytest.mark.parametrize("name", FILES)
def test_a_file_computes_what_onnxruntime_does(name: str) -> None:
    """What scikit-learn, XGBoost and LightGBM export: 0 labels and 0 scores differ, before a post_transform."""
    source = read_onnx(MODELS / name)
    (node,) = [node for node in source.nodes if node.op.startswith("TreeEnsemble")]
    label = [port.name for port in source.outputs if port.name == "label"]
    stored = np.load((MODELS / name).with_suffix(".npz"))
    expected = [stored["ort0"], stored["raw" if "raw" in stored else "ort1"]] if label else [stored["ort0"]]
    lowered = lower(source, outputs=[*label, node.outputs[-1]])
    plan = compile_graph(lowered.graph).plan
    for place, row in enumerate(stored["x"]):
        found = computed(lowered, plan, row[np.newaxis])
        for port, each in zip(lowered.outputs, expected, strict=True):
            assert same(found[port.name], each[place : place + 1]), (place, port.name)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("missing", [False, True])
def test_every_mode_meets_ties_and_nan(mode: str, missing: bool) -> None:
    proto = model("TreeEnsembleRegressor", 4, ["y"], n_targets=1, **attributes(7, modes=[mode], missing=missing))
    agrees(proto, rows(3, 25, 4))


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("base", [False, True])
def test_aggregates_with_base_values_and_targets(aggregate: str, targets: int, base: bool) -> None:
    lists = attributes(5, ids=range(targets), entries=targets)
    more: dict[str, Any] = {"base_values": [0.3, -1.7, 2.9][:targets]} if base else {}
    proto = model("TreeEnsembleRegressor", 4, ["y"], n_targets=targets, aggregate_function=aggregate, **lists, **more)
    agrees(proto, rows(4, 20, 4))


@pytest.mark.parametrize("labels", [{"classlabels_int64s": [5, -3, 7]}, {"classlabels_strings": ["ä", "b", "c"]}])
@pytest.mark.parametrize("low", [-2, 0])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("base", [False, True])
def test_labels_and_scores_of_classifiers(labels: dict[str, list[Any]], low: float, classes: int, base: bool) -> None:
    """Two classes with weights of one; three; weights that are all positive, which makes them probabilities."""
    ids = range(1 if classes == 2 else 3)
    lists = attributes(6, prefix="class", ids=ids, low=low, entries=len(ids))
    named: dict[str, Any] = {name: values[:classes] for name, values in labels.items()}
    more: dict[str, Any] = {"base_values": [0.25, -0.5, 0.125][: len(ids)]} if base else {}
    agrees(model("TreeEnsembleClassifier", 4, ["label", "scores"], **lists, **named, **more), rows(8, 20, 4))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("aggregate", [0, 1, 2, 3])
def test_version_5(dtype: Any, aggregate: int) -> None:
    """Sets as conditions, a tree that is a leaf, f32 and f64."""
    for seed in range(3):
        proto = model(
            "TreeEnsemble",
            4,
            ["y"],
            version=5,
            kind=dtype,
            aggregate_function=aggregate,
            **version_5(seed, dtype=dtype),
        )
        agrees(proto, rows(seed, 12, 4, dtype=dtype, whole=True))


def test_rows_are_independent() -> None:
    """Three rows at once are three rows one by one, where only one has a NaN."""
    proto = model("TreeEnsembleRegressor", 4, ["y"], n_targets=1, **attributes(9))
    inputs = rows(2, 3, 4, nan=False)
    inputs[1, 2] = np.nan
    together = ours(lower(read_onnx(proto), {"N": 3}), {"x": inputs})[0]
    one = lower(read_onnx(proto))
    assert together.tolist() == [ours(one, {"x": row[np.newaxis]})[0][0].tolist() for row in inputs]


def test_trees_larger_than_a_skip_are_walked() -> None:
    """A tree whose halves are further apart than a cell can say, and a chain that is as deep as it is long."""
    nodes = 70_001
    inner = nodes // 2
    for chain in (False, True):
        yes = list(range(1, inner + 1)) if chain else [2 * i + 1 for i in range(inner)]
        no = [*list(range(inner + 1, nodes)), nodes - 1] if chain else [2 * i + 2 for i in range(inner)]
        no = no[:inner]
        thresholds = np.random.default_rng(0).normal(size=inner).astype(F32)
        trees = tree_cells.Forest(
            np.array([1] * inner + [0] * (nodes - inner), np.uint8), np.zeros(nodes, np.int32),
            np.concatenate([thresholds, np.zeros(nodes - inner, F32)]), np.array(yes + list(range(nodes - inner)), np.int32),
            np.array(no + list(range(1, nodes - inner + 1)), np.int32), np.zeros(nodes, np.uint8),
            np.zeros(nodes - inner, np.int32), np.arange(nodes - inner, dtype=F32), np.zeros(1, np.int32),
        )  # fmt: skip
        stream, roots = tree_cells.cells(trees)
        for x in (-5.0, -0.3, 0.0, 0.7, 5.0):
            node = 0
            while trees.modes[node]:
                node = int(trees.yes[node] if F32(x) <= trees.thresholds[node] else trees.no[node])
            assert walk(stream, int(roots[0]), F32(x)) == trees.weights[trees.yes[node]]


def walk(stream: Any, at: int, x: Any) -> Any:
    """The first weight of the leaf that a value ends in."""
    key = int(tree_cells.keys_of(np.array([x]))[0])
    while True:
        word, skipped = int(stream[at + 1]), int(stream[at])
        if word >> 31 and word >> 29 & 1:
            at += 2 + skipped
        elif word >> 31:
            return stream[at : at + 1].view(F32)[0]
        else:
            at += 2 + (word >> 16 if key > int(stream[at : at + 1].view(np.int32)[0]) else 0)


def test_an_input_of_trees_may_have_nan_and_others_may_not() -> None:
    trees = ml.load(MODELS / "decision_tree_diabetes.onnx")
    row = np.full((1, 10), np.nan, F32)
    assert trees.inputs[0].nan
    assert np.isfinite(trees.compute(row)["variable"]).all()
    run = trees.execute(row)
    assert run.journal.inputs is not None
    assert np.isnan(run.journal.inputs["X"]).all()
    scaled = ml.load(MODELS / "scaler_mlp_cancer.onnx", outputs=["variable"])
    with pytest.raises(ModelInputError, match="NaN"):
        scaled.compute(np.full((1, 30), np.nan, F32))


def test_texts_of_labels_stay_outside_the_journal() -> None:
    lists = attributes(1, prefix="class", ids=range(3), entries=3)
    made = model("TreeEnsembleClassifier", 4, ["label", "scores"], classlabels_strings=["cat", "dog", "emu"], **lists)
    loaded, row = ml.load(made), rows(1, 1, 4)
    run = loaded.execute(row)
    (expected, _) = onnxruntime_run(made, {"x": row})
    assert run.outputs["label"].tolist() == expected.tolist()
    assert b"cat" not in run.session.journal.bytes
    assert expected[0].encode() not in run.session.journal.bytes


def test_zip_map_is_taken_off() -> None:
    lists = attributes(1, prefix="class", ids=range(3), entries=3)
    made = model("TreeEnsembleClassifier", 4, ["label", "scores"], classlabels_int64s=[0, 1, 2], **lists)
    plain = onnxruntime_run(made, {"x": rows(1, 1, 4)})
    made.graph.node.append(
        onnx.helper.make_node("ZipMap", ["scores"], ["zipped"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2])
    )
    made.graph.output[1].CopyFrom(onnx.ValueInfoProto(name="zipped"))
    made.graph.output[1].type.sequence_type.elem_type.map_type.key_type = onnx.TensorProto.INT64
    loaded = ml.load(made)
    assert loaded.compute(rows(1, 1, 4))["zipped"].tobytes() == plain[1].tobytes()


def broken(**changes: Any) -> onnx.ModelProto:
    return model("TreeEnsembleRegressor", 4, ["y"], **{"n_targets": 1, **attributes(2), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes_featureids": [9] * 200}, "different lengths"),
        ({"n_targets": 0}, "targets"),
        ({"aggregate_function": "MEDIAN"}, "MEDIAN"),
        ({"base_values": [1.0, 2.0]}, "base values"),
        ({"target_nodeids": [999]}, "different lengths"),
    ],
)
def test_lists_that_contradict_themselves_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        ml.load(broken(**changes))


def edited(name: str, value: Any) -> onnx.ModelProto:
    lists = attributes(2)
    inner = lists["nodes_modes"].index("BRANCH_LT") if "BRANCH_LT" in lists["nodes_modes"] else 0
    lists[name][inner] = value
    return model("TreeEnsembleRegressor", 4, ["y"], n_targets=1, **lists)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nodes_truenodeids", 0, "reached in two ways"),
        ("nodes_falsenodeids", 10**6, "to nodes of its tree"),
        ("nodes_featureids", 4, "feature 4 of 4"),
        ("nodes_featureids", -1, "feature"),
        ("nodes_values", float("nan"), "NaN"),
        ("nodes_modes", "BRANCH_ODD", "BRANCH_ODD"),
        ("target_ids", 3, "target 3 of 1"),
        ("target_weights", float("inf"), "finite"),
        ("target_nodeids", 10**6, "nodes that are there"),
    ],
)
def test_nodes_that_are_no_trees_are_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        ml.load(edited(name, value))


def test_what_is_not_taken_is_refused_by_name() -> None:
    lists = attributes(1, prefix="class", ids=[0, 1], entries=2)
    with pytest.raises(UnsupportedModelError, match="2 classes with weights for"):
        ml.load(model("TreeEnsembleClassifier", 4, ["label", "scores"], classlabels_int64s=[0, 1], **lists))
    with pytest.raises(UnsupportedModelError, match="16,384"):
        ml.load(model("TreeEnsembleRegressor", 20_000, ["y"], n_targets=1, **attributes(1)))
    with pytest.raises(UnsupportedModelError, match="PROBIT") as refused:
        ml.load(model("TreeEnsembleRegressor", 4, ["y"], n_targets=1, post_transform="PROBIT", **attributes(1)))
    assert "y.raw" in (refused.value.hint or "")
    proto = model("TreeEnsembleRegressor", 4, ["y"], n_targets=1, post_transform="PROBIT", **attributes(1))
    assert ml.load(proto, outputs=["y.raw"]).compute(rows(1, 1, 4))["y.raw"].shape == (1, 1)
