"""Products on the accelerator: which convolutions and matrix products it takes, and how they are laid out for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile import shapes
from zkhost.ml.compile.plan_bytes import At, Code
from zkhost.ml.compile.target import Target, added
from zkhost.ml.graph import Array


@dataclass(frozen=True)
class Finish:
    """What becomes of sums: the operations that are done with them, the last one's output, and how they are requantised."""

    ops: tuple[ops.Op, ...]
    y: str
    scale: Array
    zero: int
    low: int
    high: int
    pool: int
    size: int


def finish_of(target: Target, op: ops.Conv | ops.MatMul) -> Finish:
    """A requantisation that is the sums' only reader, and a pool that is its only one, are done with the sums."""
    graph, readers = target.graph, target.readers
    as_sums = Finish((op,), op.y, np.ones(1, np.float32), 0, 0, 255, 1, 4)
    found = readers.get(op.y, [])
    if len(found) != 1 or op.y in graph.outputs or not isinstance(found[0], ops.Requantize):
        return as_sums
    requantize = found[0]
    shape, scale = graph.shape(op.y), graph.constants[requantize.scale].reshape(-1)
    axis = 1 if isinstance(op, ops.Conv) else len(shape) - 1
    if scale.size != 1 and requantize.axis % len(shape) != axis:
        return as_sums
    more = added(graph.dtype(requantize.y))
    zero, low, high = requantize.zero + more, requantize.lo + more, requantize.hi + more
    found = readers.get(requantize.y, [])
    if len(found) == 1 and requantize.y not in graph.outputs and isinstance(found[0], ops.MaxPool):
        pool, window = found[0], found[0].window
        sizes = graph.shape(op.y)[2:]
        p = window.kernel[-1]
        plain = set(window.pads) == {0} and set(window.dilations) == {1} and window.strides == window.kernel
        square = window.kernel == ((p,) if len(sizes) == 1 else (p, p))
        if isinstance(op, ops.Conv) and len(sizes) == 2 and plain and square and 1 < p <= 16:
            return Finish((op, requantize, pool), pool.y, scale, zero, low, high, p, 1)
    return Finish((op, requantize), requantize.y, scale, zero, low, high, 1, 1)


def signed_weights(graph_w: Array, w_zero: tuple[int, ...], axis: int) -> Array:
    """Weights without their zero points."""
    zero = np.asarray(w_zero, dtype=np.int64)
    shape = [1] * graph_w.ndim
    if zero.size > 1:
        shape[axis] = -1
    return graph_w.astype(np.int64) - zero.reshape(shape)


def fits_lanes(weights: Array, axes: tuple[int, ...]) -> bool:
    """Whether no input can lead a sum out of what lanes hold."""
    positive = np.where(weights > 0, weights, 0).sum(axis=axes).max(initial=0) * 255
    negative = -np.where(weights < 0, weights, 0).sum(axis=axes).min(initial=0) * 255
    return bool(positive < acc.OFFSET and negative <= acc.OFFSET)


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
    layout.write(target, finish)
    return finish


def _planes(target: Target, layout: _Layout) -> At:
    """Memory for a convolution's input as it reads it, its padding filled in."""
    plan = target.plan
    _, channels, *sizes = target.graph.shape(layout.op.x)
    pitch = layout.program.pitch * acc.CELL
    nbytes = max(layout.reach, channels * pitch)
    planes = plan.buffer(nbytes)
    if pitch != prod(sizes):
        zero = _zero(target, layout.op.x, layout.op.x_zero)
        if isinstance(zero, At):
            plan.emit(Code.FILL_FROM, planes, nbytes, zero)
        else:
            plan.emit(Code.FILL, 1, planes, nbytes, zero)
    return planes


