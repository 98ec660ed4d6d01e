"""What ai.onnx.ml's classifiers have in common: labels, scores of two classes, and post_transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zkhost.errors import UnsupportedModelError
from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower import floats, functions
from zkhost.ml.lower.context import Lowering
from zkhost.ml.lower.integers import join
from zkhost.ml.lower.values import Const, Labels, Value
from zkhost.ml.read.node import Node

LIMIT = 2**31


@dataclass(frozen=True)
class Classes:
    """A classifier's labels: integers, or texts, which stay outside the proof: a journal has their index."""

    numbers: tuple[int, ...]
    texts: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.texts or self.numbers)


def classes_of(node: Node, numbers: str, texts: str) -> Classes:
    """Return the labels of a node's two attributes, of which it has one."""
    found = Classes(node.get_ints(numbers, []), strings_of(node, texts))
    if bool(found.numbers) == bool(found.texts):
        raise node.invalid("labels that are both integers and strings, or neither", f"{numbers} or {texts}")
    if any(not -LIMIT <= number < LIMIT for number in found.numbers):
        raise node.unsupported("labels outside int32", "labels of 32 bits", "use the index of the class as its label")
    return found


def strings_of(node: Node, name: str) -> tuple[str, ...]:
    """Return an attribute of strings."""
    return tuple(
        v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in node.attributes.get(name, [])
    )


def label_of(low: Lowering, node: Node, index: Tensor, classes: Classes) -> Value:
    """Return the label of a class, for its index."""
    if classes.texts:
        return Labels(index, classes.texts)
    if classes.numbers == tuple(range(classes.count)):
        return index
    table = low.constant(np.asarray(classes.numbers, np.int32).reshape(-1, 1))
    y = low.tensor(node, "s32", index.shape)
    low.emit(ops.Gather(node.label, y.name, table, index.name))
    return y


def binary_scores(low: Lowering, node: Node, score: Tensor, probability: bool) -> tuple[Tensor, list[Value]]:
    """Return the label's index (rows,) and the two classes' scores (rows, 2) of one score (rows, 1).

    Where it is a probability the second class is chosen above 0.5, and the scores are 1 - s and s, whatever the
    post_transform; otherwise it is chosen above 0, and they are -s and s, under LOGISTIC alone.
    """
    limit = Const(np.full(score.shape, 0.5 if probability else 0, np.float32))
    index = low.tensor(node, "s32", (score.shape[0],))
    low.emit(ops.ArgMax(node.label, index.name, join(low, node, [limit, score], 1).name, 2, False))
    kind = str(node.attributes.get("post_transform", "NONE"))
    if kind == "PROBIT":
        raise _refused(node, kind)
    negative = low.tensor(node, "f32", score.shape)
    low.emit(ops.Unary(node.label, negative.name, "neg", score.name))
    if probability:
        other = floats.binary(low, node, "sub", Const(np.ones((), np.float32)), score)
        return index, post_transform(low, node, join(low, node, [other, score], 1), "NONE")
    kind = "LOGISTIC" if kind == "LOGISTIC" else "NONE"
    return index, post_transform(low, node, join(low, node, [negative, score], 1), kind)


def post_transform(low: Lowering, node: Node, scores: Tensor, kind: str | None = None) -> list[Value]:
    """Return the scores under a node's post_transform, then (where there is one) as they were before it: what the node's outputs
    after the label are. Refuses a transform only where the model needs it."""
    kind = str(node.attributes.get("post_transform", "NONE")) if kind is None else kind
    if kind == "NONE":
        return [scores, scores]
    if node.outputs[-2] not in low.readers:
        return [scores, scores]
    made = transformed(low, node, scores, kind)
    if made is None:
        raise _refused(node, kind)
    return [made, scores]


def transformed(low: Lowering, node: Node, scores: Tensor, kind: str) -> Tensor | None:
    """Scores under LOGISTIC or SOFTMAX; None for another function."""
    if kind == "LOGISTIC":
        return functions.function(low, node, "sigmoid", scores)
    if kind == "SOFTMAX":
        y = low.tensor(node, "f32", scores.shape)
        low.emit(ops.Softmax(node.label, y.name, scores.name, scores.shape[-1], False))
        return y
    return None


def _refused(node: Node, kind: str) -> UnsupportedModelError:
    label = f"{node.outputs[0]!r}, " if len(node.outputs) > 2 else ""
    return node.unsupported(
        f"the post_transform {kind}", "NONE, LOGISTIC or SOFTMAX",
        f"choose what comes before it: outputs=[{label}{node.outputs[-1]!r}]",
    )  # fmt: skip
