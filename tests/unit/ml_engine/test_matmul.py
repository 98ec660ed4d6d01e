"""Products of two tensors, attention's: the reference's bytes in plain code and on the accelerator; and wrong advice, refused."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from tests.bench.bench_floats import WORD
from tests.bench.bench_nn import run
from zkhost.errors import ProverError
from zkhost.ml import _native, ops
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile import compile_graph
from zkhost.ml.compile.cost import START
from zkhost.ml.compile.plan_bytes import Code
from zkhost.ml.graph import DType

from .graphs import Maker, attention, operations, raw
from .test_kernels import compare

KIND, MATRICES, ROWS, BLOCKS = 26, 10, 11, 14


def product(
    a: tuple[int, ...],
    w: tuple[int, ...],
    *,
    dtypes: tuple[DType, DType] = ("u8", "u8"),
    zeros: tuple[int, int] = (120, 131),
    bias: bool = False,
) -> Maker:
    """The sums of a product of two inputs, `s`."""
    make = Maker()
    make.input("a", dtypes[0], a)
    make.input("w", dtypes[1], w)
    name = make.constant("bias", make.random.integers(-9999, 9999, w[-1]).astype(np.int32)) if bias else None
    make.product("s", "a", "w", a_zero=zeros[0], w_zero=zeros[1], bias=name)
    return make


def products(make: Maker, *outputs: str) -> list[tuple[int, ...]]:
    """The arguments of products on the accelerator."""
    plan = compile_graph(make.graph(*outputs)).plan
    return [arguments for code, arguments in operations(plan) if code == Code.PROVED_MATMUL]


SHAPES = {
    "heads": ((4, 32, 32), (4, 32, 32)),
    "two axes of heads": ((2, 3, 9, 16), (2, 3, 16, 40)),
    "one matrix for all": ((3, 5, 24), (24, 32)),
    "rows in cells and a part": ((2, 12, 20), (2, 20, 37)),
    "several blocks": ((1, 30, 16), (1, 16, 600)),
    "one row": ((4, 1, 48), (4, 48, 64)),
    "one column": ((4, 64, 48), (4, 48, 1)),
    "few columns": ((2, 128, 40), (2, 40, 5)),
    "inputs in pieces": ((2, 16, 500), (2, 500, 16)),
    "inputs in pieces, copied": ((1, 9, 300), (1, 300, 300)),
    "the largest heads": ((1, 128, 64), (1, 64, 128)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_product_of_two_tensors(name: str) -> None:
    """Sums, and requantised by a scale that a program has, by one that none has, and by column."""
    a, w = SHAPES[name]
    make = product(a, w)
    compare(make.graph("s"), make.inputs, accelerated=True)
    for scale in (0.0009, 0.03, make.random.uniform(0.0005, 0.6, w[-1])):
        make.requantize("y", "s", scale=scale, axis=len(a) - 1, zero=101)
        compare(make.graph("y"), make.inputs, accelerated=True)
        make.steps.pop()


def test_what_becomes_of_sums() -> None:
    """Each way is taken where it is the cheapest: by the program, by one scale, in s32, in s32 by pieces."""
    found = {}
    for name, scale in [("heads", 0.0009), ("heads", 0.03), ("heads", None), ("inputs in pieces", 0.0009)]:
        make = product(*SHAPES[name])
        y = "s" if scale is None else make.requantize("y", "s", scale=scale)
        found[name, scale] = [arguments[KIND] for arguments in products(make, y)]
    assert list(found.values()) == [[2], [1], [4], [4, 5]]


def test_either_operand_may_lie_in_cells() -> None:
    """A call takes some 400 cycles beside its program, so there are as few as there can be: one for each of five rows or columns. A
    bias is that of the columns, which are lanes then."""
    for a, w, bias, rows in [
        ((1, 5, 32), (1, 32, 128), False, 5),
        ((1, 128, 32), (1, 32, 5), False, 5),
        ((1, 128, 32), (1, 32, 5), True, 128),
    ]:
        make = product(a, w, bias=bias)
        (found,) = products(make, "s")
        assert (found[ROWS], found[BLOCKS]) == (rows, 1)
        compare(make.graph("s"), make.inputs, accelerated=True)


@pytest.mark.parametrize("dtypes", [("u8", "u8"), ("s8", "s8"), ("u8", "s8"), ("s8", "u8")])
@pytest.mark.parametrize("zeros", [(0, 0), (0, -1), (-1, 0), (0.5, 0.5), (-1, -1)])
def test_zero_points_of_every_sign(dtypes: tuple[DType, DType], zeros: tuple[float, float]) -> None:
    """The least, the largest and the middle of each type; inputs of both extremes."""
    limits = {"u8": {0: 0, 0.5: 128, -1: 255}, "s8": {0: -128, 0.5: 3, -1: 127}}
    make = product(
        (2, 7, 128), (2, 128, 33), dtypes=dtypes, zeros=(limits[dtypes[0]][zeros[0]], limits[dtypes[1]][zeros[1]])
    )
    compare(make.graph("s"), make.inputs, accelerated=True)
    for name, array in make.inputs.items():
        lowest, highest = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
        for fill in (lowest, highest):
            make.inputs[name] = np.full_like(array, fill)
            make.requantize("y", "s", scale=0.0003)
            compare(make.graph("y", "s"), make.inputs, accelerated=True)
            compare(make.graph("y"), make.inputs, accelerated=True)
            make.steps.pop()


def test_a_bias_that_is_a_constant_or_a_tensor() -> None:
    make = product((2, 9, 30), (30, 32), bias=True)
    make.requantize("y", "s", scale=0.0009)
    assert [arguments[KIND] for arguments in products(make, "y")] == [2]
    compare(make.graph("y"), make.inputs, accelerated=True)
    make.inputs["bias"] = make.constants.pop("bias")
    make.input("bias", "s32", (32,))
    assert [arguments[KIND] for arguments in products(make, "y")] == [1]
    compare(make.graph("y"), make.inputs, accelerated=True)


def test_a_zero_point_that_is_a_tensor() -> None:
    """Of the operand in cells, or of the other one."""
    for rows, columns in [(12, 64), (64, 12)]:
        make = Maker()
        make.input("f", "f32", (2, rows, 20))
        make.input("w", "s8", (2, 20, columns))
        make.write("x", "u8", (2, rows, 20))
        make.write("scale", "f32", ())
        make.write("zero", "u8", ())
        make.steps.append(ops.DynamicQuantize("q", "x", "scale", "zero", "f"))
        make.product("s", "x", "w", a_zero="zero", w_zero=-7)
        compare(make.graph("s"), make.inputs, accelerated=True)


@pytest.mark.parametrize("shapes", [((1, 1, 2), (1, 2, 1)), ((40, 1, 2), (40, 2, 3))])
def test_small_products_are_left_to_plain_instructions(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    make = product(*shapes)
    compare(make.graph("s"), make.inputs, accelerated=False)


def test_lanes_hold_the_largest_sums() -> None:
    """As many inputs as one program takes with this zero point, all at their extremes; one more makes two."""
    for zero, most in [(0, 128), (255, 128), (128, 256)]:
        for inputs, pieces in [(most, 1), (most + 2, 2)]:
            make = product((1, 3, inputs), (1, inputs, 16), zeros=(0, zero))
            assert len(products(make, "s")) == pieces
            for value in (0, 255):
                make.inputs["a"][...], make.inputs["w"][...] = 255, value
                compare(make.graph("s"), make.inputs, accelerated=True)
                graph = make.graph("s")
                plan = compile_graph(graph).plan
                computed = _native.compute(plan, raw(graph, make.inputs))
                assert _native.preflight(_native.image(plan).program, computed.stdin).journal == computed.journal


@functools.cache
def requantised() -> tuple[bytes, bytes, bytes, int]:
    """A plan, its program, what the guest reads, and where advice starts: two matrices of three rows of two cells, requantised, and
    before each of them the sums of its columns."""
    make = product((2, 3, 24), (2, 24, 20))
    make.requantize("y", "s", scale=0.0009)
    plan, inputs = compile_graph(make.graph("y")).plan, raw(make.graph("y"), make.inputs)
    (found,) = [arguments for code, arguments in operations(plan) if code == Code.PROVED_MATMUL]
    assert (found[MATRICES], found[ROWS], found[KIND]) == (2, 3, 2)
    stdin = _native.compute(plan, inputs).stdin
    assert len(stdin) - len(inputs) == 2 * acc.CELL * 2 * (3 + 3 * 10)
    return plan, _native.image(plan).program, stdin, len(inputs)


def test_changed_advice_is_refused() -> None:
    """A byte in every plane of every call, sums of columns among them; errors in two lanes that make up for each other."""
    plan, program, stdin, start = requantised()
    assert _native.preflight(program, stdin).journal == _native.compute(plan, stdin[:start]).journal
    for at in range(start + 3, len(stdin), 29):
        data = bytearray(stdin)
        data[at] ^= 1
        with pytest.raises(ProverError, match="eqz"):
            _native.preflight(program, bytes(data))
    for first, second in [((4, 1), (5, -1)), ((36, -1), (5, 1)), ((100, 1), (101, -1)), ((132, -1), (101, 1))]:
        data = bytearray(stdin)
        for at, by in (first, second):
            data[start + at] = (data[start + at] + by) % 256
        with pytest.raises(ProverError, match="eqz"):
            _native.preflight(program, bytes(data))


def within_15_percent(make: Maker, y: str, *, accelerate: bool = True) -> None:
    """Beside what a run takes without operations, and to read, hash and commit a word."""
    found = run(make, y, accelerate=accelerate)
    words = sum(make.tensors[name].nbytes for name in (*make.inputs, y)) / 4
    spent, estimate = found["user"] - START - WORD * words, found["estimate"] - START
    assert abs(estimate / spent - 1) < 0.15, (estimate, spent)


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "one column"])
@pytest.mark.parametrize("scale", [0.0009, 0.03, None])
def test_an_estimate_is_within_15_percent_of_what_runs(name: str, scale: float | None) -> None:
    make = product(*SHAPES[name])
    within_15_percent(make, "s" if scale is None else make.requantize("y", "s", scale=scale))


@pytest.mark.parametrize("columns", [24, 27])
def test_an_estimate_of_plain_instructions_is_within_15_percent(columns: int) -> None:
    within_15_percent(product((2, 24, 24), (2, 24, columns)), "s", accelerate=False)


def test_attention() -> None:
    """Both products on the accelerator; what comes between them in integers."""
    for heads, length, width in [(2, 16, 16), (1, 40, 24)]:
        make = attention(heads, length, width)
        assert [arguments[KIND] for arguments in products(make, "y")] == [2, 2]
        compare(make.graph("y"), make.inputs, accelerated=True)
    within_15_percent(attention(4, 32, 32), "y")
