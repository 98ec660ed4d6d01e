"""Functions of f32: the kernels equal the reference bit for bit, and the reference is near the true values."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from zkhost.ml import ops, reference
from zkhost.ml.graph import Array, Graph, Tensor

from .test_kernels import compare

F32 = np.float32
ROOT = Path(__file__).resolve().parents[3]
SPECIAL = [
    0.0,
    -0.0,
    1,
    -1,
    2,
    -2,
    0.5,
    -0.5,
    3,
    -3,
    np.inf,
    -np.inf,
    np.nan,
    1e30,
    -1e30,
    2.5,
    2**24 + 1,
    1e-40,
    -1e-45,
    3.4e38,
]


def graph_of(op: ops.Op, x: Array, **constants: Array) -> tuple[Graph, dict[str, Array]]:
    tensors = {"x": Tensor("x", "f32", x.shape), "y": Tensor("y", "f32", x.shape)}
    return Graph("test", ("x",), ("y",), tensors, constants, (op,)), {"x": x}


def computed(op: ops.Op, x: Array, **constants: Array) -> Any:
    """The reference's values, after the kernel's were found to be the same."""
    graph, inputs = graph_of(op, x, **constants)
    compare(graph, inputs)
    return reference.run(graph, inputs)["y"]


def numbers(low: float, high: float, count: int = 3000) -> Any:
    """Numbers of a range, evenly and by powers of two, and of all bits."""
    draw = np.random.default_rng(3)
    even = draw.uniform(low, high, count)
    small = np.exp2(draw.uniform(-40, math.log2(max(abs(low), abs(high))), count)) * draw.choice([-1, 1], count)
    bits = draw.integers(0, 2**32, count, dtype=np.uint64).astype(np.uint32).view(F32)
    found = np.concatenate([even.astype(F32), small.astype(F32), bits[np.isfinite(bits)]])
    return found[(found >= low) & (found <= high) & (found != 0)]


def units(found: Any, true: Any) -> float:
    """The largest distance from the true values, in units in the last place."""
    true = np.asarray(true, np.float64)
    unit = np.maximum(np.spacing(np.abs(true.astype(F32))).astype(np.float64), 2.0**-149)
    return float(np.max(np.abs(found.astype(np.float64) - true) / unit))


def _phi(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


TRUE: dict[ops.FunctionKind, tuple[Callable[[float], float], float, float]] = {
    "exp": (math.exp, -110, 88.7),
    "log": (math.log, 1e-45, 3.4e38),
    "sigmoid": (_sigmoid, -110, 1e4),
    "tanh": (math.tanh, -3e38, 3e38),
    "erf": (math.erf, -3e38, 3e38),
    "softplus": (_softplus, -110, 1e6),
    "gelu": (lambda x: x * _phi(x), -14, 1e30),
    "mish": (lambda x: x * math.tanh(_softplus(x)), -90, 1e30),
    "sin": (math.sin, -3.4e38, 3.4e38),
    "cos": (math.cos, -3.4e38, 3.4e38),
    "tan": (math.tan, -3.4e38, 3.4e38),
    "asin": (math.asin, -1, 1),
    "acos": (math.acos, -1, 1),
    "atan": (math.atan, -3.4e38, 3.4e38),
    "sinh": (math.sinh, -89, 89),
    "cosh": (math.cosh, -89, 89),
    "asinh": (math.asinh, -3.4e38, 3.4e38),
    "acosh": (math.acosh, 1, 3.4e38),
    "atanh": (math.atanh, -0.99999994, 0.99999994),
    "elu": (lambda x: x if x > 0 else math.expm1(x), -200, 1e30),
    "celu": (lambda x: x if x > 0 else math.expm1(x), -200, 1e30),
    "swish": (lambda x: x * _sigmoid(x), -88, 1e30),
}


@pytest.mark.parametrize("kind", TRUE)
def test_a_function_is_within_0_54_units_of_the_true_value(kind: ops.FunctionKind) -> None:
    true, low, high = TRUE[kind]
    x = numbers(low, high)
    assert units(computed(ops.Function("n", "y", kind, "x"), x), [true(float(v)) for v in x]) < 0.54


def test_the_gelu_of_a_hyperbolic_tangent() -> None:
    """Its definition is an approximation already: the argument of its sigmoid is off by a part in 2^30 of 100 or less."""
    x = numbers(-8, 50)
    scale = 2 * math.sqrt(2 / math.pi)
    true = [v * _sigmoid(scale * (v + 0.044715 * v**3)) for v in map(float, x)]
    assert units(computed(ops.Function("n", "y", "gelu_tanh", "x"), x), true) < 1.25


@pytest.mark.parametrize("kind", get_args(ops.FunctionKind))
def test_special_values(kind: ops.FunctionKind) -> None:
    """NaN, infinities, zeros, denormal and huge numbers: as in the reference, and as the function's limits are."""
    x = np.array(SPECIAL, F32)
    y = computed(ops.Function("n", "y", kind, "x"), x)
    assert np.isnan(y[12])
    limits = {"exp": (1, 1, np.inf, 0), "log": (-np.inf, -np.inf, np.inf, np.nan), "tanh": (0.0, -0.0, 1, -1),
              "sigmoid": (0.5, 0.5, 1, 0), "acosh": (np.nan, np.nan, np.inf, np.nan), "elu": (0.0, -0.0, np.inf, -1),
              "cos": (1, 1, np.nan, np.nan), "swish": (0.0, -0.0, np.inf, -0.0), "atanh": (0.0, -0.0, np.nan, np.nan)}  # fmt: skip
    if kind in limits:
        found = y[[0, 1, 10, 11]]
        np.testing.assert_array_equal(found, np.array(limits[kind], F32))
        assert [np.signbit(v) for v in found if v == 0] == [np.signbit(v) for v in limits[kind] if v == 0]
    if kind == "atanh":
        assert list(y[[2, 3]]) == [np.inf, -np.inf]
    if kind in ("asin", "acos", "atanh"):
        assert np.isnan(y[[4, 5, 13]]).all()


