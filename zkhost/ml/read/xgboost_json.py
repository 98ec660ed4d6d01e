"""XGBoost's JSON and UBJSON: a gbtree booster of numerical splits, in the arithmetic of its CPU predictor (f32, tree by tree).

The format is doc/tutorials/saving_model.rst and doc/model.schema of XGBoost; a node goes left where x < split_conditions,
and where default_left says for NaN (src/predictor/predict_fn.h, GetNextNode). Margins start from base_score, which is a
probability or a mean under some objectives (ObjFunction::ProbToMargin).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zkhost.errors import ModelError, ModelFormatError, UnsupportedModelError
from zkhost.ml.graph import Array
from zkhost.ml.ops.trees import LT
from zkhost.ml.read import ubjson
from zkhost.ml.read.booster import source
from zkhost.ml.read.onnx_file import Source
from zkhost.ml.read.tree_nodes import Nodes, check

F32 = np.float32


def _logit(base: Array) -> Array:
    return -np.log((F32(1) / base - F32(1)).astype(np.float64))


def _log(base: Array) -> Array:
    return np.log(base.astype(np.float64))


def _same(base: Array) -> Array:
    return base


MARGINS: Mapping[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("binary:logistic", "reg:logistic"), _logit),
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"), _log),
    **dict.fromkeys(
        (
            "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "binary:hinge", "binary:logitraw",
            "multi:softmax", "multi:softprob", "rank:ndcg", "rank:map", "rank:pairwise",
        ),
        _same,
    ),
}  # fmt: skip
"""By objective: base_score as a margin."""


def recognise(head: bytes) -> bool:
    """Return whether a file starts as JSON or UBJSON do. No ONNX file does."""
    return head.lstrip()[:1] == b"{"


def read(data: bytes, name: str) -> Source:
    """Read a booster, whose output `margin` is what Booster.predict(..., output_margin=True) returns."""
    try:
        return _read(_parsed(data, name), name)
    except ModelError:
        raise
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError) as error:
        raise ModelFormatError(
            f"{name} is no XGBoost model, or contradicts itself: {type(error).__name__}: {error}", hint="save it again: booster.save_model('model.json')"
        ) from error  # fmt: skip


def _parsed(data: bytes, name: str) -> Any:
    binary = data[1:2] in (b"L", b"l", b"I", b"i", b"U")  # how UBJSON says the length of the first key
    try:
        return ubjson.loads(data) if binary else json.loads(data)
    except (ValueError, RecursionError) as error:
        kind = "UBJSON" if binary else "JSON"
        raise ModelFormatError(
            f"{name} is not {kind}, or is cut short: {error}", hint="copy or save it again"
        ) from error


def _refused(name: str, found: str, expected: str, hint: str) -> UnsupportedModelError:
    return UnsupportedModelError(f"{name}: {found}; expected {expected}", hint=hint, expected=expected)


def _read(file: Any, name: str) -> Source:
    if not isinstance(file, dict) or "learner" not in file:
        raise ModelFormatError(
            f"{name} is JSON, but no XGBoost model", hint="save it again: booster.save_model('model.json')"
        )
    learner = file["learner"]
    booster, parameters = learner["gradient_booster"], learner["learner_model_param"]
    if booster["name"] != "gbtree":
        raise _refused(name, f"a {booster['name']} booster", "gbtree", "train with booster='gbtree'")
    objective = str(learner["objective"]["name"])
    if objective not in MARGINS:
        raise _refused(name, f"the objective {objective}", ", ".join(MARGINS), "train with one of these")
    model = booster["model"]
    features = int(parameters["num_feature"])
    targets = max(int(parameters.get("num_class", 0)), int(parameters.get("num_target", 1)), 1)
    if len(model["tree_info"]) != len(model["trees"]):
        raise ValueError(f"{len(model['tree_info'])} entries of tree_info for {len(model['trees'])} trees")
    nodes = Nodes(np.dtype(F32))
    for place, (group, tree) in enumerate(zip(model["tree_info"], model["trees"], strict=True)):
        _add(nodes, tree, int(group), f"{name}: tree {place}")
    check(nodes, features, targets)
    text = str(parameters["base_score"]).strip("[]")
    base = np.array([float(value) for value in text.split(",")], F32)
    with np.errstate(all="ignore"):
        start = np.broadcast_to(MARGINS[objective](base).astype(F32), (targets,))
    if not np.isfinite(start).all():
        raise ValueError(f"a base_score of {text} under {objective}")
    return source(name, "xgboost", ("margin", "prediction"), nodes, features, targets, start=start, objective=objective)


def _add(nodes: Nodes, tree: Any, group: int, name: str) -> None:
    if int(tree.get("tree_param", {}).get("size_leaf_vector", 1)) > 1:
        raise _refused(name, "leaves of several values", "one value", "train with multi_strategy='one_output_per_tree'")
    if tree.get("categories") or any(tree.get("split_type", [])):
        raise _refused(name, "a categorical split", "numerical splits", "encode categories as numbers before training")
    columns = [
        tree[key] for key in ("left_children", "right_children", "split_indices", "split_conditions", "default_left")
    ]
    if len({len(column) for column in columns}) != 1 or not columns[0]:
        raise ValueError("columns of nodes of different lengths")
    first = len(nodes.modes)
    nodes.roots.append(first)
    for _ in columns[0]:
        nodes.new()
    for place, (left, right, feature, value, default) in enumerate(zip(*columns, strict=True)):
        number = float(F32(value))
        if left == -1:
            nodes.leaf(first + place, [(group, number)])
        elif not 0 < left < len(columns[0]) or not 0 < right < len(columns[0]):
            raise ValueError(f"a node leads to {left} and {right} of {len(columns[0])}")
        else:
            nodes.set(first + place, LT, int(feature), number, first + int(left), first + int(right), bool(default))
