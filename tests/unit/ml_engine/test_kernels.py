"""The kernels against the reference interpreter: the same bytes, in plain code and on the accelerator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zkhost.ml import _native, ops, reference
from zkhost.ml.compile import compile_graph
from zkhost.ml.compile.plan_bytes import Code
from zkhost.ml.graph import Array, Graph

from .graphs import Maker, forms, operations, raw, rescaled


def expected(graph: Graph, inputs: dict[str, Array]) -> tuple[bytes, ...]:
    values = reference.run(graph, inputs)
    return tuple(values[name].tobytes() for name in graph.outputs)


def compare(graph: Graph, inputs: dict[str, Array], *, accelerated: bool | None = None) -> None:
    """Both kinds of kernels give what the reference gives; `accelerated` says whether the accelerator must be used, or must not."""
    wanted = expected(graph, inputs)
    for accelerate in (False, True):
        compiled = compile_graph(graph, accelerate=accelerate)
        computed = _native.compute(compiled.plan, raw(graph, inputs))
        assert computed.outputs == wanted, f"accelerate={accelerate}"
        if accelerated is not None and accelerate:
            assert any(layer.kind.endswith("on the accelerator") for layer in compiled.layers) == accelerated
        if not accelerate:
            assert not any(layer.kind.endswith("on the accelerator") for layer in compiled.layers)


Convolution = Callable[[Maker], str]
CONVOLUTIONS: dict[str, Convolution] = {
    "3x3": lambda m: m.conv("s", m.input("x", "u8", (1, 3, 9, 7)), 5, (3, 3)),
    "padded, zero point": lambda m: m.conv("s", m.input("x", "u8", (1, 3, 9, 7)), 5, (3, 3), pads=(1, 1, 1, 1), x_zero=77),
    "uneven pads": lambda m: m.conv("s", m.input("x", "u8", (1, 2, 6, 5)), 3, (3, 2), pads=(2, 0, 1, 1), x_zero=9),
    "strides": lambda m: m.conv("s", m.input("x", "u8", (1, 4, 11, 9)), 3, (3, 3), strides=(2, 3), pads=(1, 1, 1, 1)),
    "dilations": lambda m: m.conv("s", m.input("x", "u8", (1, 4, 11, 9)), 3, (3, 3), dilations=(2, 3), pads=(2, 3, 2, 3)),
    "s8 input": lambda m: m.conv("s", m.input("x", "s8", (1, 5, 6, 6)), 4, (3, 3), x_zero=-7, pads=(1, 1, 1, 1)),
    "u8 weights": lambda m: m.conv("s", m.input("x", "u8", (1, 5, 6, 6)), 4, (3, 3), w="u8", w_zero=(120,)),
    "zero points by channel": lambda m: m.conv("s", m.input("x", "u8", (1, 5, 6, 6)), 3, (2, 2), w_zero=(1, -2, 3)),
    "groups": lambda m: m.conv("s", m.input("x", "u8", (1, 8, 6, 6)), 12, (3, 3), groups=4, x_zero=5),
    "depthwise": lambda m: m.conv("s", m.input("x", "s8", (1, 7, 8, 8)), 7, (3, 3), groups=7, pads=(1, 1, 1, 1)),
    "pointwise": lambda m: m.conv("s", m.input("x", "u8", (1, 20, 5, 5)), 6, (1, 1), x_zero=128),
    "pointwise, strides": lambda m: m.conv("s", m.input("x", "u8", (1, 20, 7, 7)), 6, (1, 1), strides=(2, 2)),
    "many channels": lambda m: m.conv("s", m.input("x", "u8", (1, 70, 6, 6)), 3, (3, 3), spread=12, x_zero=4),
    "one axis": lambda m: m.conv("s", m.input("x", "u8", (1, 6, 30)), 4, (5,), pads=(2, 2), strides=(2,), x_zero=1),
    "batch": lambda m: m.conv("s", m.input("x", "u8", (3, 2, 6, 6)), 4, (3, 3), pads=(1, 1, 1, 1), x_zero=200),
    "wide, in strips": lambda m: m.conv("s", m.input("x", "u8", (1, 3, 64, 100)), 2, (3, 3), pads=(1, 1, 1, 1), x_zero=2),
    "no bias": lambda m: m.conv("s", m.input("x", "u8", (1, 3, 5, 5)), 2, (3, 3), bias=False),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution(name: str) -> None:
    """Sums as they are, requantised, and requantised by channel with a fused clamp."""
    make = Maker()
    sums = CONVOLUTIONS[name](make)
    compare(make.graph(sums), make.inputs, accelerated=True)
    channels = make.tensors[sums].shape[1]
    make.requantize("y", sums, scale=0.004)
    compare(make.graph("y"), make.inputs, accelerated=True)
    make.steps.pop()
    scales = make.random.uniform(0.0005, 0.6, channels)
    make.requantize("z", sums, dtype="s8", scale=scales, zero=-20, low=-20, high=90)
    compare(make.graph("z"), make.inputs, accelerated=True)


RESCALED: dict[str, Convolution] = {
    "3x3": lambda m: m.conv("s", m.input("x", "u8", (1, 3, 16, 15)), 20, (3, 3), pads=(1, 1, 1, 1), x_zero=9),
    "pointwise": lambda m: m.conv("s", m.input("x", "s8", (1, 9, 20, 20)), 19, (1, 1), x_zero=-100),
    "depthwise": lambda m: m.conv("s", m.input("x", "u8", (1, 19, 24, 23)), 19, (3, 3), groups=19, pads=(1, 1, 1, 1)),
    "many channels": lambda m: m.conv("s", m.input("x", "u8", (1, 60, 12, 12)), 10, (3, 3), spread=8, x_zero=4),
    "in strips": lambda m: m.conv("s", m.input("x", "u8", (1, 3, 64, 100)), 2, (3, 3), pads=(1, 1, 1, 1), x_zero=2),
    "one axis": lambda m: m.conv("s", m.input("x", "u8", (1, 6, 300)), 9, (5,), pads=(2, 2), x_zero=1),
    "batch": lambda m: m.conv("s", m.input("x", "u8", (3, 2, 16, 16)), 10, (3, 3), pads=(1, 1, 1, 1), x_zero=200),
    "strides": lambda m: m.conv("s", m.input("x", "u8", (1, 3, 33, 34)), 9, (3, 3), strides=(2, 2), pads=(1, 1, 1, 1), x_zero=9),
    "uneven strides": lambda m: m.conv(
        "s", m.input("x", "s8", (1, 3, 40, 47)), 9, (5, 4), strides=(2, 3), pads=(2, 1, 0, 2), x_zero=-9
    ),
    "strides, dilations": lambda m: m.conv(
        "s", m.input("x", "u8", (1, 2, 40, 41)), 9, (3, 3), strides=(2, 3), dilations=(3, 2), pads=(3, 2, 3, 2), x_zero=9
    ),
    "depthwise, strides": lambda m: m.conv(
        "s", m.input("x", "u8", (1, 9, 31, 32)), 9, (3, 3), groups=9, strides=(2, 2), pads=(0, 0, 1, 1), x_zero=9
    ),
    "pointwise, strides": lambda m: m.conv("s", m.input("x", "u8", (1, 9, 33, 33)), 9, (1, 1), strides=(2, 2), x_zero=7),
    "strides beyond the kernel": lambda m: m.conv("s", m.input("x", "u8", (1, 9, 50, 50)), 9, (2, 2), strides=(3, 3), x_zero=7),
    "strides, one axis": lambda m: m.conv("s", m.input("x", "u8", (1, 6, 400)), 9, (5,), strides=(2,), pads=(2, 2), x_zero=1),
    "strides, batch": lambda m: m.conv("s", m.input("x", "u8", (2, 3, 30, 30)), 9, (3, 3), strides=(2, 2), x_zero=200),
    "patches": lambda m: m.conv("s", m.input("x", "u8", (1, 3, 48, 48)), 20, (4, 4), strides=(4, 4), x_zero=99),
}  # fmt: skip


@pytest.mark.parametrize("name", RESCALED)
def test_a_convolution_is_requantised_by_its_program(name: str) -> None:
    """By one scale, by one that makes many ties, and by one for each channel; read by another convolution with pads."""
    for dtype, zero in (("u8", 3), ("s8", -128), ("u8", 255)):
        make = Maker()
        sums = RESCALED[name](make)
        channels, axes = make.tensors[sums].shape[1], make.tensors[sums].shape[2:]
        make.requantize("a", sums, dtype=dtype, scale=0.00413, zero=zero)  # type: ignore[arg-type]
        make.requantize(
            "b", make.conv("t", "a", 2, (3,) * len(axes), pads=(1,) * 2 * len(axes), x_zero=zero), scale=0.5
        )
        graph = make.graph("b")
        assert rescaled(compile_graph(graph).plan)[0]
        compare(graph, make.inputs, accelerated=True)
        for scale in (2.0**-8, make.random.uniform(2.0**-13, 2.0**-6 * 0.99, channels)):
            make.steps = make.steps[:1]
            make.requantize("c", sums, dtype=dtype, scale=scale, zero=zero)  # type: ignore[arg-type]
            graph = make.graph("c")
            assert rescaled(compile_graph(graph).plan)[0]
            compare(graph, make.inputs, accelerated=True)


READERS: dict[str, Callable[[Maker, str], str]] = {
    "a kernel of 3 x 3": lambda m, x: m.conv("t", x, 4, (3, 3), strides=(2, 2), pads=(1, 1, 1, 1), x_zero=3),
    "pads at the end": lambda m, x: m.conv("t", x, 16, (3, 3), strides=(2, 2), pads=(0, 0, 1, 1), groups=16, x_zero=3),
    "wide pads": lambda m, x: m.conv("t", x, 4, (5, 4), strides=(3, 2), pads=(4, 3, 4, 3), x_zero=3),
    "rows alone": lambda m, x: m.conv("t", x, 4, (3, 3), strides=(2, 1), pads=(1, 1, 1, 1), x_zero=3),
    "components that it does not read": lambda m, x: m.conv("t", x, 4, (1, 1), strides=(2, 2), x_zero=3),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("size", [(20, 22), (7, 6)])
@pytest.mark.parametrize("form", ["convolution", "in strips", "matrix", "not requantised"])
def test_a_layer_writes_the_components_that_strides_read(form: str, size: tuple[int, int], reader: str) -> None:
    """A convolution, in strips or not, and a matrix product, before one with strides."""
    make = Maker()
    if form == "in strips":
        size = (64, 100)
    channels = 16 if form != "matrix" else 64
    x = make.input("x", "u8", (1, channels, *size))
    if form == "matrix":
        sums = make.conv("s", x, 16, (1, 1), x_zero=9, spread=9)
    else:
        sums = make.conv("s", x, 16, (3, 3), groups=16, pads=(1, 1, 1, 1), x_zero=9)
    make.requantize("y", sums, scale=0.0001 if form == "not requantised" else 0.0041)
    make.requantize("z", READERS[reader](make, "y"), scale=0.003)
    compare(make.graph("z"), make.inputs, accelerated=True)


def test_what_the_components_save() -> None:
    """A convolution with strides is written in components, and the one before it writes them: no copy, and all requantised."""
    make = Maker()
    make.input("x", "u8", (1, 8, 32, 32))
    make.requantize("y", make.conv("s", "x", 8, (3, 3), groups=8, pads=(1, 1, 1, 1)), scale=0.004)
    make.requantize("z", make.conv("t", "y", 8, (3, 3), groups=8, strides=(2, 2), pads=(0, 0, 1, 1)), scale=0.004)
    plan = compile_graph(make.graph("z")).plan
    assert rescaled(plan) == [True, True]
    assert [code for code, _ in operations(plan)].count(Code.COPY) == 1
    compare(make.graph("z"), make.inputs, accelerated=True)


@pytest.mark.parametrize(
    ("inputs", "columns", "rows"), [(5, 3, 1), (64, 10, 3), (130, 40, 2), (300, 100, 1), (100, 300, 2), (700, 24, 1)]
)
def test_a_matrix_product_is_requantised_by_its_program(inputs: int, columns: int, rows: int) -> None:
    """Rows of every number of cells, several blocks of columns; scales with many ties and few."""
    for dtype, zero, scale in (("u8", 3, 0.00413), ("s8", -128, 2.0**-8), ("u8", 255, 0.0155), ("u8", 0, 2.0**-13)):
        make = Maker()
        make.input("x", "u8", (rows, inputs))
        sums = make.matmul("s", "x", columns, a_zero=7, spread=9)
        make.requantize("y", sums, dtype=dtype, zero=zero, scale=scale)  # type: ignore[arg-type]
        graph = make.graph("y")
        assert rescaled(compile_graph(graph).plan) == [True]
        compare(graph, make.inputs, accelerated=True)


def test_matrix_products_that_programs_do_not_requantise() -> None:
    """A scale for each column, a zero point that is a tensor, biases beyond what lanes hold, and more inputs than a program has."""

    def found(scale: Any = 0.004, a_zero: ops.Zero = 3, bias: int = 0, inputs: int = 80) -> list[bool]:
        make = Maker()
        make.input("x", "u8", (2, inputs))
        if isinstance(a_zero, str):
            make.constant(a_zero, np.uint8(3))
        make.matmul("s", "x", 20, a_zero=a_zero, spread=9)
        make.constants["s.bias"] += np.int32(bias)
        make.requantize("y", "s", scale=scale)
        graph = make.graph("y")
        compare(graph, make.inputs, accelerated=True)
        return rescaled(compile_graph(graph).plan)

    assert found() == [True]
    scales = np.linspace(0.003, 0.004, 20)
    assert found(scale=scales) == found(a_zero="zero") == found(bias=2**23) == found(scale=0.0156) == [False]
    assert found(scale=0.0005, bias=2**23 - 20_000) == [False]
    assert found(inputs=1100) == [False, False]


@pytest.mark.parametrize("size", [(28, 28), (27, 41), (64, 100)])
@pytest.mark.parametrize("reader", [None, (1, 1), (2, 2)])
def test_the_largest_of_what_programs_requantise(size: tuple[int, int], reader: tuple[int, int] | None) -> None:
    """A pool of 2 x 2 behind requantising programs, of sizes even and odd, in strips; read by a convolution, by one with strides."""
    for dtype, zero, scale in (("u8", 3, 0.00413), ("s8", -128, 2.0**-8), ("u8", 255, 0.0155)):
        make = Maker()
        sums = make.conv("s", make.input("x", "u8", (1, 2, *size)), 3, (5, 5), pads=(2, 2, 2, 2), x_zero=9)
        make.pool("y", make.requantize("a", sums, dtype=dtype, scale=scale, zero=zero), 2)  # type: ignore[arg-type]
        found = "y"
        if reader is not None:
            sums = make.conv("t", "y", 4, (3, 3), strides=reader, pads=(1, 1, 1, 1), x_zero=zero)
            found = make.requantize("z", sums, scale=0.003)
        graph = make.graph(found)
        assert rescaled(compile_graph(graph).plan)[0]
        compare(graph, make.inputs, accelerated=True)


def test_what_programs_do_not_requantise() -> None:
    """Other ranges and scales, larger pools, values that may leave 16 bits."""

    def found(
        scale: float = 0.004, low: int = 0, strides: tuple[int, int] = (1, 1), spread: int = 30, pool: int = 1
    ) -> list[bool]:
        make = Maker()
        make.input("x", "u8", (1, 3, 24, 24))
        sums = make.conv("s", "x", 8, (3, 3), strides=strides, spread=spread)
        make.requantize("y", sums, scale=scale, low=low)
        graph = make.graph("y" if pool == 1 else make.pool("p", "y", pool))
        compare(graph, make.inputs, accelerated=True)
        return rescaled(compile_graph(graph).plan)

    assert found() == found(strides=(2, 2)) == [True]
    assert found(scale=2.0**-6) == found(scale=0.0001) == found(low=1) == found(pool=3) == [False]

    make = Maker()
    make.input("x", "u8", (1, 200, 12, 12))
    make.conv("s", "x", 1, (3, 3))
    make.constants["s.w"] = np.full((1, 200, 3, 3), 18, np.int8)
    make.requantize("y", "s", scale=0.0077)
    compare(make.graph("y"), make.inputs, accelerated=True)
    assert rescaled(compile_graph(make.graph("y")).plan) == [False]


@pytest.mark.parametrize("size", [2, 3])
def test_a_pool_is_done_with_the_sums(size: int) -> None:
    make = Maker()
    make.input("x", "u8", (1, 3, 11, 12))
    make.pool("p", make.requantize("y", make.conv("s", "x", 5, (3, 3), pads=(1, 1, 1, 1), x_zero=3)), size)
    graph = make.graph("p")
    compare(graph, make.inputs, accelerated=True)
    assert [layer.kind for layer in compile_graph(graph).layers] == ["Conv on the accelerator", "fused", "fused"]


@pytest.mark.parametrize(
    "scales", [(0.0123, 0.0123), (0.0123, 0.0117), (0.5, 0.5), (0.01, 0.02), (3.0, 0.001), (1e-3, 1e3)]
)
@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (1, 5)])
def test_means(kernel: tuple[int, int], scales: tuple[float, float]) -> None:
    """Windows side by side, overlapping, with pads that count or do not; equal scales, where many means are ties."""
    for x_zero, y_zero, dtype, shift in [(0, 0, "u8", 0), (3, 7, "u8", 0), (128, 255, "u8", 0), (-128, -5, "s8", 128)]:
        make = Maker()
        make.input("x", dtype, (1, 5, 24, 21))  # type: ignore[arg-type]
        same = {"scales": scales, "zeros": (x_zero, y_zero), "dtype": dtype, "shift": shift}
        make.average_pool("a", "x", kernel, **same)  # type: ignore[arg-type]
        make.average_pool("b", "x", kernel, strides=(1, 2), pads=(1, 0, 0, 1) if kernel[0] > 1 else None, **same)  # type: ignore[arg-type]
        pads = tuple(k // 2 for k in kernel) * 2
        make.average_pool("c", "x", kernel, pads=pads, count_pads=True, **same)  # type: ignore[arg-type]
        compare(make.graph("a", "b", "c"), make.inputs)


def test_means_at_ties() -> None:
    """A million means of two and four, all of them within rounding errors of a tie, most decided by the additions' order."""
    make = Maker()
    make.input("x", "u8", (1, 1, 1000, 2000))
    x = make.inputs["x"]
    x[..., 1::2, 1::2] += ((2 - x.reshape(1, 1, 500, 2, 1000, 2).sum(axis=(3, 5))) % 4).astype(np.uint8)
    assert (x.reshape(1, 1, 500, 2, 1000, 2).sum(axis=(3, 5)) % 4 == 2).mean() > 0.98
    for scale in (0.0123, 0.0457, 1.7):
        make.average_pool(f"y{scale}", "x", (2, 2), scales=(scale, scale), zeros=(0, 0))
    make.average_pool("pairs", "x", (1, 2), scales=(0.0357, 0.0357 / 2), zeros=(121, 7))
    graph = make.graph(*(step.y for step in make.steps))
    compiled = compile_graph(graph)
    assert _native.compute(compiled.plan, raw(graph, make.inputs)).outputs == expected(graph, make.inputs)


