"""Each form of program of the accelerator at the largest shape that the interpreter takes: inputs of 255, and weights as
large as lanes allow. The shapes were found by a search over channels, sizes and kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile import compile_graph
from zkhost.ml.compile.plan_bytes import CONSTANT, Code
from zkhost.ml.graph import Array, Graph, Mode

from .graphs import Maker, operations

# Inputs are large: to hash them for the journal would take most of a run.
PRIVATE: dict[str, Mode] = {"x": "private"}

# A plan lies there in the guest's memory.
PLAN = 0x8000_0000
CONSTANTS_WORD = 9
# Places of a convolution's and a dense layer's arguments.
DENSE_WEIGHTS, KERNELS = 7, 3


@dataclass(frozen=True)
class Largest:
    """A graph of one layer, and what its program has to be."""

    make: Callable[[], Maker]
    form: str

    def graph(self) -> tuple[Graph, dict[str, Array]]:
        """The graph, its inputs all 255."""
        make = self.make()
        graph = make.graph(make.steps[-1].y)
        return graph, {name: np.full_like(array, 255) for name, array in make.inputs.items()}


def _weights(make: Maker, y: str, inputs: int) -> None:
    """Signs in turn from one output to the next, so that lanes reach furthest in both directions."""
    most = min(127, (acc.OFFSET - 1) // (255 * inputs))
    weights = make.constants[f"{y}.w"]
    outputs = np.arange(weights.shape[1]) if weights.ndim == 2 else np.arange(weights.shape[0]).reshape(-1, 1, 1, 1)
    make.constants[f"{y}.w"] = np.broadcast_to(most * (1 - 2 * (outputs % 2)), weights.shape).astype(np.int8)


def _dense(inputs: int, row: int) -> Maker:
    make = Maker()
    make.matmul("y", make.input("x", "u8", (1, inputs)), row * acc.CELL)
    _weights(make, "y", inputs)
    return make


def _convolution(channels: int, size: int, kernel: int, *, outputs: int = 1, rescaled: bool = False) -> Maker:
    make = Maker()
    make.input("x", "u8", (1, channels, size, size))
    make.conv("s", "x", outputs, (kernel, kernel))
    _weights(make, "s", channels * kernel**2)
    # Programs requantise by the first scale, and not by the second.
    make.requantize("y", "s", scale=0.0037 if rescaled else 0.03)
    return make


LARGEST = {
    **{
        f"dense, {inputs} inputs, rows of {row}": Largest(partial(_dense, inputs, row), "dense")
        for row, inputs in acc.DENSE
    },
    "split signs": Largest(partial(_convolution, 96, 16, 5), "split"),
    "split signs, requantised": Largest(partial(_convolution, 32, 36, 2, rescaled=True), "split rescaled"),
    "sums": Largest(partial(_convolution, 64, 28, 2), "sums"),
    "sums, requantised": Largest(partial(_convolution, 96, 20, 3, outputs=2, rescaled=True), "sums rescaled"),
    "pointwise, split signs": Largest(partial(_convolution, 40, 36, 1), "split expand"),
    "pointwise, split signs, requantised": Largest(
        partial(_convolution, 48, 32, 1, rescaled=True), "split rescaled expand"
    ),
    "pointwise, sums": Largest(partial(_convolution, 64, 28, 1), "sums expand"),
    "pointwise, sums, requantised": Largest(partial(_convolution, 64, 28, 1, rescaled=True), "sums rescaled expand"),
}


@dataclass(frozen=True)
class Call:
    """One call of the accelerator: its form, words, and cycles if no page that it reads were loaded yet."""

    form: str
    words: int
    cycles: int


def call(plan: bytes) -> Call:
    """The largest call of a plan's first layer on the accelerator."""
    code, arguments = _layer(plan)
    if code == Code.PROVED_DENSE:
        inputs, row = arguments[6], arguments[10]
        words = acc.dense_words(inputs, row)
        return Call("dense", words, acc.call_cycles(words, (inputs, inputs * row, 3 * row, 21 + row, row)))
    inputs, kernel, plane, pitch, pairs, _, _, expand, *_ = arguments[9:]
    first, rows, columns, row_step, column_step, *_, rescaled = arguments[20:]
    last = first + (rows - 1) * row_step + (columns - 1) * column_step
    cells = last // acc.CELL - first // acc.CELL + 1 if rescaled else 0
    program = acc.Convolution(inputs, kernel, plane, pitch, pairs, cells)
    form = ["sums" if pairs else "split"]
    form += ["rescaled"] if rescaled else []
    form += ["expand"] if expand else []
    return Call(" ".join(form), program.words, program.cycles)


def _layer(plan: bytes) -> tuple[int, tuple[int, ...]]:
    found = [op for op in operations(plan) if op[0] in (Code.PROVED_DENSE, Code.PROVED_CONVOLUTION)]
    return found[0]


def weights_at(plan: bytes) -> int:
    """The address of the first layer's weights in the guest."""
    code, arguments = _layer(plan)
    at = arguments[DENSE_WEIGHTS if code == Code.PROVED_DENSE else KERNELS]
    assert at & CONSTANT
    constants = int.from_bytes(plan[4 * CONSTANTS_WORD :][:4], "little")
    return PLAN + constants + (at & ~CONSTANT)


def with_weights_at(graph: Graph, low: int) -> bytes:
    """A plan whose first layer's weights lie at an address with this lower half: a salt before them is as long as that takes."""
    cell = acc.CELL
    missing = (low - weights_at(compile_graph(graph, modes=PRIVATE, salt=bytes(cell)).plan)) % 0x10000
    return compile_graph(graph, modes=PRIVATE, salt=bytes(range(cell)) + bytes(missing)).plan
