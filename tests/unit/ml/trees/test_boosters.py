"""XGBoost's JSON and LightGBM's text: the bits of their own libraries, NaN and zeros included; what is not taken is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

from tests.unit.ml.build import ours
from zkhost import ml
from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml import _native, guest_input
from zkhost.ml.compile import compile_graph
from zkhost.ml.lower.lowering import lower
from zkhost.ml.read import ubjson
from zkhost.ml.read.lightgbm_text import ZERO
from zkhost.ml.read.model_file import read_model
from zkhost.ml.tensors import output_arrays

MODELS = Path(__file__).parents[1] / "models" / "trees"
OWN = [("xgboost", "json", "margin"), ("lightgbm", "txt", "raw_score")]


def scores(model: Any, inputs: Any) -> Any:
    """The scores of rows, in the reference interpreter and the guest's kernels, one by one."""
    lowered = lower(read_model(model))
    (port,) = lowered.inputs
    return np.concatenate([ours(lowered, {port.name: row[np.newaxis].astype(port.dtype)})[0] for row in inputs])


def same(found: Any, expected: Any) -> bool:
    return found.dtype == expected.dtype and bool(found.tobytes() == expected.reshape(found.shape).tobytes())


@pytest.mark.parametrize("data", ["cancer", "digits", "diabetes"])
@pytest.mark.parametrize(("library", "suffix", "score"), OWN)
def test_a_file_computes_what_its_library_did(library: str, suffix: str, score: str, data: str) -> None:
    path = MODELS / f"{library}_{data}.{suffix}"
    lowered, stored = lower(read_model(path)), np.load(MODELS / f"{library}_{data}.own.npz")
    plan, (port,) = compile_graph(lowered.graph).plan, lowered.inputs
    found = []
    for row in stored["x"]:
        sample = {"x": row[np.newaxis].astype(port.dtype)}
        outputs = _native.compute(plan, guest_input.inference(lowered.graph, {}, {}, [sample], {})).outputs
        found.append(output_arrays(lowered.graph, lowered.outputs, outputs)[score])
    assert same(np.concatenate(found), stored[score])


def table(seed: int, rows: int = 200, features: int = 5) -> tuple[Any, Any]:
    """Features with NaN and zeros of both signs, and a target that depends on them."""
    random = np.random.default_rng(seed)
    x = np.round(random.normal(size=(rows, features)), 1)
    y = np.nan_to_num(x).sum(axis=1) + random.normal(size=rows)
    x[random.random(x.shape) < 0.1] = np.nan
    x[random.random(x.shape) < 0.1] = -0.0
    return x, y


OBJECTIVES: dict[str, dict[str, Any]] = {
    "reg:squarederror": {}, "reg:logistic": {"base_score": 0.3}, "count:poisson": {"base_score": 1.7}, "reg:gamma": {},
    "binary:logistic": {"scale_pos_weight": 2.0}, "multi:softmax": {"num_class": 3}, "binary:logitraw": {},
    "reg:absoluteerror": {}, "reg:tweedie": {"base_score": 0.6}, "rank:pairwise": {},
}  # fmt: skip