def test_a_window_too_large_for_a_table() -> None:
    make = Maker()
    make.input("x", "u8", (1, 2, 60, 50))
    make.average_pool("y", "x", (30, 25), scales=(0.0123, 0.002), zeros=(9, 3))
    compare(make.graph("y"), make.inputs)


def test_sums_that_lanes_cannot_hold_are_computed_plainly() -> None:
    make = Maker()
    make.input("x", "u8", (1, 300, 5, 5))
    make.conv("s", "x", 2, (3, 3), spread=127)
    compare(make.graph("s"), make.inputs, accelerated=False)


def codes(graph: Graph) -> set[int]:
    return {code for code, _ in operations(compile_graph(graph, accelerate=False).plan)}


@pytest.mark.parametrize("lowest", [-127, -128])
def test_two_products_a_multiplication(lowest: int) -> None:
    """Weights and inputs of the largest sizes; a weight of -128 is left to the kernels that multiply one by one."""
    make = Maker()
    make.input("x", "u8", (2, 5, 6, 7))
    make.inputs["x"][0] = 0
    make.inputs["x"][1, :, :3] = 255
    make.conv("s", "x", 19, (3, 3), pads=(1, 0, 1, 1), x_zero=255)
    make.constants["s.w"] = np.where(make.constants["s.w"] > 0, 127, lowest).astype(np.int8)
    make.matmul("t", make.reshape("r", "x", (10, 42)), 13, a_zero=0)
    make.constants["t.w"] = np.where(make.constants["t.w"] > 20, lowest, 127).astype(np.int8)
    graph = make.graph("s", "t")
    compare(graph, make.inputs)
    fine = lowest == -127
    assert ({Code.PAIRED_CONVOLUTION, Code.PAIRED_MATRIX} <= codes(graph)) == fine
    assert ({Code.CONVOLUTION, Code.MATRIX} <= codes(graph)) == (not fine)