@pytest.mark.parametrize(("alpha", "gamma"), [(1.67326, 1.0507), (0.25, 1.0), (-2.0, 3.0)])
def test_parameters(alpha: float, gamma: float) -> None:
    x = np.concatenate([numbers(-100, 100, 500), np.array(SPECIAL, F32)])
    y = computed(ops.Function("n", "y", "elu", "x", alpha, gamma), x)
    a, g = float(F32(alpha)), float(F32(gamma))
    true = [g * v if v > 0 else g * a * math.expm1(v) for v in map(float, x[: -len(SPECIAL)])]
    assert units(y[: -len(SPECIAL)], true) < 0.54
    y = computed(ops.Function("n", "y", "celu", "x", alpha, gamma), x)
    if alpha > 0:
        true = [v if v > 0 else a * math.expm1(v / a) for v in map(float, x[: -len(SPECIAL)])]
        assert units(y[: -len(SPECIAL)], true) < 0.54
    computed(ops.Function("n", "y", "swish", "x", alpha, gamma), x)


def test_powers() -> None:
    draw = np.random.default_rng(4)
    wide = np.exp(draw.uniform(-80, 80, 3000)), draw.normal(size=3000) * np.exp(draw.uniform(-10, 3, 3000))
    near = 1 + draw.normal(size=3000) * np.exp(draw.uniform(-16, -1.2, 3000))
    near = near[(near > 0) & (near.astype(F32) != 1)].astype(F32)
    steep = 40 / np.log(near.astype(np.float64)) * draw.uniform(-2, 2, len(near))
    for a, b, most in ((wide[0], wide[1], 0.54), (near, steep, 0.55)):
        a, b = a.astype(F32), b.astype(F32)
        exponents = b.astype(np.float64) * np.array(
            [math.log1p(v - 1) if 0.5 < v < 2 else math.log(v) for v in map(float, a)]
        )
        kept = np.abs(exponents) < 87
        y = computed(ops.Power("n", "y", "x", "b"), a[kept], b=b[kept])
        assert units(y, np.exp(exponents[kept])) < most