def _reader(target: Target, name: str) -> _Layout | None:
    """The one convolution that reads a tensor, if it is on the accelerator: the tensor can be written as that reads it."""
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
        advice = 3 * program.lanes * acc.CELL
        call = program.words + acc.CALL + acc.ADVICE_BYTE * advice + acc.ADVISE * max(advice / 16384, 1 / 16)
        calls = self.strips * m * (call + (acc.SPREAD * program.terms if self.expand else 0))
        sums = self.strips * groups * (program.sums_words + acc.CALL + acc.ADVISE) if program.pairs else 0
        lanes = m * self.out[0] * self.out[1]
        return int(acc.BEGIN + acc.BUILD * (program.words + program.sums_words) + calls + sums + acc.LANE * lanes)

    @property
    def reach(self) -> int:
        """Bytes of the input up to the last that is read."""
        channels = self.op.groups * self.program.inputs
        strips = (self.strips - 1) * self.strip_step
        return (channels - 1) * self.program.pitch * acc.CELL + strips + self.program.plane * acc.CELL

    def kernels(self) -> Array:
        """The kernels' terms: turned around, rows spread by the pitch."""
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
        """The kernel of the inputs' sums."""
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
        zero, correction = _correction(target, op.x, op.x_zero, op.bias, self.weights.sum(axis=(1, 2, 3)))
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
                Code.PROVED_CONVOLUTION, planes, int(isinstance(zero, At)), zero, terms, correction,
                y + image * m * out * finish.size, op.groups, m // op.groups, depth, program.kernel, program.plane,
                program.pitch, program.pairs, self.zero, ones, int(self.expand), self.strips, self.strip_step,
                self.last_rows, first, self.rows, self.columns, sh * self.plane.pitch, sw, finish.pool, *to, 1,
                scale, finish.scale.size, finish.zero, finish.low, finish.high, finish.size,
            )  # fmt: skip


def _two(values: tuple[int, ...] | list[int], fill: int) -> tuple[int, int]:
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])


def _window(window: ops.Window) -> ops.Window:
    """A window of one or two axes as one of two."""
    if len(window.kernel) == 2:
        return window
    return ops.Window(
        _two(window.kernel, 1),
        _two(window.strides, 1),
        (0, window.pads[0], 0, window.pads[1]),
        _two(window.dilations, 1),
    )


def _choose(target: Target, op: ops.Conv) -> tuple[_Layout, Finish] | None:
    """The cheapest layout that the interpreter takes."""
    if op.y not in target.chosen:
        target.chosen[op.y] = _cheapest(target, op)
    chosen: tuple[_Layout, Finish] | None = target.chosen[op.y]
    return chosen


