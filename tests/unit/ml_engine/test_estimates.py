"""Estimates of what f32 costs, against what the zkVM counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.bench.bench_nn import run
from zkhost.ml import ops

from .graphs import Maker, float_forms


def _dense(make: Maker) -> str:
    make.input("x", "f32", (3, 16))
    make.constant("w", make.values("f32", (16, 12)))
    make.constant("b", make.values("f32", (12,)))
    make.steps.append(ops.MatMulF("m", make.write("m", "f32", (3, 12)), "x", "w", "b"))
    make.steps.append(ops.Clip("y", make.write("y", "f32", (3, 12)), "m", 0.0, float("inf")))
    return "y"


def _convolution(make: Maker) -> str:
    make.input("x", "f32", (1, 2, 7, 7))
    make.constant("w", make.values("f32", (3, 2, 3, 3)))
    window = ops.Window((3, 3), (1, 1), (1, 1, 1, 1), (1, 1))
    make.steps.append(ops.ConvF("c", make.write("c", "f32", (1, 3, 7, 7)), "x", "w", None, window, 1))
    pool = ops.Window((2, 2), (2, 2), (0, 0, 0, 0), (1, 1))
    make.steps.append(ops.AveragePool("y", make.write("y", "f32", (1, 3, 3, 3)), "c", pool, False, (0, 0, 0, 0)))
    return "y"


def _normal(make: Maker) -> str:
    """What a LayerNormalization becomes."""
    make.input("x", "f32", (6, 24))
    rows, one = (6, 24), (6, 1)
    make.constant("eps", np.float32(1e-5))
    make.steps += [
        ops.SumF("mean", make.write("mean", "f32", one), "x", 24, True, 8),
        ops.Binary("d", make.write("d", "f32", rows), "sub", "x", "mean"),
        ops.Binary("sq", make.write("sq", "f32", rows), "mul", "d", "d"),
        ops.SumF("var", make.write("var", "f32", one), "sq", 24, True, 8),
        ops.Binary("e", make.write("e", "f32", one), "add", "var", "eps"),
        ops.Unary("s", make.write("s", "f32", one), "sqrt", "e"),
        ops.Binary("y", make.write("y", "f32", rows), "div", "d", "s"),
    ]
    return "y"


def _functions(make: Maker) -> str:
    x = make.input("x", "f32", (5, 40))
    kinds: tuple[ops.FunctionKind, ...] = ("gelu", "tanh", "exp", "sigmoid", "erf", "swish")
    for kind in kinds:
        make.steps.append(ops.Function(kind, make.write(kind, "f32", (5, 40)), kind, x))
        x = kind
    make.steps.append(ops.Softmax("y", make.write("y", "f32", (5, 40)), x, 40, False))
    return "y"


@pytest.mark.parametrize("graph", [_dense, _convolution, _normal, _functions])
def test_an_estimate_is_within_15_percent_of_what_runs(graph: Callable[[Maker], str]) -> None:
    make = Maker()
    found = run(make, graph(make), accelerate=False)
    assert abs(found["estimate"] / found["user"] - 1) < 0.15, found


def test_every_operation_of_f32_has_an_estimate() -> None:
    from zkhost.ml.compile import compile_graph

    graph, _ = float_forms()
    layers = compile_graph(graph, accelerate=False).layers
    assert all(layer.cycles > 500 for layer in layers)
