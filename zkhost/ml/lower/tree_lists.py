"""Nodes of trees as the attributes of ai.onnx.ml's operators list them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import onnx

from zkhost.ml.graph import Array
from zkhost.ml.ops.trees import LEQ, LT
from zkhost.ml.read.node import Node
from zkhost.ml.read.tree_nodes import Nodes, check

F32 = np.float32

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
"""In the order of version 5's codes."""


def version_3(node: Node, prefix: str, features: int, targets: int) -> Nodes:
    """Return the nodes of versions 1 to 3: named by tree and number, their weights apart."""
    columns = {name: node.attributes.get(f"nodes_{name}", []) for name in
               ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")}  # fmt: skip
    count = len(columns["treeids"])
    missing = node.attributes.get("nodes_missing_value_tracks_true") or [0] * count
    entries = [node.attributes.get(f"{prefix}_{name}", []) for name in ("treeids", "nodeids", "ids", "weights")]
    if any(len(column) != count for column in [*columns.values(), missing]) or len({*map(len, entries)}) != 1:
        raise node.invalid("lists of nodes of different lengths", f"{count} entries in each")
    keys = list(zip(columns["treeids"], columns["nodeids"], strict=True))
    place = {key: i for i, key in enumerate(keys)}
    if len(place) != count:
        raise node.invalid("a node that is there twice", "one node for each tree and number")
    leaves: list[list[tuple[int, float]]] = [[] for _ in keys]
    for tree, number, target, weight in zip(*entries, strict=True):
        if (tree, number) not in place:
            raise node.invalid(f"a weight for node {number} of tree {tree}", "weights for nodes that are there")
        leaves[place[tree, number]].append((target, weight))
    plain = Nodes(np.dtype(F32))
    modes = [mode.decode("ascii", "replace") for mode in columns["modes"]]
    for i, (tree, _) in enumerate(keys):
        plain.new()
        if modes[i] == "LEAF":
            continue
        following = [(tree, columns[name][i]) for name in ("truenodeids", "falsenodeids")]
        if modes[i] not in MODES or any(key not in place for key in following):
            raise node.invalid(
                f"a node with mode {modes[i]!r} to {following}", f"{', '.join(MODES)} to nodes of its tree"
            )
        value = float(F32(columns["values"][i]))
        yes, no = (place[key] for key in following)
        plain.set(i, LEQ, columns["featureids"][i], value, yes, no, missing[i] == 1)
    for i in range(count):
        if modes[i] == "LEAF":
            plain.leaf(i, leaves[i])
    firsts = [next(group)[0] for _, group in groupby(enumerate(columns["treeids"]), key=lambda pair: pair[1])]
    plain.roots = firsts
    check(plain, features, targets)
    for i, mode in enumerate(modes):
        if mode not in ("LEAF", "BRANCH_LEQ"):
            _compare(plain, i, mode, ())
    return plain


def _compare(nodes: Nodes, i: int, mode: str, members: Sequence[float]) -> None:
    """Rewrite a node, given as LEQ, to what its mode compares; NaN goes to "no" unless missing values track true."""
    feature, value, missing = nodes.features[i], nodes.thresholds[i], bool(nodes.missing[i])
    yes, no = nodes.yes[i], nodes.no[i]
    match mode:
        case "BRANCH_LT":
            nodes.set(i, LT, feature, value, yes, no, missing)
        case "BRANCH_GTE":
            nodes.set(i, LT, feature, value, no, yes, not missing)
        case "BRANCH_GT":
            nodes.set(i, LEQ, feature, value, no, yes, not missing)
        case "BRANCH_EQ":
            nodes.equal(i, feature, value, yes, no, missing)
        case "BRANCH_NEQ":  # NaN is unequal to anything
            nodes.equal(i, feature, value, no, yes, False)
        case "BRANCH_MEMBER":
            nodes.member(i, feature, members, yes, no, missing)


def tensor(node: Node, name: str) -> Array:
    found = node.attributes.get(name)
    if not isinstance(found, onnx.TensorProto):
        raise node.invalid(f"no {name}", "a tensor")
    return onnx.numpy_helper.to_array(found).reshape(-1)


def version_5(node: Node, splits: Array, weights: Array, features: int, targets: int) -> Nodes:
    """Return the nodes of version 5: inner nodes and leaves are numbered apart, and a tree may be a leaf alone."""
    count = len(splits)

    def ints(name: str, default: Any = None) -> list[int]:
        found = [int(v) for v in node.attributes.get(name) or default or []]
        if len(found) != count:
            raise node.invalid(f"{len(found)} {name} of {count} nodes", "one a node")
        return found

    modes = [int(mode) for mode in tensor(node, "nodes_modes")]
    if len(modes) != count or any(not 0 <= mode < len(MODES) for mode in modes):
        raise node.invalid("nodes_modes of no such modes, or too few", f"one of 0 to {len(MODES) - 1} a node")
    missing = ints("nodes_missing_value_tracks_true", [0] * count)
    sides = [
        (ints("nodes_truenodeids"), ints("nodes_trueleafs")),
        (ints("nodes_falsenodeids"), ints("nodes_falseleafs")),
    ]
    used, ids = ints("nodes_featureids"), [int(i) for i in node.attributes.get("leaf_targetids", [])]
    if len(ids) != len(weights):
        raise node.invalid(f"{len(ids)} targets of {len(weights)} leaves", "one each")
    nodes = Nodes(splits.dtype)
    for _ in range(count):
        nodes.new()

    def follow(place: int, leaf: int) -> int:
        if not leaf:
            return place
        if not 0 <= place < len(ids):
            raise node.invalid(f"leaf {place} of {len(ids)}", "leaves that are there")
        made = nodes.new()
        nodes.leaf(made, [(ids[place], float(weights[place]))])
        return made

    single = set()
    for i in range(count):
        yes, no = ((side[0][i], side[1][i]) for side in sides)
        if yes == no and yes[1]:  # a tree that is a leaf alone is written as a node with the same leaf twice
            single.add(i)
            nodes.leaf(i, [(ids[yes[0]], float(weights[yes[0]]))]) if 0 <= yes[0] < len(ids) else follow(*yes)
            continue
        split = 0.0 if MODES[modes[i]] == "BRANCH_MEMBER" else float(splits[i])
        nodes.set(i, LEQ, used[i], split, follow(*yes), follow(*no), missing[i] == 1)
    nodes.roots = [int(root) for root in node.attributes.get("tree_roots", [])]
    if any(not 0 <= root < count for root in nodes.roots):
        raise node.invalid(f"roots {nodes.roots}", "nodes that are there")
    check(nodes, features, targets)
    sets = _members(node, modes)
    for i, mode in enumerate(modes):
        if mode and i not in single:
            _compare(nodes, i, MODES[mode], sets.get(i, ()))
    return nodes


def _members(node: Node, modes: list[int]) -> dict[int, list[float]]:
    """Return the values of each member node, in its order: one list, parted by NaN."""
    asking = [i for i, mode in enumerate(modes) if MODES[mode] == "BRANCH_MEMBER"]
    if not asking:
        return {}
    values = tensor(node, "membership_values")
    parts: list[list[float]] = [[]]
    for value in values:
        if np.isnan(value):
            parts.append([])
        else:
            parts[-1].append(float(value))
    parts = parts[:-1] if not parts[-1] else parts
    if len(parts) != len(asking) or not all(parts):
        raise node.invalid(
            f"{len(parts)} sets of membership values for {len(asking)} nodes", "one each, none of them empty"
        )
    return dict(zip(asking, parts, strict=True))
