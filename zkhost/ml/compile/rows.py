"""Matrix products on the accelerator: rows of inputs, each in a cell of its own, times rows of weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile.plan_bytes import At, Code
from zkhost.ml.compile.proved import Finish, constant_weights, correction, finish_of, fits_lanes, signed_weights
from zkhost.ml.compile.target import Target, added
from zkhost.ml.graph import Array


@dataclass(frozen=True)
class Walk:
    """Where rows lie: from one column to the next, from one row to the next, in elements, and how many rows. Where `line` is
    given, rows follow each other so for so many, and the next ones start `line_step` elements after those."""

    at: At
    column: int
    row: int
    rows: int
    line: int = 0
    line_step: int = 0


@dataclass(frozen=True)
class Matrix:
    """Weights (inputs, columns) without their zero point, the zero point they are stored with, and the cells of a row."""

    weights: Array
    zero: int
    row: int
    rows: int

    @property
    def pieces(self) -> int:
        """Programs that the inputs are divided among."""
        return -(-len(self.weights) // dict(acc.DENSE)[self.row])

    @property
    def blocks(self) -> int:
        """Rows of cells that the columns are divided among."""
        return acc.cells(-(-self.weights.shape[1] // self.row))

    @property
    def cycles(self) -> int:
        """User cycles, an estimate."""
        each, columns = -(-len(self.weights) // self.pieces), int(self.weights.shape[1])
        words = acc.dense_words(each, self.row) + acc.CALL
        row = self.blocks * words + columns * acc.DENSE_LANE + acc.SPREAD * each + acc.ADVISE
        return self.pieces * (self.rows * row + acc.BEGIN + columns * acc.CHANNEL)

    def write(
        self, target: Target, finish: Finish, zero: int | At, corrected: tuple[At | int, At], x: Walk, y: Walk
    ) -> None:
        """Write the product; several pieces only where a row of y follows the other."""
        plan, (depth, columns) = target.plan, self.weights.shape
        w_sums, bias = corrected
        each, width = -(-depth // self.pieces), self.row * acc.CELL
        padded = np.full((depth, self.blocks * width), self.zero, np.uint8)
        padded[:, :columns] = self.weights + self.zero
        whole = self.pieces == 1 and finish.size == 1
        sums = y.at if whole or finish.size == 4 else plan.buffer(4 * x.rows * columns)
        none, scale = plan.constant(np.zeros(columns, np.int32)), plan.constant(finish.scale)
        for piece in range(self.pieces):
            part = padded[piece * each : (piece + 1) * each]
            weights = plan.constant(part.reshape(len(part), self.blocks, width).transpose(1, 0, 2))
            first = piece == 0
            kind = 1 if whole else 4 if first else 5
            plan.emit(
                Code.PROVED_DENSE, x.at + piece * each * x.column, x.column, x.row, int(first and isinstance(zero, At)),
                zero if first else 0, x.rows, len(part), weights, w_sums if first else At(None), self.zero, self.row,
                self.blocks, columns, bias if first else none, sums, y.row, y.column,
                y.line or y.rows, y.line_step,
                scale, finish.scale.size, finish.zero, finish.low, finish.high, kind,
            )  # fmt: skip
        if not whole and finish.size == 1:
            layout = [1, 1, x.rows * columns] if finish.scale.size == 1 else [x.rows, columns, 1]
            code = Code.REQUANTIZE
            plan.emit(code, sums, y.at, layout, scale, finish.scale.size, finish.zero, finish.low, finish.high)


def matrix(weights: Array, zero: int, rows: int) -> Matrix | None:
    """Return the cheapest form for weights (inputs, columns). None where the accelerator does not take them."""
    if weights.shape[1] > acc.MAX_COLUMNS or not fits_lanes(weights, (0,)):
        return None
    return min((Matrix(weights, zero, row, rows) for row, _ in acc.DENSE), key=lambda matrix: matrix.cycles)


def matmul(target: Target, op: ops.MatMul) -> Finish | None:
    """Write a matrix product with constant weights for the accelerator. None where it does not take it."""
    graph = target.graph
    zeros = {int(zero) for zero in op.w_zero}
    if not constant_weights(graph, op) or len(zeros) != 1:
        return None
    w = signed_weights(graph.constants[op.w], op.w_zero, 1)
    (depth, columns), rows = w.shape, prod(graph.shape(op.a)[:-1])
    found = matrix(w, zeros.pop() + added(graph.dtype(op.w)), rows)
    if found is None:
        return None
    finish = finish_of(target, op)
    zero, corrected = correction(target, op.a, op.a_zero, op.bias, w.sum(axis=0))
    y = target.write(finish.y)
    found.write(target, finish, zero, corrected, Walk(target.read(op.a), 1, depth, rows), Walk(y, 1, columns, rows))
    return finish