def boosted(objective: str, x: Any, y: Any, **more: Any) -> xgboost.Booster:
    if objective.startswith(("binary", "reg:logistic")):
        y = (y > 0).astype(float)
    elif objective.startswith("multi"):
        y = np.digitize(y, [-1, 1])
    elif objective.startswith(("count", "reg:gamma", "reg:tweedie")):
        y = np.abs(y) + 0.5
    elif objective.startswith("rank"):
        y = np.digitize(y, [0])
    matrix = xgboost.DMatrix(x, label=y)
    if objective.startswith("rank"):
        matrix.set_group([len(y)])
    parameters = {"objective": objective, "max_depth": 4, "seed": 0, "nthread": 1, **OBJECTIVES[objective], **more}
    return xgboost.train(parameters, matrix, num_boost_round=4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_xgboosts_objectives_start_from_its_margins(objective: str) -> None:
    x, y = table(1)
    booster = boosted(objective, x, y)
    expected = booster.predict(xgboost.DMatrix(x[:40]), output_margin=True)
    assert same(scores(bytes(booster.save_raw("json")), x[:40]), expected)


def test_xgboosts_forests_in_parallel_are_summed_in_order() -> None:
    x, y = table(2)
    booster = boosted("multi:softmax", x, y, num_parallel_tree=3, subsample=0.7)
    expected = booster.predict(xgboost.DMatrix(x[:40]), output_margin=True)
    assert same(scores(bytes(booster.save_raw("json")), x[:40]), expected)


@pytest.mark.parametrize("more", [{}, {"zero_as_missing": True}, {"use_missing": False}, {"boosting": "dart"}])
@pytest.mark.parametrize("objective", ["regression", "binary", "multiclass"])
def test_lightgbms_missing_values_and_zeros_go_where_it_sends_them(objective: str, more: dict[str, Any]) -> None:
    x, y = table(3, rows=400)
    labels = {"regression": y, "binary": y > 0, "multiclass": np.digitize(y, [-1, 1])}[objective]
    parameters = {
        "objective": objective,
        "num_leaves": 9,
        "verbose": -1,
        "num_threads": 1,
        "min_data_in_leaf": 3,
        **more,
    }
    if objective == "multiclass":
        parameters["num_class"] = 3
    booster = lightgbm.train(parameters, lightgbm.Dataset(x, labels), num_boost_round=6)
    inputs = x[:60].copy()
    inputs[:9, 0] = [ZERO, -ZERO, np.nextafter(ZERO, 1), -np.nextafter(ZERO, 1), 1e-300, np.inf, -np.inf, np.nan, 0.0]
    expected = booster.predict(inputs, raw_score=True, num_threads=1)
    assert same(scores(booster.model_to_string().encode(), inputs), np.asarray(expected))


def test_the_class_of_the_largest_score_is_an_output() -> None:
    for library, suffix, score in OWN:
        model = ml.load(MODELS / f"{library}_digits.{suffix}", output="argmax")
        stored = np.load(MODELS / f"{library}_digits.own.npz")
        row = stored["x"][:1].astype(model.inputs[0].dtype)
        assert model.execute(row).outputs[score].tolist() == stored[score][:1].argmax(axis=1).tolist()
        top = ml.load(MODELS / f"{library}_digits.{suffix}", output="topk", k=3).execute(row).outputs
        order = np.argsort(-stored[score][0], kind="stable")[:3]
        assert top[f"{score}.indices"][0].tolist() == order.tolist()
        assert top[score][0].tolist() == stored[score][0][order].tolist()


def test_a_threshold_on_a_score_of_f64() -> None:
    stored = np.load(MODELS / "lightgbm_cancer.own.npz")
    model = ml.load(MODELS / "lightgbm_cancer.txt", output="threshold", threshold=0.5)
    for row, score in zip(stored["x"][:10].astype(float), stored["raw_score"], strict=False):
        assert model.compute(row)["raw_score"].tolist() == [[bool(score >= 0.5)]]


def edited(change: Any) -> bytes:
    file = json.loads((MODELS / "xgboost_diabetes.json").read_text())
    change(file)
    return json.dumps(file).encode()


def _set(path: str, value: Any) -> Any:
    def change(file: Any) -> None:
        *keys, last = path.split("/")
        for key in keys:
            file = file[int(key) if isinstance(file, list) else key]
        file[int(last) if isinstance(file, list) else last] = value

    return change


TREE = "learner/gradient_booster/model/trees/0"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("learner/gradient_booster/name", "dart", "dart booster"),
        ("learner/gradient_booster/name", "gblinear", "gblinear booster"),
        ("learner/objective/name", "custom:mine", "custom:mine"),
        (f"{TREE}/categories", [1], "categorical"),
        (f"{TREE}/split_type/0", 1, "categorical"),
        (f"{TREE}/tree_param/size_leaf_vector", "3", "several values"),
    ],
)
def test_what_xgboost_has_and_is_not_taken_is_refused(path: str, value: Any, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        ml.load(edited(_set(path, value)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("learner", 3), ("learner/gradient_booster/model/tree_info", [0]), (f"{TREE}/left_children/0", 0),
        (f"{TREE}/left_children/0", 10**6), (f"{TREE}/left_children/0", -7), (f"{TREE}/right_children/0", 1),
        (f"{TREE}/split_indices/0", 10), (f"{TREE}/split_conditions/0", "x"), (f"{TREE}/split_conditions/0", float("nan")),
        ("learner/learner_model_param/base_score", "[nan]"), ("learner/learner_model_param/base_score", ""),
        ("learner/learner_model_param/num_feature", "0"), ("learner/learner_model_param/num_class", str(10**9)),
        ("learner/gradient_booster/model/tree_info/0", 1), ("learner/gradient_booster/model/trees", []), (TREE, None),
    ],
)  # fmt: skip
def test_a_json_that_contradicts_itself_is_no_model(path: str, value: Any) -> None:
    with pytest.raises(ModelFormatError):
        ml.load(edited(_set(path, value)))


def test_ubjson_is_the_same_model_as_json() -> None:
    x, y = table(1)
    booster = boosted("multi:softmax", x, y)
    binary = bytes(booster.save_raw("ubj"))
    assert ml.load(binary).image_id == ml.load(bytes(booster.save_raw("json"))).image_id
    for end in (1, 2, 3, 20, len(binary) // 2, len(binary) - 1):
        with pytest.raises(ModelFormatError):
            ml.load(binary[:end])
    for at in range(0, len(binary), 97):
        changed = bytearray(binary)
        changed[at] ^= 0x55
        try:
            ml.load(bytes(changed))
        except (ModelFormatError, UnsupportedModelError):
            continue


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{i\x01a[$d#i\x02" + bytes(4) + b"\x3f\x80\0\0}", {"a": [0.0, 1.0]}),
        (b"{i\x01a[TFZi\xffSi\x02\xc3\xa4Cx]}", {"a": [True, False, None, -1, "ä", "x"]}),
        (b"{#i\x01i\x01b{}", {"b": {}}),
        (b"[$I#U\x01\x80\x00", [-32768]),
        (b"[[[D" + bytes(8) + b"]]L" + bytes(7) + b"\x07]", [[[0.0]], 7]),
    ],
)
def test_ubjson(data: bytes, value: Any) -> None:
    assert ubjson.loads(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"", b"X", b"[", b"{", b"{i\x05a", b"[$T#l\x7f\xff\xff\xff", b"[$d#l\x7f\xff\xff\xff", b"[#i\xff", b"[$i]", b"[" * 1000,
        b"{i\xffa", b"Sd" + bytes(4), b"TT", b"Si\x01\xff", b"H",
    ],
)  # fmt: skip
def test_bytes_that_are_no_ubjson(data: bytes) -> None:
    with pytest.raises(ValueError):
        ubjson.loads(data)


def test_other_files_are_no_boosters() -> None:
    for data, error, message in [
        (b"{", ModelFormatError, "cut short"),
        (b"[" * 100_000, ModelFormatError, "ONNX"),
        (b"{" + b'"a":[' * 100_000, ModelFormatError, "cut short"),
        (b'{"learners": 1}', ModelFormatError, "no XGBoost model"),
        (b'"learner"', ModelFormatError, "ONNX"),
        (b"{L\0\0\0\0\0\0\0", ModelFormatError, "UBJSON"),
    ]:
        with pytest.raises(error, match=message):
            ml.load(data)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("num_cat=0", "num_cat=1", "categorical"),
        ("is_linear=0", "is_linear=1", "linear leaves"),
        ("label_index=0", "average_output", "random forest"),
    ],
)
def test_what_lightgbm_has_and_is_not_taken_is_refused(old: str, new: str, message: str) -> None:
    text = (MODELS / "lightgbm_diabetes.txt").read_text()
    with pytest.raises(UnsupportedModelError, match=message):
        ml.load(text.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("end of trees", "end"), ("num_tree_per_iteration=1", "num_tree_per_iteration=7"), ("left_child=", "left_child=9"),
        ("right_child=", "right_child=-99 "), ("decision_type=2", "decision_type=1"), ("threshold=", "threshold=nan "),
        ("leaf_value=", "leaf_value=inf "), ("num_leaves=", "num_leaves=9"), ("split_feature=", "split_feature=1"),
        ("max_feature_idx=9", "max_feature_idx=1"), ("max_feature_idx=9", "max_feature_idx=x"), ("Tree=0", "Bush=0"),
    ],
)  # fmt: skip
def test_a_text_that_contradicts_itself_is_no_model(old: str, new: str) -> None:
    text = (MODELS / "lightgbm_diabetes.txt").read_text()
    assert old in text
    with pytest.raises(ModelFormatError):
        ml.load(text.replace(old, new, 1).encode())


def test_a_prediction_that_is_the_margin_itself_is_an_output() -> None:
    stored = np.load(MODELS / "xgboost_diabetes.own.npz")
    model = ml.load(MODELS / "xgboost_diabetes.json", outputs=["prediction"])
    found = [model.compute(row)["prediction"].item() for row in stored["x"][:10]]
    assert found == stored["prediction"][:10].tolist()
    assert model.check(stored["x"][:10]).equal


def test_a_prediction_without_a_function_here_is_refused_by_name() -> None:
    x, y = table(1)
    with pytest.raises(UnsupportedModelError, match="the prediction of count:poisson"):
        ml.load(bytes(boosted("count:poisson", x, y).save_raw("json")), outputs=["prediction"])