def _cheapest(target: Target, op: ops.Conv) -> tuple[_Layout, Finish] | None:
    graph = target.graph
    _, _, *sizes = graph.shape(op.x)
    if len(sizes) > 2:
        return None
    finish = finish_of(target, op)
    window, signed = _window(op.window), signed_weights(graph.constants[op.w], op.w_zero, 0)
    signed = signed.reshape(*signed.shape[:2], *_two(signed.shape[2:], 1))
    if not fits_lanes(signed, (1, 2, 3)):
        return None
    found = [layout for layout in _layouts(target, op, window, signed, finish) if layout.program.fits()]
    return (min(found, key=lambda layout: layout.cycles), finish) if found else None


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
    for strips in range(1, min(height, 64) + 1):
        rows = -(-height // strips)
        if strips > 1 and (rows * finish.pool * sh * plane.pitch) % 4:
            continue
        count = -(-height // rows)
        last = first + (rows * finish.pool - 1) * sh * plane.pitch + (width * finish.pool - 1) * sw
        read = acc.cells(last + 1)
        for pairs in {0, acc.parts(depth * kh * kw)}:
            if pairs and shared is None:
                continue
            program = acc.Convolution(depth, kernel, read, pitch, pairs)
            yield _Layout(
                op, program, plane, weights, window, kernel == 1 and kh == kw == 1, shared or 0, count, rows,
                height - (count - 1) * rows, width, (height, width),
                rows * finish.pool * sh * plane.pitch if count > 1 else 0,
            )  # fmt: skip


def _zero(target: Target, x: str, zero: ops.Zero) -> int | At:
    """An input's zero point as it lies in memory, or where it does."""
    return target.read(zero) if isinstance(zero, str) else zero + added(target.graph.dtype(x))


def _correction(
    target: Target, x: str, zero: ops.Zero, bias: str | None, sums: Array
) -> tuple[int | At, tuple[At | int, At]]:
    """An input's zero point, as it lies in memory; then the sums of each output's weights where it is a tensor, and the
    biases, which have it already where it is not."""
    graph, plan = target.graph, target.plan
    total = graph.constants[bias].astype(np.int64) if bias else np.zeros(sums.size, np.int64)
    place = _zero(target, x, zero)
    if isinstance(place, At):
        return place, (plan.constant(sums.astype(np.int32)), plan.constant(total.astype(np.int32)))
    # What a sum of products cannot leave, a part of it may: the interpreter's sums wrap around, and so may these.
    return place, (At(None), plan.constant((total - place * sums).astype(np.int32)))


def dense(target: Target, op: ops.MatMul) -> Finish | None:
    """Write a matrix product with constant weights for the accelerator. None where it does not take it."""
    graph = target.graph
    if op.w not in graph.constants:
        return None
    w = signed_weights(graph.constants[op.w], op.w_zero, 1)
    depth, columns = w.shape
    zeros = {int(zero) for zero in op.w_zero}
    if len(zeros) != 1 or columns > acc.MAX_COLUMNS or not fits_lanes(w, (0,)):
        return None
    shared = zeros.pop() + added(graph.dtype(op.w))
    rows = prod(graph.shape(op.a)[:-1])
    finish, plan = finish_of(target, op), target.plan
    zero, (w_sums, bias) = _correction(target, op.a, op.a_zero, op.bias, w.sum(axis=0))
    none = plan.constant(np.zeros(columns, np.int32))

    def cost(row: int) -> tuple[int, int]:
        pieces = -(-depth // dict(acc.DENSE)[row])
        words = acc.dense_words(-(-depth // pieces), row) + acc.CALL
        blocks = -(-columns // (row * acc.CELL))
        return pieces * (rows * (blocks * words + columns * acc.DENSE_LANE) + acc.BEGIN), row

    row = min((row for row, _ in acc.DENSE), key=cost)
    pieces = -(-depth // dict(acc.DENSE)[row])
    each = -(-depth // pieces)
    width = row * acc.CELL
    blocks = -(-columns // width)
    padded = np.full((depth, blocks * width), shared, np.uint8)
    padded[:, :columns] = w + shared
    whole = pieces == 1 and finish.size == 1
    y = target.write(finish.y)
    sums = y if whole or finish.size == 4 else plan.buffer(4 * rows * columns)
    a = target.read(op.a)
    scale = plan.constant(finish.scale)
    for piece in range(pieces):
        part = padded[piece * each : (piece + 1) * each]
        weights = part.reshape(len(part), blocks, width).transpose(1, 0, 2)
        kind = 1 if whole else 4 if piece == 0 else 5
        plan.emit(
            Code.PROVED_DENSE, a + piece * each, 1, depth, int(piece == 0 and isinstance(zero, At)),
            zero if piece == 0 else 0, rows, len(part), plan.constant(weights), w_sums if piece == 0 else At(None), shared, row,
            blocks, columns, bias if piece == 0 else none, sums, columns, 1,
            scale, finish.scale.size, finish.zero, finish.low, finish.high, kind,
        )  # fmt: skip
    if not whole and finish.size == 1:
        layout = [1, 1, rows * columns] if finish.scale.size == 1 else [rows, columns, 1]
        plan.emit(Code.REQUANTIZE, sums, y, layout, scale, finish.scale.size, finish.zero, finish.low, finish.high)
    return finish
