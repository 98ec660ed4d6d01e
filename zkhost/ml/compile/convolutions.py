"""Convolutions on the accelerator: which it takes, and how planes and kernels lie for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile import rows, shapes
from zkhost.ml.compile.plan_bytes import At, Code
from zkhost.ml.compile.proved import (
    Finish,
    constant_weights,
    correction,
    finish_of,
    fits_lanes,
    signed_weights,
    zero_of,
)
from zkhost.ml.compile.target import Target, added
from zkhost.ml.graph import Array


@dataclass(frozen=True)
class Plane:
    """How a channel of an input lies for a convolution: rows of `pitch` bytes, `gap` of padding before each."""

    pitch: int
    gap: int
    rows: int
    first: int

    @classmethod
    def of(cls, sizes: tuple[int, int], pads: tuple[int, ...]) -> Plane:
        top, left, bottom, right = pads
        gap = max(left, right)
        pitch = sizes[1] + gap
        return cls(pitch, gap, top + sizes[0] + bottom, gap + top * pitch)

    @property
    def nbytes(self) -> int:
        return self.gap + self.rows * self.pitch


def convolution(target: Target, op: ops.Conv) -> Finish | None:
    """Write a convolution for the accelerator. None where it does not take it."""
    chosen = _choose(target, op)
    if chosen is None:
        return None
    layout, finish = chosen
    matrix = _matrix(target, layout, finish)
    if matrix is not None and matrix.cycles < layout.cycles:
        _write_rows(target, layout, finish, matrix)
    else:
        layout.write(target, finish)
    return finish


def _matrix(target: Target, layout: _Layout, finish: Finish) -> rows.Matrix | None:
    """Return a pointwise convolution of a group as a matrix product, one pixel a row. None for others."""
    op, (m, depth, kh, kw), window = layout.op, layout.weights.shape, layout.window
    zeros = {int(zero) for zero in op.w_zero}
    plain = kh == kw == 1 and set(window.strides) == {1} and set(window.pads) == {0} and op.groups == 1
    batch, *_ = target.graph.shape(op.x)
    if not plain or len(zeros) != 1 or finish.pool != 1 or batch != 1:
        return None
    weights = layout.weights.reshape(m, depth).T
    found = rows.matrix(weights, zeros.pop() + added(target.graph.dtype(op.w)), prod(layout.out))
    return found if found is not None and found.pieces == 1 else None


def _write_rows(target: Target, layout: _Layout, finish: Finish, matrix: rows.Matrix) -> None:
    """Write a pointwise convolution as a matrix product."""
    op, (height, width) = layout.op, layout.out
    zero, corrected = correction(target, op.x, op.x_zero, op.bias, layout.weights.sum(axis=(1, 2, 3)))
    reader = _reader(target, finish.y) if finish.size == 1 else None
    size = height * width
    # No padding: a channel's pixels follow each other wherever they were written.
    x, channel = target.planes.get(op.x), layout.program.pitch * acc.CELL
    if x is None:
        x, channel = target.read(op.x), size
    if reader is None:
        to = rows.Walk(target.write(finish.y), size, 1, size)
        matrix.write(target, finish, zero, corrected, rows.Walk(x, channel, 1, size), to)
        return
    target.planes[finish.y] = _planes(target, reader)
    y = target.planes[finish.y] + reader.plane.first
    to = rows.Walk(y, reader.program.pitch * acc.CELL, 1, size, width, reader.plane.pitch)
    matrix.write(target, finish, zero, corrected, rows.Walk(x, channel, 1, size), to)


def _planes(target: Target, layout: _Layout) -> At:
    """Memory for a convolution's input as it reads it, its padding filled in."""
    plan = target.plan
    _, channels, *sizes = target.graph.shape(layout.op.x)
    pitch = layout.program.pitch * acc.CELL
    nbytes = max(layout.reach, channels * pitch)
    planes = plan.buffer(nbytes)
    if pitch != prod(sizes):
        zero = zero_of(target, layout.op.x, layout.op.x_zero)
        if isinstance(zero, At):
            plan.emit(Code.FILL_FROM, planes, nbytes, zero)
        else:
            plan.emit(Code.FILL, 1, planes, nbytes, zero)
    return planes


def _reader(target: Target, name: str) -> _Layout | None:
    """Return the one convolution that reads a tensor, if it is on the accelerator: the tensor can be written as that reads it."""
    found = target.readers.get(name, [])
    if len(found) != 1 or name in target.graph.outputs or not isinstance(found[0], ops.Conv):
        return None
    chosen = _choose(target, found[0])
    return chosen[0] if chosen and target.graph.shape(name)[0] == 1 else None