def test_special_powers() -> None:
    """As C's pow has them; numpy's own f32 power takes roots of -0 and -infinity for its sqrt."""
    a, b = (side.reshape(-1).copy() for side in np.meshgrid(np.array(SPECIAL, F32), np.array(SPECIAL, F32)))
    y = computed(ops.Power("n", "y", "x", "b"), a, b=b)
    with np.errstate(all="ignore"):
        wanted = np.array([_pow(float(x), float(e)) for x, e in zip(a, b, strict=True)]).astype(F32)
    exact = ~np.isfinite(wanted) | (wanted == 0) | (np.abs(wanted) == 1)
    np.testing.assert_array_equal(y[exact], wanted[exact])
    np.testing.assert_array_equal(
        np.signbit(y[exact & ~np.isnan(wanted)]), np.signbit(wanted[exact & ~np.isnan(wanted)])
    )
    np.testing.assert_allclose(y[~exact], wanted[~exact], rtol=1e-6)


def _pow(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except OverflowError:
        return math.copysign(math.inf, x) if x < 0 and y % 2 == 1 else math.inf
    except ValueError:  # a root of a negative number, or 0 to a negative power
        return math.nan if x != 0 else math.copysign(math.inf, x) if y % 2 == 1 else math.inf


@pytest.mark.parametrize("width", [1, 2, 50, 1000])
def test_softmax_and_its_logarithm(width: int) -> None:
    draw = np.random.default_rng(5)
    spread = draw.choice([0.01, 1, 10, 50, 1e6, 1e8, 1e25], size=(2000 // width + 20, 1))
    x = (draw.normal(size=(len(spread), width)) * spread).astype(F32)
    y, log = (computed(ops.Softmax("n", "y", "x", width, logarithm), x) for logarithm in (False, True))
    d = x.astype(np.float64) - x.max(axis=1, keepdims=True).astype(np.float64)
    total = np.exp(d).sum(axis=1, keepdims=True)
    assert units(y, np.exp(d) / total) < 1.5
    rest = np.sort(np.exp(d), axis=1)[:, :-1].sum(axis=1, keepdims=True)
    true = d - np.log1p(rest)
    large = np.abs(true) > 2.0**-14 * width
    assert units(log[large], true[large]) < 0.55 if large.any() else True
    np.testing.assert_allclose(log[~large], true[~large], rtol=0, atol=width * 2.0**-39)


def test_rows_that_have_no_softmax() -> None:
    x = np.ones((5, 4), F32)
    x[0, 1], x[1, 1], x[2, 1], x[3] = -np.inf, np.nan, np.inf, -np.inf
    y = computed(ops.Softmax("n", "y", "x", 4, False), x)
    np.testing.assert_array_equal(y[0], np.array([1 / 3, 0, 1 / 3, 1 / 3], F32))
    assert np.isnan(y[1:4]).all()
    assert computed(ops.Softmax("n", "y", "x", 4, True), x)[0, 1] == -np.inf


@pytest.mark.parametrize(
    ("language", "file"),
    [("rust", "guest-methods/zkhost-nn/src/constants.rs"), ("python", "zkhost/ml/reference/constants.py")],
)
def test_constants_are_those_of_their_tool(language: str, file: str) -> None:
    tool = [sys.executable, str(ROOT / "tools" / "function_constants.py"), language]
    made = subprocess.run(tool, capture_output=True, text=True, check=True).stdout
    words = [piece for piece in made.replace(",", " ").split() if piece[:1].isdigit() or piece[:1] == "-"]
    kept = (ROOT / file).read_text().replace(",", " ").replace("[", " ").replace("]", " ").replace("(", " ")
    assert len(words) > 50
    assert all(word.strip("[]();") in kept for word in words)
