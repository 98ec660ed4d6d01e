"""Convolutions on the accelerator, written into a plan."""

from __future__ import annotations

from math import prod

from zkhost.ml import ops
from zkhost.ml.compile import rows, shapes
from zkhost.ml.compile.layouts import Layout, choose
from zkhost.ml.compile.plan_bytes import At, Code
from zkhost.ml.compile.proved import Finish, correction, known_biases, zero_of
from zkhost.ml.compile.target import Target, added


def convolution(target: Target, op: ops.Conv) -> Finish | None:
    """Write a convolution for the accelerator. None where it does not take it."""
    layout = choose(target, op)
    if layout is None:
        return None
    matrix = _matrix(target, layout)
    if matrix is not None and matrix.cycles < layout.cycles:
        _write_rows(target, layout, matrix)
    else:
        _write(target, layout)
    return layout.finish


def _matrix(target: Target, layout: Layout) -> rows.Matrix | None:
    """Return a pointwise convolution of a group as a matrix product, one pixel a row. None for others."""
    op, (m, depth, *_), window, finish = layout.op, layout.weights.shape, layout.op.window, layout.finish
    zeros = {int(zero) for zero in op.w_zero}
    plain = set(window.kernel) == set(window.strides) == {1} and set(window.pads) == {0} and op.groups == 1
    batch, *_ = target.graph.shape(op.x)
    if not plain or len(zeros) != 1 or finish.pool != 1 or batch != 1:
        return None
    weights = layout.weights.reshape(m, depth).T
    zero = zeros.pop() + added(target.graph.dtype(op.w))
    known = known_biases(target, op.x, op.x_zero, op.bias, weights.sum(axis=0))
    found = rows.matrix(weights, zero, prod(layout.out), finish, known)
    return found if found is not None and found.pieces == 1 else None


def _write_rows(target: Target, layout: Layout, matrix: rows.Matrix) -> None:
    """Write a pointwise convolution as a matrix product."""
    op, finish, (height, width) = layout.op, layout.finish, layout.out
    reader = _reader(target, finish.y) if finish.size == 1 else None
    size = height * width
    # No padding: a channel's pixels follow each other wherever they were written.
    x, channel = target.planes.get(op.x), layout.channel
    if x is None:
        x, channel = target.read(op.x), size
    if reader is None:
        to = rows.Walk(target.write(finish.y), size, 1, size)
    else:
        plane, y = reader.plane, _planes(target, reader)
        target.planes[finish.y] = y
        to = rows.Walk(y + plane.first, reader.channel, 1, size, width, plane.pitch, plane.polyphases)
    matrix.write(target, finish, (op.x, op.x_zero, op.bias), rows.Walk(x, channel, 1, size), to)


def _planes(target: Target, layout: Layout) -> At:
    """Make memory for a convolution's input as it reads it, its padding filled in."""
    plan = target.plan
    _, channels, *sizes = target.graph.shape(layout.op.x)
    nbytes = max(layout.reach, channels * layout.channel)
    planes = plan.buffer(nbytes)
    if layout.channel != prod(sizes):
        zero = zero_of(target, layout.op.x, layout.op.x_zero)
        if isinstance(zero, At):
            plan.emit(Code.FILL_FROM, planes, nbytes, zero)
        else:
            plan.emit(Code.FILL, 1, planes, nbytes, zero)
    return planes


def _reader(target: Target, name: str) -> Layout | None:
    """Return the one convolution that reads a tensor, if it is on the accelerator: the tensor can be written as that reads it."""
    found = target.readers.get(name, [])
    if len(found) != 1 or name in target.graph.outputs or not isinstance(found[0], ops.Conv):
        return None
    layout = choose(target, found[0])
    return layout if layout and target.graph.shape(name)[0] == 1 and layout.plane.whole else None


def _input(target: Target, layout: Layout, image: int) -> At:
    """Return where a convolution finds an image as it reads it, copied there if need be."""
    op, plane, plan = layout.op, layout.plane, target.plan
    if op.x in target.planes:
        return target.planes[op.x]
    (height, width), channels = plane.sizes, target.graph.shape(op.x)[1]
    size = height * width
    if plane.phases == (1, 1) and plane.nbytes == size == layout.channel and layout.reach <= channels * size:
        return target.read(op.x) + image * channels * size
    planes, x = _planes(target, layout), target.read(op.x) + image * channels * size
    for part in plane.parts():
        walk = shapes.walk(
            op.node,
            (channels, part.rows, part.columns),
            (size, part.step[0] * width, part.step[1]),
            (layout.channel, plane.pitch, 1),
        )
        plan.emit(Code.COPY, 1, x + part.row * width + part.column, planes + part.at, walk)
    return planes


def _write(target: Target, layout: Layout) -> None:
    """Write a convolution as products of polynomials."""
    op, program, finish, plan = layout.op, layout.program, layout.finish, target.plan
    n, _, *_ = target.graph.shape(op.x)
    m, depth, *_ = layout.weights.shape
    sh, sw = layout.window.strides
    zero, corrected = correction(target, op.x, op.x_zero, op.bias, layout.weights.sum(axis=(1, 2, 3)))
    terms = plan.constant(layout.kernels())
    ones = plan.constant(layout.ones()) if program.pairs else At(None)
    scale = plan.constant(finish.scale)
    reader = _reader(target, finish.y) if finish.size == 1 else None
    if reader is not None and reader.plane.components[1:] and not (program.rescaled and finish.pool == 1):
        reader = None
    out = layout.out[0] * layout.out[1]
    if reader is None:
        y, to, phases = target.write(finish.y), (out, layout.out[1]), shapes.ONE_COMPONENT
    else:
        target.planes[finish.y] = _planes(target, reader)
        y, phases = target.planes[finish.y] + reader.plane.first, reader.plane.polyphases
        to = (reader.channel, reader.plane.pitch)
    for image in range(n):
        planes = _input(target, layout, image)
        plan.emit(
            Code.PROVED_CONVOLUTION, planes, int(isinstance(zero, At)), zero, terms, corrected,
            y + image * m * out * finish.size, op.groups, m // op.groups, depth, program.kernel, program.plane,
            program.pitch, program.pairs, layout.zero, ones, int(layout.expand), layout.strips, layout.strip_step,
            layout.last_rows, layout.first, layout.rows, layout.columns, sh * layout.plane.pitch, sw, finish.pool, *to, 1,
            phases.arguments, scale, finish.scale.size, finish.zero, finish.low, finish.high, finish.size,
            int(program.rescaled > 0),
        )  # fmt: skip