@dataclass(frozen=True)
class _Layout:
    """A convolution laid out for the accelerator."""

    op: ops.Conv
    program: acc.Convolution
    plane: Plane
    weights: Array  # signed, (M, C / groups, kh, kw)
    window: ops.Window
    expand: bool
    zero: int
    strips: int
    rows: int  # of a strip, after the pool
    last_rows: int
    columns: int
    out: tuple[int, int]  # after the pool
    strip_step: int

    @property
    def cycles(self) -> int:
        """User cycles, an estimate."""
        program, m = self.program, len(self.weights)
        groups = self.op.groups
        advice = program.advice * acc.CELL
        call = program.words + acc.CALL + acc.ADVICE_BYTE * advice + acc.ADVISE * max(advice / 4096, 1 / 8)
        calls = self.strips * m * (call + (acc.SPREAD * program.terms if self.expand else 0))
        sums = self.strips * groups * (program.sums_words + acc.CALL + acc.ADVISE) if program.pairs else 0
        finish = self.strips * m * acc.finish(program, self.rows, self.columns)
        finish += acc.RESCALE_PAGES if program.rescaled else 0
        return int(acc.BEGIN + acc.BUILD * (program.words + program.sums_words) + calls + sums + finish)

    @property
    def reach(self) -> int:
        """Bytes of the input up to the last that is read."""
        channels = self.op.groups * self.program.inputs
        strips = (self.strips - 1) * self.strip_step
        return (channels - 1) * self.program.pitch * acc.CELL + strips + self.program.plane * acc.CELL

    def kernels(self) -> Array:
        """Return the kernels' terms: turned around, rows spread by the pitch."""
        m, depth, kh, kw = self.weights.shape
        dh, dw = self.window.dilations
        turned = self.weights[:, :, ::-1, ::-1]
        if self.program.pairs:
            parts = (turned + self.zero)[:, :, None]
        else:
            parts = np.stack([np.maximum(turned, 0), np.maximum(-turned, 0)], axis=2)
        if self.expand:
            return parts.reshape(m, -1).astype(np.uint8)
        spread = np.zeros((m, depth, parts.shape[2], self.program.kernel * acc.CELL), np.uint8)
        for i in range(kh):
            at = i * dh * self.plane.pitch
            spread[..., at : at + (kw - 1) * dw + 1 : dw] = parts[..., i, :]
        return spread

    def ones(self) -> Array:
        """Return the kernel of the inputs' sums."""
        _, _, kh, kw = self.weights.shape
        dh, dw = self.window.dilations
        spread = np.zeros(self.program.kernel * acc.CELL, np.uint8)
        for i in range(kh):
            at = i * dh * self.plane.pitch
            spread[at : at + (kw - 1) * dw + 1 : dw] = 1
        return spread

    def write(self, target: Target, finish: Finish) -> None:
        op, program, graph, plan = self.op, self.program, target.graph, target.plan
        n, c, *sizes = graph.shape(op.x)
        height, width = _two(sizes, 1)
        m, depth, kh, kw = self.weights.shape
        (sh, sw), (dh, dw) = self.window.strides, self.window.dilations
        pitch = program.pitch * acc.CELL
        zero, corrected = correction(target, op.x, op.x_zero, op.bias, self.weights.sum(axis=(1, 2, 3)))
        terms = plan.constant(self.kernels())
        ones = plan.constant(self.ones()) if program.pairs else At(None)
        scale = plan.constant(finish.scale)
        reader = _reader(target, finish.y) if finish.size == 1 else None
        out = self.out[0] * self.out[1]
        if reader is None:
            y, to = target.write(finish.y), (out, self.out[1])
        else:
            target.planes[finish.y] = _planes(target, reader)
            y, to = target.planes[finish.y] + reader.plane.first, (reader.program.pitch * acc.CELL, reader.plane.pitch)
        for image in range(n):
            if op.x in target.planes:
                planes = target.planes[op.x]
            elif self.plane.nbytes == height * width == pitch and self.reach <= c * pitch:
                planes = target.read(op.x) + image * c * pitch
            else:
                planes = _planes(target, self)
                x = target.read(op.x) + image * c * height * width
                walk = shapes.walk(
                    op.node, (c, height, width), (height * width, width, 1), (pitch, self.plane.pitch, 1)
                )
                plan.emit(Code.COPY, 1, x, planes + self.plane.first, walk)
            first = self.plane.gap - self.window.pads[1] + (kh - 1) * dh * self.plane.pitch + (kw - 1) * dw
            plan.emit(
                Code.PROVED_CONVOLUTION, planes, int(isinstance(zero, At)), zero, terms, corrected,
                y + image * m * out * finish.size, op.groups, m // op.groups, depth, program.kernel, program.plane,
                program.pitch, program.pairs, self.zero, ones, int(self.expand), self.strips, self.strip_step,
                self.last_rows, first, self.rows, self.columns, sh * self.plane.pitch, sw, finish.pool, *to, 1,
                scale, finish.scale.size, finish.zero, finish.low, finish.high, finish.size, int(program.rescaled > 0),
            )  # fmt: skip


