"""Products of two tensors on the accelerator: rows of one, each number in a cell of its own, times the rows of the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile import cost, shapes
from zkhost.ml.compile.plan_bytes import At, Code
from zkhost.ml.compile.proved import Finish, finish_of, zero_of
from zkhost.ml.compile.target import Target
from zkhost.ml.graph import Array


@dataclass(frozen=True)
class Side:
    """The matrices of one operand, all of a size: where the first one lies, the step from a matrix to the next, from a row or
    column of the product to the next, from an input to the next; and its zero point, as it lies in memory, or where it does."""

    at: At
    matrix: int
    step: int
    input: int
    zero: int | At

    @property
    def reach(self) -> tuple[int, int]:
        """The least and the largest that a number can be without its zero point."""
        return (-self.zero, 255 - self.zero) if isinstance(self.zero, int) else (-255, 255)


@dataclass(frozen=True)
class Product:
    """A product of `matrices`, `rows` x `inputs` by `inputs` x `columns`: the left operand lies in cells, the right one's rows
    take `row` cells each. `bias` is that of the columns, `to` the steps of the output's rows and columns."""

    left: Side
    right: Side
    matrices: int
    rows: int
    inputs: int
    columns: int
    bias: At | None
    to: tuple[int, int]
    row: int
    rescaled: bool = False

    @property
    def width(self) -> int:
        return self.row * acc.CELL

    @property
    def blocks(self) -> int:
        """Rows of cells that the columns are divided among."""
        return -(-self.columns // self.width)

    @property
    def each(self) -> int:
        """Inputs of a program: as many as it takes, and as lanes hold the sums of, whatever the numbers are."""
        most = min(dict(acc.DENSE)[self.row], (acc.OFFSET - 1) // (255 * max(map(abs, self.right.reach))))
        return -(-self.inputs // -(-self.inputs // most))

    @property
    def pieces(self) -> int:
        """Programs that the inputs are divided among."""
        return -(-self.inputs // self.each)

    @property
    def in_place(self) -> bool:
        """Whether the right operand's rows can be read where they are."""
        right = self.right
        aligned = right.at.offset % 4 == 0 and (self.matrices == 1 or right.matrix % 4 == 0)
        return aligned and right.step == 1 and right.input == self.width == self.columns

    def kind(self, finish: Finish) -> int:
        """What becomes of lanes, as the interpreter numbers it."""
        if self.rescaled:
            return 2
        return 1 if finish.size == 1 and self.pieces == 1 and finish.scale.size == 1 else 4

    def cycles(self, finish: Finish) -> int:
        """User cycles, an estimate."""
        kind, outputs = self.kind(finish), self.matrices * self.rows * self.columns
        sizes = (self.matrices, self.rows, self.each, self.row, self.blocks, self.columns)
        total = self.pieces * acc.matmul(*sizes, kind, self.left.zero != 0)
        if kind == 4 and finish.size == 1:
            total += acc.REQUANTIZE * outputs
        if not self.in_place:
            total += (
                self.matrices * self.inputs * self.blocks * (cost.ROW + (2 if self.right.step == 1 else 4) * self.width)
            )
        return int(total)

    def write(self, target: Target, op: ops.MatMul, finish: Finish) -> None:
        """Write the product, and the requantisation that it does not do itself."""
        plan, kind = target.plan, self.kind(finish)
        y = target.write(finish.y)
        count = self.matrices * self.rows * self.columns
        to = plan.buffer(4 * count) if kind == 4 and finish.size == 1 else y
        scale = plan.constant(finish.scale if kind < 4 else np.ones(1, np.float32))
        none = plan.constant(np.zeros(self.columns, np.int32))
        right, matrix = (self.right.at, self.right.matrix) if self.in_place else self._copy(target, op)
        scratch = plan.buffer(7 * self.blocks * self.width)
        for piece, inputs in self._pieces():
            plan.emit(
                Code.PROVED_MATMUL, self.left.at + piece * self.left.input, self.left.matrix, self.left.step, self.left.input,
                _zero(self.left.zero), right + piece * self.blocks * self.width, matrix, _zero(self.right.zero),
                self.matrices, self.rows, inputs, self.row, self.blocks, self.columns,
                none if piece or self.bias is None else self.bias, scratch, to, self.rows * self.columns, self.to,
                scale, finish.zero, finish.low, finish.high, 5 if piece else kind,
            )  # fmt: skip
        if to is not y:
            columns = target.graph.shape(op.y)[-1]
            finish.requantize(plan, to, y, count // columns, columns)

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """Yield the first input of each piece, and how many it has."""
        for first in range(0, self.inputs, self.each):
            yield first, min(self.each, self.inputs - first)

    def _copy(self, target: Target, op: ops.MatMul) -> tuple[At, int]:
        """Copy the right operand's rows to cells, block by block, with its zero point behind them. Return where, and the step from
        a matrix to the next."""
        plan, right, width = target.plan, self.right, self.width
        matrix = self.inputs * self.blocks * width
        copy = plan.buffer(self.matrices * matrix)
        if self.columns % width:
            if isinstance(right.zero, At):
                plan.emit(Code.FILL_FROM, copy, self.matrices * matrix, right.zero)
            else:
                plan.emit(Code.FILL, 1, copy, self.matrices * matrix, right.zero)
        whole = self.columns // width
        for first, inputs in self._pieces():
            for block, blocks, columns in ((0, whole, width), (whole, 1, self.columns - whole * width)):
                if blocks * columns == 0:
                    continue
                walk = shapes.walk(
                    op.node,
                    (self.matrices, blocks, inputs, columns),
                    (right.matrix, width * right.step, right.input, right.step),
                    (matrix, inputs * width, width, 1),
                )
                source = right.at + first * right.input + block * width * right.step
                plan.emit(Code.COPY, 1, source, copy + (first * self.blocks + block * inputs) * width, walk)
        return copy, matrix


def _zero(zero: int | At) -> tuple[int, int | At]:
    """Return a zero point's arguments: kind, and value or place."""
    return int(isinstance(zero, At)), zero


def _rescales(product: Product, finish: Finish, bias: Array | None) -> bool:
    """Return whether its program may requantise a product: by one scale, zero points and biases are known, and no input can lead
    a lane out of its 24 bits or an output out of its 16."""
    left, right = product.left, product.right
    if (
        product.pieces > 1
        or isinstance(left.zero, At)
        or isinstance(right.zero, At)
        or bias is None
        or finish.size != 1
        or finish.scale.size != 1
        or not acc.rescales(float(finish.scale[0]), finish.low, finish.high)
    ):
        return False
    most = int(np.abs(bias.astype(np.int64)).max(initial=0))
    product_of = max(abs(a * b) for a in left.reach for b in right.reach)
    reach = most + product.inputs * product_of
    biased = most + product.inputs * left.zero * max(map(abs, right.reach))
    return max(reach, biased) < acc.OFFSET and reach * float(finish.scale[0]) < acc.RESCALED


def _forms(target: Target, op: ops.MatMul, finish: Finish) -> Iterator[Product]:
    """Yield the forms that a product can have: either operand in cells, rows of each number of cells, requantised or not."""
    graph = target.graph
    (*batch, rows, inputs), columns = graph.shape(op.a), graph.shape(op.w)[-1]
    matrices = prod(batch)
    if len(graph.shape(op.w)) == 2:
        matrices, rows = 1, matrices * rows
    a = Side(target.read(op.a), rows * inputs, inputs, 1, zero_of(target, op.a, op.a_zero))
    w = Side(target.read(op.w), inputs * columns, 1, columns, zero_of(target, op.w, op.w_zero[0]))
    constant = np.zeros(1, np.int32) if op.bias is None else graph.constants.get(op.bias)
    bias = None if op.bias is None else target.read(op.bias)
    for row, _ in acc.DENSE:
        forms = [Product(a, w, matrices, rows, inputs, columns, bias, (columns, 1), row)]
        if op.bias is None:
            forms.append(Product(w, a, matrices, columns, inputs, rows, None, (1, columns), row))
        for form in forms:
            if form.columns > acc.MAX_COLUMNS or form.rows >= acc.MAX_ROWS:
                continue
            yield form
            rescaled = replace(form, rescaled=True)
            if _rescales(rescaled, finish, constant):
                yield rescaled


def matmul(target: Target, op: ops.MatMul) -> Finish | None:
    """Write a product of two tensors for the accelerator. None where plain instructions are cheaper."""
    graph = target.graph
    if op.w in graph.constants or len(set(op.w_zero)) != 1:
        return None
    finish = finish_of(target, op)
    found = min(_forms(target, op, finish), key=lambda form: form.cycles(finish), default=None)
    *batch, rows, inputs = graph.shape(op.a)
    plain = cost.matrix(prod(batch) * rows, inputs, graph.shape(op.w)[-1])
    plain += acc.REQUANTIZE * target.size(op.y) if finish.size == 1 else 0
    if found is None or found.cycles(finish) >= plain:
        return None
    found.write(target, op, finish)
    return finish