def test_three_axes_are_computed_plainly() -> None:
    make = Maker()
    make.input("x", "u8", (1, 2, 4, 5, 6))
    make.conv("s", "x", 3, (2, 3, 3), pads=(1, 0, 1, 1, 1, 0), x_zero=6)
    compare(make.graph("s"), make.inputs, accelerated=False)


@pytest.mark.parametrize(
    ("rows", "depth", "columns"),
    [(1, 1, 1), (1, 64, 10), (1, 256, 256), (5, 100, 40), (1, 784, 128), (2, 3000, 20), (1, 40, 1000), (70, 16, 16)],
)
def test_a_matrix_product(rows: int, depth: int, columns: int) -> None:
    make = Maker()
    make.input("x", "u8", (rows, depth))
    make.matmul("s", "x", columns, a_zero=130, spread=8 if depth > 1000 else 30)
    compare(make.graph("s"), make.inputs, accelerated=True)
    make.requantize("y", "s", scale=make.random.uniform(0.001, 0.01, columns))
    compare(make.graph("y"), make.inputs, accelerated=True)


def test_a_zero_point_that_is_a_tensor() -> None:
    """Dynamically quantised inputs."""
    make = Maker()
    make.input("f", "f32", (1, 4, 7, 7))
    make.write("x", "u8", (1, 4, 7, 7))
    make.write("scale", "f32", ())
    make.write("zero", "u8", ())
    make.steps.append(ops.DynamicQuantize("q", "x", "scale", "zero", "f"))
    make.conv("s", "x", 5, (3, 3), pads=(1, 1, 1, 1), x_zero="zero")
    make.matmul("t", make.reshape("r", "x", (4, 49)), 6, a_zero="zero")
    compare(make.graph("s", "t"), make.inputs, accelerated=True)


