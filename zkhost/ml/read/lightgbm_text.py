"""LightGBM's text format: numerical splits, in its arithmetic (f64, tree by tree).

The format is what GBDT::SaveModelToString and Tree::ToString write; a node decides as Tree::NumericalDecision does: x <=
threshold goes left, where an x within 1e-35 of zero is zero (RowFunctionFromDenseMatrix of c_api.cpp); what counts as
missing (NaN, or NaN and zeros, or nothing) goes where the node says.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zkhost.errors import ModelError, ModelFormatError, UnsupportedModelError
from zkhost.ml.ops.trees import LEQ, LT
from zkhost.ml.read.booster import source
from zkhost.ml.read.onnx_file import Source
from zkhost.ml.read.tree_nodes import Nodes, check

CATEGORICAL, DEFAULT_LEFT = 1, 2
MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 1, 2
ZERO = float(np.float32(1e-35))
"""kZeroThreshold: how far from 0 a zero may be."""

Section = dict[str, str]


def recognise(head: bytes) -> bool:
    """Return whether a file starts as LightGBM's do."""
    return head.startswith((b"tree\n", b"tree\r\n"))


def read(data: bytes, name: str) -> Source:
    """Read a booster, whose output `raw_score` is what Booster.predict(..., raw_score=True) returns."""
    try:
        return _read(data.decode("utf-8"), name)
    except ModelError:
        raise
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        raise ModelFormatError(
            f"{name} is no LightGBM model, or contradicts itself: {type(error).__name__}: {error}", hint="save it again: booster.save_model('model.txt')"
        ) from error  # fmt: skip


def _sections(text: str) -> Iterator[Section]:
    """Yield the header, then each tree: their `key=value` lines. Raises ModelFormatError where the end of the trees is missing."""
    body, end, _ = text.replace("\r\n", "\n").partition("\nend of trees")
    if not end:
        raise ModelFormatError("the model has no end of trees: it is cut short", hint="copy or save it again")
    for place, part in enumerate(body.split("\nTree=")):
        first, *rest = part.split("\n")
        if first != (str(place - 1) if place else "tree"):
            raise ValueError(f"Tree={first} where Tree={place - 1} is due")
        yield {key: value.strip() for key, _, value in (line.partition("=") for line in rest)}


def _refused(name: str, found: str, expected: str, hint: str) -> UnsupportedModelError:
    return UnsupportedModelError(f"{name}: {found}; expected {expected}", hint=hint, expected=expected)


def _read(text: str, name: str) -> Source:
    header, *trees = _sections(text)
    if "average_output" in header:
        raise _refused(name, "a random forest (boosting=rf)", "gbdt, goss or dart", "train with boosting_type='gbdt'")
    targets, features = int(header["num_tree_per_iteration"]), int(header["max_feature_idx"]) + 1
    sizes = header["tree_sizes"].split()
    if targets < 1 or len(trees) % targets or len(sizes) != len(trees):
        raise ValueError(f"{len(trees)} trees of iterations with {targets}, and {len(sizes)} tree_sizes")
    nodes, zeros = Nodes(np.dtype(np.float64)), []
    for place, tree in enumerate(trees):
        zeros += _add(nodes, tree, place % targets, f"{name}: tree {place}")
    check(nodes, features, targets)
    for node in zeros:  # after the check, since they share branches
        _zero_is_missing(nodes, node)
    objective = header.get("objective", "").split(" ")[0]
    return source(name, "lightgbm", ("raw_score",), nodes, features, targets, objective=objective)


def _add(nodes: Nodes, tree: Section, group: int, name: str) -> list[int]:
    """Add a tree. Returns those of its nodes for which zeros are missing."""
    if int(tree.get("num_cat", 0)):
        raise _refused(name, "a categorical split", "numerical splits", "encode categories as numbers before training")
    if int(tree.get("is_linear", 0)):
        raise _refused(name, "linear leaves", "constant leaves", "train with linear_tree=False")
    leaves = [float(value) for value in tree["leaf_value"].split()]
    inner = int(tree["num_leaves"]) - 1
    if len(leaves) != inner + 1:
        raise ValueError(f"{len(leaves)} leaves of {inner + 1}")
    columns: list[list[str]] = [
        tree[key].split() if inner else [] for key in ("left_child", "right_child", "split_feature", "decision_type")
    ]
    thresholds = [float(value) for value in tree["threshold"].split()] if inner else []
    if {*map(len, columns), len(thresholds)} != {inner}:
        raise ValueError(f"columns of other lengths than the {inner} nodes")
    first, zeros = len(nodes.modes), []
    nodes.roots.append(first)
    for _ in range(2 * inner + 1):
        nodes.new()

    def child(number: int) -> int:
        if not -inner - 1 <= number < inner:
            raise ValueError(f"a node leads to {number} of {inner}")
        return first + number if number >= 0 else first + inner + ~number

    for place, value in enumerate(leaves):
        nodes.leaf(first + inner + place, [(group, value)])
    for place, (left, right, feature, decision) in enumerate(
        zip(*(map(int, column) for column in columns), strict=True)
    ):
        kind = decision >> 2
        if decision & CATEGORICAL or kind > MISSING_NAN:
            raise ValueError(f"the decision_type {decision}")
        # NaN is taken for 0.0 where nothing is missing.
        missing = thresholds[place] >= 0.0 if kind == MISSING_NONE else bool(decision & DEFAULT_LEFT)
        mode, threshold = LEQ, thresholds[place]
        if kind == MISSING_ZERO:
            zeros.append(first + place)
        elif -ZERO <= threshold <= ZERO:
            mode, threshold = (LEQ, ZERO) if threshold >= 0 else (LT, -ZERO)
        nodes.set(first + place, mode, feature, threshold, child(left), child(right), missing)
    return zeros


def _zero_is_missing(nodes: Nodes, node: int) -> None:
    """Rewrite a node whose zeros, and NaN, go where missing values do; others by its threshold."""
    feature, threshold, left, right = nodes.features[node], nodes.thresholds[node], nodes.yes[node], nodes.no[node]
    to_left = bool(nodes.missing[node])
    if -ZERO <= threshold <= ZERO:  # the threshold lies among the zeros
        mode, limit = (LEQ, ZERO) if to_left else (LT, -ZERO)
        nodes.set(node, mode, feature, limit, left, right, to_left)
    elif (threshold < 0) == to_left:  # zeros lie on the other side of it
        below, within = nodes.new(), nodes.new()
        beside, zeros = (right, left) if to_left else (left, right)
        nodes.set(node, LEQ, feature, threshold, left if to_left else below, below if to_left else right, to_left)
        nodes.set(below, LT, feature, -ZERO, beside, within, False)
        nodes.set(within, LEQ, feature, ZERO, zeros, beside, False)
