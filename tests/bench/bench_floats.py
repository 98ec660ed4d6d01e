"""Exact cycles of each f32 operation in the zkVM, an element: `python -m tests.bench.bench_floats [NAME...]`.

What `zkhost/ml/compile/float_cost.py` has comes from here. Inputs and outputs are read and committed too, at 4.5 cycles a word
of each, which is subtracted; `fixed` is what a run takes beside its elements, less an empty run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from math import prod
from typing import get_args

import numpy as np

from tests.bench.bench_nn import run
from tests.unit.ml_engine.graphs import Maker
from zkhost.ml import ops
from zkhost.ml.graph import DType

WORD = 4.5
Make = Callable[[int], Maker]
WINDOW = ops.Window((3, 3), (1, 1), (0, 0, 0, 0), (1, 1))


def graph(
    op: ops.Op, shape: tuple[int, ...], constants: Mapping[str, object] | None = None, **inputs: tuple[int, ...]
) -> Maker:
    """One operation of f32 inputs (u8 ones are called `condition`); y is f32, or u8 of a comparison."""
    make = Maker()
    for name, size in inputs.items():
        make.input(name, "u8" if name == "condition" else "f32", size)
    for name, value in (constants or {}).items():
        make.constant(name, np.asarray(value, np.float32))
    dtype: DType = "u8" if isinstance(op, ops.Compare) else "f32"
    make.write("y", dtype, shape)
    make.steps.append(op)
    return make


def elementwise(op: ops.Op, *names: str) -> Make:
    return lambda n: graph(op, (n,), None, **dict.fromkeys(names, (n,)))


def rows(op: ops.Op, width: int, out: int) -> Make:
    return lambda n: graph(op, (n // width, out), None, x=(n // width, width))


def product(depth: int) -> Make:
    weights = np.linspace(-1, 1, 8 * depth).reshape(depth, 8)
    return lambda n: graph(ops.MatMulF("n", "y", "x", "w", None), (n, 8), {"w": weights}, x=(n, depth))


def convolution(channels: int) -> Make:
    kernel = np.linspace(-1, 1, 18 * channels).reshape(2, channels, 3, 3)
    op = ops.ConvF("n", "y", "x", "w", None, WINDOW, 1)
    return lambda n: graph(op, (1, 2, n, 4), {"w": kernel}, x=(1, channels, n + 2, 6))


def operations() -> dict[str, tuple[Make, int]]:
    """By name: what makes a graph of a size, and results per size."""
    found: dict[str, tuple[Make, int]] = {}
    for kind in get_args(ops.FunctionKind):
        found[f"function {kind}"] = elementwise(ops.Function("n", "y", kind, "x"), "x"), 1
    for kind in get_args(ops.UnaryKind):
        found[f"unary {kind}"] = elementwise(ops.Unary("n", "y", kind, "x"), "x"), 1
    for kind in get_args(ops.BinaryKind):
        found[f"binary {kind}"] = elementwise(ops.Binary("n", "y", kind, "x", "b"), "x", "b"), 1
    found["clip"] = elementwise(ops.Clip("n", "y", "x", 0.0, 6.0), "x"), 1
    found["power"] = elementwise(ops.Power("n", "y", "x", "b"), "x", "b"), 1
    found["compare"] = elementwise(ops.Compare("n", "y", "less", "x", "b"), "x", "b"), 1
    found["select"] = elementwise(ops.Select("n", "y", "condition", "x", "b"), "condition", "x", "b"), 1
    for width in (4, 32):
        for lanes in (1, 4, 8):
            found[f"sum {lanes} lanes of {width}"] = rows(ops.SumF("n", "y", "x", width, True, lanes), width, 1), 1
        for logarithm in (False, True):
            name = f"{'log ' if logarithm else ''}softmax of {width}"
            found[name] = rows(ops.Softmax("n", "y", "x", width, logarithm), width, width), 1
        found[f"product, depth {width}"] = product(width), 8 * width
    for channels in (1, 4):
        found[f"convolution, 3x3x{channels}"] = convolution(channels), 8 * 9 * channels
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="what to count; all by default")
    wanted = parser.parse_args().names
    empty = Maker()
    empty.reshape("y", empty.input("x", "f32", (1,)), (1,))
    nothing = run(empty, "y")["user"]
    for name, (make, results) in operations().items():
        if wanted and not any(part in name for part in wanted):
            continue
        (small, words), (large, more) = (counted(make(size)) for size in (64, 192))
        each = (large - small - WORD * (more - words)) / 128
        print(f"{name:24} {each / results:8.1f} each  fixed {small - 64 * each - WORD * words - nothing:8.0f}")


def counted(make: Maker) -> tuple[float, float]:
    """User cycles, and words read and committed."""
    sizes = [make.tensors[name] for name in (*make.inputs, "y")]
    return run(make, "y", accelerate=False)["user"], sum(
        prod(t.shape) * (1 if t.dtype == "f32" else 0.25) for t in sizes
    )


if __name__ == "__main__":
    main()