def test_scales_of_every_size() -> None:
    """From 2^-30, where all is zero, to where each sum is clamped; ties among them."""
    for scale in [2.0**-30, 2.0**-12, 2.0**-8, 2.0**-2, 0.5, 1.0, 3.7, 1e6]:
        make = Maker()
        make.input("x", "u8", (1, 2, 9, 9))
        make.requantize("y", make.conv("s", "x", 3, (3, 3), spread=3), scale=scale, zero=100)
        compare(make.graph("y"), make.inputs)


def test_every_form_at_once() -> None:
    graph, inputs = forms()
    compare(graph, inputs, accelerated=True)


def test_the_same_graph_gives_the_same_bytes() -> None:
    graph, _ = forms()
    assert compile_graph(graph).plan == compile_graph(forms()[0]).plan
    assert compile_graph(graph, salt=bytes(32)).plan != compile_graph(graph, salt=bytes(31) + b"\1").plan
    assert compile_graph(graph).plan != compile_graph(graph, modes={"x": "private"}).plan


def test_a_gather_outside_its_table_ends_the_run() -> None:
    from zkhost.errors import PlanError

    make = Maker()
    make.input("i", "s32", (3,))
    make.constant("table", np.arange(10, dtype=np.uint8).reshape(5, 2))
    make.write("y", "u8", (3, 2))
    make.steps.append(ops.Gather("g", "y", "table", "i"))
    graph = make.graph("y")
    plan = compile_graph(graph).plan
    for index, fine in [(4, True), (-5, True), (5, False), (-6, False)]:
        data = raw(graph, {"i": np.array([0, index, 1], np.int32)})
        if fine:
            assert [len(output) for output in _native.compute(plan, data).outputs] == [6]
        else:
            with pytest.raises(PlanError, match="out of range"):
                _native.compute(plan, data)
