"""Matrix products on the accelerator: rows of inputs, each in a cell of its own, times rows of weights."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile import shapes
from zkhost.ml.compile.plan_bytes import At, Code
from zkhost.ml.compile.proved import (
    Finish,
    constant_weights,
    correction,
    finish_of,
    fits_lanes,
    known_biases,
    rescales,
    signed_weights,
    sums_between,
    zero_of,
)
from zkhost.ml.compile.target import Target, added
from zkhost.ml.graph import Array


@dataclass(frozen=True)
class Walk:
    """Where rows lie: from one column to the next, from one row to the next, in elements, and how many rows. Where `line` is
    given, rows follow each other so for so many, and the next ones start `line_step` elements after those: in `phases` of lines
    and rows."""

    at: At
    column: int
    row: int
    rows: int
    line: int = 0
    line_step: int = 0
    phases: shapes.Polyphase = shapes.ONE_COMPONENT


@dataclass(frozen=True)
class Matrix:
    """Weights (inputs, columns) without their zero point, the zero point they are stored with, the cells of a row, how many
    rows there are, and whether their program requantises them."""

    weights: Array
    zero: int
    row: int
    rows: int
    rescaled: bool

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
        row = acc.dense_row(each, self.row, self.blocks, columns, self.rescaled)
        once = 0 if self.rescaled else columns * acc.CHANNEL
        return int(self.pieces * (self.rows * row + acc.BEGIN + once))

    def write(self, target: Target, finish: Finish, source: tuple[str, ops.Zero, str | None], x: Walk, y: Walk) -> None:
        """Write the product of a tensor, with its zero point and a bias; several pieces only where a row of y follows the other."""
        sums = self.weights.sum(axis=0)
        known = known_biases(target, *source, sums)
        w_sums: At | int = At(None)
        if self.rescaled and known is not None:
            zero, bias = zero_of(target, *source[:2]), target.plan.constant(self._biases(known))
        else:
            zero, (w_sums, bias) = correction(target, *source, sums)
        plan, (depth, columns) = target.plan, self.weights.shape
        each, width = -(-depth // self.pieces), self.row * acc.CELL
        padded = np.full((depth, self.blocks * width), self.zero, np.uint8)
        padded[:, :columns] = self.weights + self.zero
        whole = self.pieces == 1 and finish.size == 1
        to = y.at if whole or finish.size == 4 else plan.buffer(4 * x.rows * columns)
        none, scale = plan.constant(np.zeros(columns, np.int32)), plan.constant(finish.scale)
        for piece in range(self.pieces):
            part = padded[piece * each : (piece + 1) * each]
            weights = plan.constant(part.reshape(len(part), self.blocks, width).transpose(1, 0, 2))
            first = piece == 0
            kind = 2 if self.rescaled else 1 if whole else 4 if first else 5
            plan.emit(
                Code.PROVED_DENSE, x.at + piece * each * x.column, x.column, x.row, int(first and isinstance(zero, At)),
                zero if first else 0, x.rows, len(part), weights, w_sums if first else At(None), self.zero, self.row,
                self.blocks, columns, bias if first else none, to, y.row, y.column,
                y.line or y.rows, y.line_step, y.phases.arguments,
                scale, finish.scale.size, finish.zero, finish.low, finish.high, kind,
            )  # fmt: skip
        if not whole and finish.size == 1:
            finish.requantize(plan, to, y.at, x.rows, columns)

    def _biases(self, biases: Array) -> Array:
        """Return biases as a program adds them to lanes: for each block of columns three planes of bytes, with the lanes' offset."""
        lanes = np.full(self.blocks * self.row * acc.CELL, acc.OFFSET, np.int64)
        lanes[: len(biases)] += biases
        return np.stack([lanes.reshape(self.blocks, -1) >> shift & 255 for shift in (0, 8, 16)], axis=1).astype(
            np.uint8
        )


def matrix(weights: Array, zero: int, rows: int, finish: Finish, biases: Array | None) -> Matrix | None:
    """Return the cheapest form for weights (inputs, columns), with `biases` where they are known. None where the accelerator does
    not take them."""
    if weights.shape[1] > acc.MAX_COLUMNS or not fits_lanes(weights, (0,)):
        return None
    forms = {False, _rescales(finish, weights, biases)}
    found = (Matrix(weights, zero, row, rows, rescaled) for (row, _), rescaled in product(acc.DENSE, sorted(forms)))
    return min((form for form in found if form.pieces == 1 or not form.rescaled), key=lambda form: form.cycles)


def _rescales(finish: Finish, weights: Array, biases: Array | None) -> bool:
    """Return whether a program may requantise all columns: by one scale, and lanes hold sums with their biases."""
    if biases is None or finish.scale.size != 1:
        return False
    most, least = sums_between(weights, (0,))
    held = (biases + most < acc.OFFSET).all() and (biases + least >= -acc.OFFSET).all()
    return bool(held) and rescales(finish, weights, (0,), biases)


def matmul(target: Target, op: ops.MatMul) -> Finish | None:
    """Write a matrix product with constant weights for the accelerator. None where it does not take it."""
    graph = target.graph
    zeros = {int(zero) for zero in op.w_zero}
    if not constant_weights(graph, op) or len(zeros) != 1:
        return None
    w = signed_weights(graph.constants[op.w], op.w_zero, 1)
    (depth, columns), rows = w.shape, prod(graph.shape(op.a)[:-1])
    finish, source = finish_of(target, op), (op.a, op.a_zero, op.bias)
    zero = zeros.pop() + added(graph.dtype(op.w))
    found = matrix(w, zero, rows, finish, known_biases(target, *source, w.sum(axis=0)))
    if found is None:
        return None
    y = target.write(finish.y)
    found.write(target, finish, source, Walk(target.read(op.a), 1, depth, rows), Walk(y, 1, columns, rows))
    return finish