def _two(values: tuple[int, ...] | list[int], fill: int) -> tuple[int, int]:
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])


def _window(window: ops.Window) -> ops.Window:
    """Return a window of one or two axes as one of two."""
    if len(window.kernel) == 2:
        return window
    return ops.Window(
        _two(window.kernel, 1),
        _two(window.strides, 1),
        (0, window.pads[0], 0, window.pads[1]),
        _two(window.dilations, 1),
    )


def _choose(target: Target, op: ops.Conv) -> tuple[_Layout, Finish] | None:
    """Return the cheapest layout that the interpreter takes."""
    if op.y not in target.chosen:
        target.chosen[op.y] = _cheapest(target, op)
    chosen: tuple[_Layout, Finish] | None = target.chosen[op.y]
    return chosen


def _cheapest(target: Target, op: ops.Conv) -> tuple[_Layout, Finish] | None:
    graph = target.graph
    _, _, *sizes = graph.shape(op.x)
    if len(sizes) > 2 or not constant_weights(graph, op):
        return None
    finish = finish_of(target, op)
    window, signed = _window(op.window), signed_weights(graph.constants[op.w], op.w_zero, 0)
    signed = signed.reshape(*signed.shape[:2], *_two(signed.shape[2:], 1))
    if not fits_lanes(signed, (1, 2, 3)):
        return None
    found = [layout for layout in _layouts(target, op, window, signed, finish) if layout.program.fits()]
    return (min(found, key=lambda layout: layout.cycles), finish) if found else None


def _rescales(target: Target, op: ops.Conv, weights: Array, finish: Finish) -> bool:
    """Return whether lanes may be requantised on the accelerator: no value, of an unused lane either, leaves its 16 bits."""
    if finish.size != 1 or finish.pool != 1 or set(op.window.strides) != {1} or isinstance(op.x_zero, str):
        return False
    if not all(acc.rescales(float(scale), finish.low, finish.high) for scale in finish.scale):
        return False
    zero, axes = zero_of(target, op.x, op.x_zero), (1, 2, 3)
    assert isinstance(zero, int)
    bias = target.graph.constants[op.bias].astype(np.int64) if op.bias else np.zeros(len(weights), np.int64)
    bias = bias - zero * weights.sum(axis=axes)
    most = bias + 255 * np.maximum(weights, 0).sum(axis=axes)
    least = bias + 255 * np.minimum(weights, 0).sum(axis=axes)
    scale = finish.scale.astype(np.float64)
    within = np.maximum(np.abs(most), np.abs(least)) * scale < acc.RESCALED
    return bool(within.all() and (np.abs(bias) < acc.OFFSET).all())


def _layouts(target: Target, op: ops.Conv, window: ops.Window, weights: Array, finish: Finish) -> Iterator[_Layout]:
    graph = target.graph
    sizes = _two(graph.shape(op.x)[2:], 1)
    plane = Plane.of(sizes, window.pads)
    height, width = (size // finish.pool for size in _two(graph.shape(op.y)[2:], 1))
    _, depth, kh, kw = weights.shape
    (sh, sw), (dh, dw) = window.strides, window.dilations
    kernel = acc.cells((kh - 1) * dh * plane.pitch + (kw - 1) * dw + 1)
    pitch = acc.cells(plane.nbytes)
    first = plane.gap - window.pads[1] + (kh - 1) * dh * plane.pitch + (kw - 1) * dw
    zeros = {int(zero) for zero in op.w_zero}
    shared = zeros.pop() + added(graph.dtype(op.w)) if len(zeros) == 1 else None
    rescales = _rescales(target, op, weights, finish)
    for strips in range(1, min(height, 64) + 1):
        rows = -(-height // strips)
        if strips > 1 and (rows * finish.pool * sh * plane.pitch) % 4:
            continue
        count = -(-height // rows)
        last = first + (rows * finish.pool - 1) * sh * plane.pitch + (width * finish.pool - 1) * sw
        read = acc.cells(last + 1)
        for pairs, rescale in product({0, acc.parts(depth * kh * kw)}, {False, rescales}):
            if pairs and shared is None:
                continue
            rescaled = last // acc.CELL - first // acc.CELL + 1 if rescale else 0
            program = acc.Convolution(depth, kernel, read, pitch, pairs, rescaled)
            yield _Layout(
                op, program, plane, weights, window, kernel == 1 and kh == kw == 1, shared or 0, count, rows,
                height - (count - 1) * rows, width, (height, width),
                rows * finish.pool * sh * plane.pitch if count > 1 else 0,
            )  # fmt: skip
