"""ggml's kernels against the reference: bit for bit, at sizes and values that models do not have; and hostile plans of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zkhost.errors import InferenceError, PlanError
from zkhost.ml import _blocks as blocks
from zkhost.ml import _native, ops, reference
from zkhost.ml.compile import compile_graph
from zkhost.ml.graph import Array

from .graphs import Maker, raw


def compare(make: Maker) -> Array:
    """The kernels give what the reference gives; that is returned."""
    graph = make.graph(make.steps[-1].y)
    (wanted,) = reference.run(graph, make.inputs).values()
    found = _native.compute(compile_graph(graph).plan, raw(graph, make.inputs)).outputs
    assert found == (wanted.tobytes(),)
    return wanted


def rows_of(make: Maker, kind: str, rows: int, depth: int) -> Array:
    """Random bytes as weights of a kind, with scales of a sane size."""
    size = blocks.KINDS[kind]
    if kind in ("F32", "F16"):
        return make.values("f32", (rows, depth)).astype("<f4" if kind == "F32" else "<f2").view(np.uint8)
    count = depth // size.elements
    data = make.random.integers(0, 256, (rows, count, size.nbytes)).astype(np.uint8)
    scales = make.random.normal(0, 0.01, (rows, count, 2)).astype("<f2").view(np.uint8).reshape(rows, count, 4)
    places = {"Q4_K": slice(0, 4), "Q6_K": slice(208, 210)}.get(kind, slice(0, 2))
    data[..., places] = scales[..., : places.stop - places.start]
    if rows > 1:
        data[0, 0, places] = 0  # a block of zeros
    return data.reshape(rows, -1)


def product(kind: str, rows: int, depth: int, x: Array | None = None, vectors: int = 1) -> Maker:
    make = Maker()
    make.input("x", "f32", (vectors, depth))
    if x is not None:
        make.inputs["x"] = x.astype(np.float32).reshape(vectors, depth)
    make.constant("w", rows_of(make, kind, rows, depth))
    make.write("y", "f32", (vectors, rows))
    make.steps.append(ops.GgmlProduct("product", "y", "x", "w", kind))
    return make


KINDS = list(blocks.KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rows", "blocks_of_256", "vectors"), [(1, 1, 1), (4, 1, 3), (7, 3, 2), (33, 2, 1)])
def test_products(kind: str, rows: int, blocks_of_256: int, vectors: int) -> None:
    """Rows in fours and what is left of them."""
    y = compare(product(kind, rows, 256 * blocks_of_256, vectors=vectors))
    assert np.count_nonzero(y) > y.size // 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "values",
    [
        lambda random: np.zeros(512),
        lambda random: random.integers(-127, 128, 512) / 2,  # ties
        lambda random: random.normal(size=512) * np.exp(random.normal(0, 3, 512)),
        lambda random: random.normal(size=512) * 1e-9,  # scales below those of f16
        lambda random: np.where(np.arange(512) < 256, 0, random.normal(size=512)),
        lambda random: random.normal(size=512) * 1e4,
        lambda random: np.full(512, 1e-42),
    ],
    ids=["zeros", "ties", "wide", "small", "half zeros", "large", "denormal"],
)
def test_activations(kind: str, values: Callable[[Any], Array]) -> None:
    make = product(kind, 5, 512, values(np.random.default_rng(3)))
    try:
        compare(make)
    except InferenceError:
        graph = make.graph("y")
        with pytest.raises(PlanError, match=r"finite|out of range"):
            _native.compute(compile_graph(graph).plan, raw(graph, make.inputs))
        assert float(np.abs(make.inputs["x"]).max()) < 1e-18


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_value_that_is_not_finite_ends_the_run(bad: float) -> None:
    for kind in KINDS:
        make = product(kind, 4, 256, np.where(np.arange(256) == 77, bad, 1.0))
        graph = make.graph("y")
        with pytest.raises(InferenceError, match="not finite"):
            reference.run(graph, make.inputs)
        with pytest.raises(PlanError, match="not finite"):
            _native.compute(compile_graph(graph).plan, raw(graph, make.inputs))


@pytest.mark.parametrize(("rows", "width", "scale"), [(3, 1, 1.0), (2, 64, 1.0), (2, 100, 1e-15), (1, 300, 1e15)])
def test_norms(rows: int, width: int, scale: float) -> None:
    make = Maker()
    make.input("x", "f32", (rows, width))
    make.inputs["x"] = (make.inputs["x"] * np.exp(make.random.normal(0, 3, (rows, width))) * scale).astype(np.float32)
    make.constant("w", make.values("f32", (width,)))
    make.write("y", "f32", (rows, width))
    make.steps.append(ops.GgmlNorm("norm", "y", "x", "w", 1e-5))
    compare(make)


@pytest.mark.parametrize(("rows", "positions", "width", "pairs"), [(4, 4, 16, 8), (1, 5, 16, 8), (2, 3, 10, 3)])
def test_rotations(rows: int, positions: int, width: int, pairs: int) -> None:
    """The last rows, and heads of which a part is rotated."""
    make = Maker()
    make.input("x", "f32", (rows, 3 * width))
    make.constant("t", make.values("f32", (positions, pairs, 2)))
    make.write("y", "f32", (rows, 3 * width))
    make.steps.append(ops.GgmlRope("rope", "y", "x", "t", 3))
    y = compare(make).reshape(rows, 3, width)
    assert np.array_equal(y[..., 2 * pairs :], make.inputs["x"].reshape(rows, 3, width)[..., 2 * pairs :])
    c, s = make.constants["t"][-1, 0]
    a, b = make.inputs["x"].reshape(rows, 3, width)[-1, 1, :2]
    assert y[-1, 1, 0] == a * c - b * s


@pytest.mark.parametrize(
    ("queries", "positions", "heads", "kv_heads", "width", "spread"),
    [(1, 1, 1, 1, 4, 1.0), (5, 5, 4, 4, 8, 1.0), (1, 9, 4, 2, 16, 3.0), (3, 7, 6, 2, 5, 20.0), (2, 6, 2, 1, 8, 300.0)],
)
def test_attention(queries: int, positions: int, heads: int, kv_heads: int, width: int, spread: float) -> None:
    """Grouped queries, the last positions only, and scores so far apart that exp is 0 for all but one."""
    make = Maker()
    for name, rows, count in (("q", queries, heads), ("k", positions, kv_heads), ("v", positions, kv_heads)):
        make.input(name, "f32", (rows, count * width))
    make.inputs["q"] *= np.float32(spread)
    make.write("y", "f32", (queries, heads * width))
    make.steps.append(ops.GgmlAttention("attention", "y", "q", "k", "v", heads, kv_heads, width**-0.5))
    y = compare(make).reshape(queries, heads, width)
    q, k, v = (make.inputs[name].astype(np.float64) for name in "qkv")
    k, v = (each.reshape(positions, kv_heads, 1, width).repeat(heads // kv_heads, axis=2).reshape(positions, heads, width) for each in (k, v))  # fmt: skip
    for i in range(queries):
        seen = positions - queries + i + 1
        score = np.einsum("hw,phw->hp", q.reshape(queries, heads, width)[i], k[:seen]) * width**-0.5
        e = np.exp(score - score.max(axis=1, keepdims=True))
        plain = np.einsum("hp,phw->hw", e / e.sum(axis=1, keepdims=True), v[:seen])
        np.testing.assert_allclose(y[i], plain, atol=1e-4)


def test_swiglu() -> None:
    """Every size of gate: exp overflows, vanishes, and is next to 1."""
    make = Maker()
    gates = np.concatenate([np.linspace(-200, 200, 4001), [0.0, -0.0, 1e-30, -1e-30, 1e-45, 3e38, -3e38]])
    make.input("g", "f32", gates.shape)
    make.input("u", "f32", gates.shape)
    make.inputs["g"] = gates.astype(np.float32)
    make.write("y", "f32", gates.shape)
    make.steps.append(ops.GgmlSwiglu("swiglu", "y", "g", "u"))
    y = compare(make)
    inside = np.abs(gates) < 80
    gate = make.inputs["g"][inside].astype(np.float64)
    np.testing.assert_allclose(y[inside], gate / (1 + np.exp(-gate)) * make.inputs["u"][inside], rtol=1e-6, atol=1e-40)


# -- hostile plans ----------------------------------------------------------------------------------------------------


def model() -> Maker:
    """One of every operation."""
    make = Maker()
    make.input("x", "f32", (3, 256))
    make.constant("n", make.values("f32", (256,)))
    make.write("h", "f32", (3, 256))
    make.steps.append(ops.GgmlNorm("norm", "h", "x", "n", 1e-5))
    for name, kind in (("q", "Q8_0"), ("k", "Q4_K"), ("v", "Q6_K"), ("g", "F16")):
        make.constant(f"{name}w", rows_of(make, kind, 6, 256))
        make.write(name, "f32", (3, 6))
        make.steps.append(ops.GgmlProduct(name, name, "h", f"{name}w", kind))
    make.constant("t", make.values("f32", (3, 1, 2)))
    make.write("r", "f32", (3, 6))
    make.steps.append(ops.GgmlRope("rope", "r", "q", "t", 2))
    make.write("a", "f32", (3, 6))
    make.steps.append(ops.GgmlAttention("attention", "a", "r", "k", "v", 2, 2, 0.5))
    make.write("y", "f32", (3, 6))
    make.steps.append(ops.GgmlSwiglu("swiglu", "y", "a", "g"))
    return make


def test_one_of_every_operation() -> None:
    compare(model())


@pytest.mark.parametrize("value", [0, 1, 2, 5, 255, 256, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFE0, 0xFFFFFFFF])
def test_any_argument_may_be_anything(value: int) -> None:
    """A plan error, or a plan that runs in its own memory."""
    make = model()
    graph = make.graph("y")
    plan, inputs = compile_graph(graph).plan, raw(graph, make.inputs)
    words = list(struct.unpack(f"<{len(plan) // 4}I", plan))
    at, refused, taken = words[7] // 4, 0, 0
    for _ in range(words[8]):
        for place in range(at, at + 1 + (words[at] & 0xFFFF)):
            changed = list(words)
            changed[place] = value
            data = struct.pack(f"<{len(changed)}I", *changed)
            try:
                _native.check_plan(data)
                taken += 1
                _native.compute(data, inputs)
            except PlanError:
                refused += 1
        at += 1 + (words[at] & 0xFFFF)
    assert refused > 40
    assert taken > 0


def test_constants_may_be_anything() -> None:
    """Scales that are NaN or infinite, weights no file has: an error or numbers, never a crash."""
    make = model()
    graph = make.graph("y")
    plan, inputs = bytearray(compile_graph(graph).plan), raw(graph, make.inputs)
    start = int.from_bytes(plan[36:40], "little")
    random = np.random.default_rng(9)
    for fill in (0x00, 0x7F, 0x80, 0xFF):
        for _ in range(20):
            changed = bytearray(plan)
            at = int(random.integers(start, len(plan) - 64))
            changed[at : at + 64] = bytes([fill]) * 64
            try:
                assert sum(map(len, _native.compute(bytes(changed), inputs).outputs)) == 72
            except PlanError:
                continue
