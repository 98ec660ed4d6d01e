"""ai.onnx.ml's support vector machines, in f32: kernels of a row with each support vector, then weighted sums of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Array, Tensor
from zkhost.ml.lower import floats, functions
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.integers import join
from zkhost.ml.lower.labels import classes_of, label_of
from zkhost.ml.lower.trees import f32_rows
from zkhost.ml.lower.values import Const, Value
from zkhost.ml.lower.views import reshape
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
F32 = np.float32
COMMON = "coefficients kernel_params kernel_type post_transform rho support_vectors"
MAX_DEGREE = 16


def _floats(node: Node, name: str) -> Array:
    values = np.asarray(node.attributes.get(name, []), F32)
    if not np.isfinite(values).all():
        raise node.invalid(f"{name} with a value that is no finite number", "finite numbers")
    return values


def _constant(low: Lowering, node: Node, kind: ops.BinaryKind, x: Tensor, value: Any) -> Tensor:
    return floats.binary(low, node, kind, x, Const(np.asarray(value, F32)))


def _weighted(low: Lowering, node: Node, x: Tensor, weights: Array, bias: Array) -> Tensor:
    y = low.tensor(node, "f32", (x.shape[0], weights.shape[1]))
    offset = low.constant(bias) if bias.any() else None
    low.emit(ops.MatMulF(node.label, y.name, x.name, low.constant(np.ascontiguousarray(weights)), offset))
    return y


def _kernels(low: Lowering, node: Node, x: Tensor, vectors: Array) -> Tensor:
    """Return the kernel of each row with each support vector: (rows, vectors).

    LINEAR x.v; POLY (gamma * x.v + coef0) to the power of degree, multiplied up; SIGMOID tanh(gamma * x.v + coef0); RBF exp(-gamma *
    the sum of (x - v) * (x - v), in order).
    """
    kind = str(node.attributes.get("kernel_type", "LINEAR"))
    parameters = _floats(node, "kernel_params")
    gamma, coef0, degree = parameters[:3] if parameters.size >= 3 else (F32(0), F32(0), F32(0))
    if kind == "RBF":
        apart = floats.binary(low, node, "sub", reshape(low, node, x, (x.shape[0], 1, x.shape[1])), Const(vectors))
        squares, distance = floats.binary(low, node, "mul", apart, apart), low.tensor(node, "f32", apart.shape[:2])
        low.emit(ops.SumF(node.label, distance.name, squares.name, x.shape[1], False, 1))
        return functions.function(low, node, "exp", _constant(low, node, "mul", distance, -gamma))
    products = _weighted(low, node, x, vectors.T, np.zeros(1, F32))
    if kind == "LINEAR":
        return products
    if kind not in ("POLY", "SIGMOID"):
        raise node.invalid(f"kernel_type {kind!r}", "LINEAR, POLY, RBF or SIGMOID")
    inner = _constant(low, node, "add", _constant(low, node, "mul", products, gamma), coef0)
    if kind == "SIGMOID":
        return functions.function(low, node, "tanh", inner)
    if degree != int(degree) or not 1 <= degree <= MAX_DEGREE:
        raise node.unsupported(f"a polynomial of degree {degree}", f"1 to {MAX_DEGREE}, whole", "train with degree=3")
    power = inner
    for _ in range(int(degree) - 1):
        power = floats.binary(low, node, "mul", power, inner)
    return power


def _vectors(node: Node, count: int, features: int) -> Array:
    vectors = _floats(node, "support_vectors")
    if vectors.size != count * features:
        raise node.invalid(
            f"{vectors.size} numbers of support vectors", f"{count * features}, {count} of {features} features"
        )
    return vectors.reshape(count, features)


@handles("ai.onnx.ml.SVMRegressor", attributes=f"{COMMON} n_supports one_class")
def _regressor(low: Lowering, node: Node, args: Args) -> list[Value]:
    _no_transform(node)
    x, count = f32_rows(low, node, args), node.get_int("n_supports", 0)
    coefficients, rho = _floats(node, "coefficients"), _floats(node, "rho")
    if coefficients.size != (count or x.shape[1]) or rho.size != 1:
        raise node.invalid(f"{coefficients.size} coefficients and {rho.size} rho", f"{count or x.shape[1]} and 1")
    kernels = _kernels(low, node, x, _vectors(node, count, x.shape[1])) if count else x
    y = _weighted(low, node, kernels, coefficients.reshape(-1, 1), rho)
    if not node.get_int("one_class", 0):
        return [y]
    inside, doubled = low.tensor(node, "u8", y.shape), low.tensor(node, "f32", y.shape)
    low.emit(ops.Threshold(node.label, inside.name, y.name, float(np.nextafter(F32(0), F32(1)))))
    low.emit(ops.Dequantize(node.label, doubled.name, inside.name, low.constant(np.full(1, 2, F32)), 0, (0,)))
    return [_constant(low, node, "sub", doubled, 1)]


@handles(
    "ai.onnx.ml.SVMClassifier",
    attributes=f"{COMMON} classlabels_ints classlabels_strings prob_a prob_b vectors_per_class",
)
def _classifier(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Classes two by two: each pair's score is a vote for its first class where it is above 0, otherwise for its second."""
    _no_transform(node)
    x, classes = f32_rows(low, node, args), classes_of(node, "classlabels_ints", "classlabels_strings")
    counts, coefficients = node.get_ints("vectors_per_class", []), _floats(node, "coefficients")
    if node.attributes.get("prob_a") or not counts:
        raise node.unsupported(
            "probabilities of pairs of classes, or no support vectors", "scores of pairs of classes", "train with probability=False"
        )  # fmt: skip
    pairs, total = list(combinations(range(classes.count), 2)), sum(counts)
    rho = _floats(node, "rho")
    if (
        len(counts) != classes.count
        or min(counts) < 0
        or coefficients.size != (classes.count - 1) * total
        or rho.size != len(pairs)
    ):
        raise node.invalid(
            f"{coefficients.size} coefficients and {rho.size} rho of {len(counts)} classes with {total} support vectors",
            f"{(classes.count - 1) * total} and {len(pairs)} for {classes.count} labels",
        )
    owner, table = np.repeat(np.arange(classes.count), counts), coefficients.reshape(classes.count - 1, total)
    weights = np.zeros((total, len(pairs)), F32)
    for pair, (first, second) in enumerate(pairs):
        weights[owner == first, pair] = table[second - 1, owner == first]
        weights[owner == second, pair] = table[first, owner == second]
    kernels = _kernels(low, node, x, _vectors(node, total, x.shape[1]))
    scores = _weighted(low, node, kernels, weights, rho)
    index = low.tensor(node, "s32", (x.shape[0],))
    if len(pairs) == 1:
        zero = Const(np.zeros(scores.shape, F32))
        low.emit(ops.ArgMax(node.label, index.name, join(low, node, [scores, zero], 1).name, 2, True))
        negative = low.tensor(node, "f32", scores.shape)
        low.emit(ops.Unary(node.label, negative.name, "neg", scores.name))
        return [label_of(low, node, index, classes), join(low, node, [negative, scores], 1)]
    low.emit(
        ops.ArgMax(node.label, index.name, _votes(low, node, scores, pairs, classes.count).name, classes.count, False)
    )
    return [label_of(low, node, index, classes), scores]


def _votes(low: Lowering, node: Node, scores: Tensor, pairs: list[tuple[int, int]], classes: int) -> Tensor:
    """Return how many pairs each class has won: whole numbers in f32."""
    won, votes = low.tensor(node, "u8", scores.shape), low.tensor(node, "f32", scores.shape)
    low.emit(ops.Threshold(node.label, won.name, scores.name, float(np.nextafter(F32(0), F32(1)))))
    low.emit(ops.Dequantize(node.label, votes.name, won.name, low.constant(np.ones(1, F32)), 0, (0,)))
    signs, bias = np.zeros((len(pairs), classes), F32), np.zeros(classes, F32)
    for pair, (first, second) in enumerate(pairs):
        signs[pair, first], signs[pair, second] = 1, -1
        bias[second] += 1
    return _weighted(low, node, votes, signs, bias)


def _no_transform(node: Node) -> None:
    kind = str(node.attributes.get("post_transform", "NONE"))
    if kind != "NONE":
        raise node.unsupported(f"the post_transform {kind}", "NONE", "export without it")
