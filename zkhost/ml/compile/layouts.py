"""How planes and kernels of a convolution lie for the accelerator: the forms it can have, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile.proved import (
    Finish,
    constant_weights,
    finish_of,
    fits_lanes,
    known_biases,
    rescales,
    signed_weights,
)
from zkhost.ml.compile.shapes import Polyphase
from zkhost.ml.compile.target import Target, added
from zkhost.ml.graph import Array


@dataclass(frozen=True)
class Part:
    """What of a channel lies together in a plane: from (row, column) on each `step`-th, `rows` x `columns` of them, and where
    the first one lies among the channel's planes."""

    row: int
    column: int
    step: tuple[int, int]
    rows: int
    columns: int
    at: int


@dataclass(frozen=True)
class Plane:
    """How a channel of an input lies for a convolution: rows of `pitch` bytes, `gap` of padding before each. A convolution with
    strides may have it in polyphase `components`, each a plane of `cells`: then pads are rows and columns of them."""

    sizes: tuple[int, int]
    pads: tuple[int, ...]
    pitch: int
    gap: int
    rows: int
    phases: tuple[int, int] = (1, 1)
    components: tuple[tuple[int, int], ...] = ((0, 0),)

    @classmethod
    def of(cls, sizes: tuple[int, int], pads: tuple[int, ...]) -> Plane:
        top, left, bottom, right = pads
        gap = max(left, right)
        return cls(sizes, pads, sizes[1] + gap, gap, top + sizes[0] + bottom)

    @classmethod
    def polyphase(cls, sizes: tuple[int, int], out: tuple[int, int], window: ops.Window) -> Plane:
        """Return the components that a window reads, all of a size: what it reads, and all that the input has."""
        taps = [
            sorted({tap * dilation % stride for tap in range(kernel)})
            for kernel, dilation, stride in zip(window.kernel, window.dilations, window.strides, strict=True)
        ]
        reach = _kernel(window)
        rows, columns = (
            max(count + taken - 1, (size - 1 + pad) // stride + 1)
            for count, taken, size, pad, stride in zip(out, reach, sizes, window.pads, window.strides, strict=False)
        )
        phases = (window.strides[0], window.strides[1])
        components = tuple((row, column) for row in taps[0] for column in taps[1])
        return cls(sizes, window.pads, columns, 0, rows, phases, components)

    @property
    def nbytes(self) -> int:
        """Of a component."""
        return self.gap + self.rows * self.pitch

    @property
    def cells(self) -> int:
        return acc.cells(self.nbytes)

    @property
    def first(self) -> int:
        """Where the input's first byte lies, in its component."""
        if self.phases == (1, 1):
            return self.gap + self.pads[0] * self.pitch
        return self.pads[0] // self.phases[0] * self.pitch + self.pads[1] // self.phases[1]

    def lane(self, window: ops.Window) -> int:
        """Return the lane of a window's first output: that of its last tap, where the kernel is turned around."""
        (kh, kw), (dh, dw) = window.kernel, window.dilations
        return self.gap - window.pads[1] + (kh - 1) * dh * self.pitch + (kw - 1) * dw

    @property
    def whole(self) -> bool:
        """Whether every byte of the input lies in one of the components."""
        return len(self.components) == self.phases[0] * self.phases[1]

    @property
    def polyphases(self) -> Polyphase:
        """Where a layer puts its outputs for this one."""
        (rows, columns), (top, left, *_) = self.phases, self.pads
        return Polyphase(rows, columns, top % rows, left % columns, self.cells * acc.CELL if self.components[1:] else 0)

    def parts(self) -> Iterator[Part]:
        """Yield what lies in each component."""
        (top, left, *_), (height, width), (sh, sw) = self.pads, self.sizes, self.phases
        if self.phases == (1, 1):
            yield Part(0, 0, (1, 1), height, width, self.first)
            return
        for index, (y, x) in enumerate(self.components):
            row, column = (y - top) % sh, (x - left) % sw
            at = (row + top) // sh * self.pitch + (column + left) // sw
            if row < height and column < width:
                rows, columns = -(-(height - row) // sh), -(-(width - column) // sw)
                yield Part(row, column, (sh, sw), rows, columns, index * self.cells * acc.CELL + at)


@dataclass(frozen=True)
class Layout:
    """A convolution laid out for the accelerator: `weights` and `window` are those of its planes."""

    op: ops.Conv
    program: acc.Convolution
    plane: Plane
    weights: Array  # signed, (M, planes of a group, kh, kw)
    window: ops.Window
    expand: bool
    zero: int
    strips: int
    rows: int  # of a strip, after the pool
    last_rows: int
    columns: int
    out: tuple[int, int]  # after the pool
    strip_step: int
    finish: Finish

    @property
    def cycles(self) -> int:
        """User cycles, an estimate."""
        program, m = self.program, len(self.weights)
        groups = self.op.groups
        advice = program.advice * acc.CELL
        call = program.words + acc.CALL + acc.ADVICE_BYTE * advice + acc.ADVISE * max(advice / 4096, 1 / 8)
        calls = self.strips * m * (call + (acc.SPREAD * program.terms if self.expand else 0))
        sums = self.strips * groups * (program.sums_words + acc.CALL + acc.ADVISE) if program.pairs else 0
        finish = self.strips * m * acc.finish(program, self.rows, self.columns, self.finish.pool, self.finish.size)
        finish += acc.RESCALE_PAGES if program.rescaled else 0
        channels = groups * program.inputs // len(self.plane.components)
        apart = acc.COMPONENT * channels * self.plane.sizes[0] * self.plane.sizes[1] if self.plane.components[1:] else 0
        return int(acc.BEGIN + acc.BUILD * (program.words + program.sums_words) + calls + sums + finish + apart)

    @property
    def nbytes(self) -> int:
        """Of the kernels in the plan."""
        kernels = len(self.weights) * self.program.terms * (1 if self.expand else acc.CELL)
        return kernels + (self.program.kernel * acc.CELL if self.program.pairs else 0)

    @property
    def channel(self) -> int:
        """Bytes from one channel's planes to the next one's."""
        return len(self.plane.components) * self.program.pitch * acc.CELL

    @property
    def reach(self) -> int:
        """Bytes of the input up to the last that is read."""
        planes = self.op.groups * self.program.inputs
        strips = (self.strips - 1) * self.strip_step
        return (planes - 1) * self.program.pitch * acc.CELL + strips + self.program.plane * acc.CELL

    @property
    def first(self) -> int:
        """The lane of the first output."""
        return self.plane.lane(self.window)

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


def choose(target: Target, op: ops.Conv) -> Layout | None:
    """Return the cheapest layout that the interpreter takes. None where it takes none."""
    if op.y not in target.chosen:
        target.chosen[op.y] = _cheapest(target, op)
    chosen: Layout | None = target.chosen[op.y]
    return chosen


def _two(values: tuple[int, ...], fill: int) -> tuple[int, int]:
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


def _cheapest(target: Target, op: ops.Conv) -> Layout | None:
    graph = target.graph
    _, _, *sizes = graph.shape(op.x)
    if len(sizes) > 2 or not constant_weights(graph, op):
        return None
    finish = finish_of(target, op)
    window, signed = _window(op.window), signed_weights(graph.constants[op.w], op.w_zero, 0)
    signed = signed.reshape(*signed.shape[:2], *_two(signed.shape[2:], 1))
    if not fits_lanes(signed, (1, 2, 3)):
        return None
    plane = Plane.of(_two(tuple(sizes), 1), window.pads)
    found = [*_layouts(target, op, plane, window, signed, finish)]
    if max(window.strides) > 1:
        found += _layouts(target, op, *_polyphase(target, op, window, signed), finish)
    fitting = [layout for layout in found if layout.program.fits()]
    byte = acc.HIDDEN_BYTE if target.hidden else 0
    return min(fitting, key=lambda layout: layout.cycles + byte * layout.nbytes) if fitting else None


def _kernel(window: ops.Window) -> tuple[int, int]:
    """Return rows and columns of the kernel of a polyphase component."""
    rows, columns = (
        (kernel - 1) * dilation // stride + 1
        for kernel, dilation, stride in zip(window.kernel, window.dilations, window.strides, strict=True)
    )
    return rows, columns


def _polyphase(target: Target, op: ops.Conv, window: ops.Window, weights: Array) -> tuple[Plane, ops.Window, Array]:
    """Return the same convolution without strides, on its input's polyphase components."""
    graph = target.graph
    sizes, out = _two(graph.shape(op.x)[2:], 1), _two(graph.shape(op.y)[2:], 1)
    plane, reach = Plane.polyphase(sizes, out, window), _kernel(window)
    (sh, sw), (dh, dw) = window.strides, window.dilations
    m, depth, kh, kw = weights.shape
    apart = np.zeros((m, depth, len(plane.components), *reach), np.int64)
    for i, j in product(range(kh), range(kw)):
        component = plane.components.index((i * dh % sh, j * dw % sw))
        apart[:, :, component, i * dh // sh, j * dw // sw] = weights[:, :, i, j]
    return plane, ops.Window(reach, (1, 1), (0, 0, 0, 0), (1, 1)), apart.reshape(m, -1, *reach)


def _layouts(
    target: Target, op: ops.Conv, plane: Plane, window: ops.Window, weights: Array, finish: Finish
) -> Iterator[Layout]:
    graph = target.graph
    height, width = (size // finish.pool for size in _two(graph.shape(op.y)[2:], 1))
    _, depth, kh, kw = weights.shape
    (sh, sw), (dh, dw) = window.strides, window.dilations
    kernel = acc.cells((kh - 1) * dh * plane.pitch + (kw - 1) * dw + 1)
    first = plane.lane(window)
    zeros = {int(zero) for zero in op.w_zero}
    shared = zeros.pop() + added(graph.dtype(op.w)) if len(zeros) == 1 else None
    known = known_biases(target, op.x, op.x_zero, op.bias, weights.sum(axis=(1, 2, 3)))
    rescale = finish.pool <= 2 and sh == sw == 1 and rescales(finish, weights, (1, 2, 3), known)
    for strips in range(1, min(height, 64) + 1):
        rows = -(-height // strips)
        if strips > 1 and (rows * finish.pool * sh * plane.pitch) % 4:
            continue
        count = -(-height // rows)
        last = first + (rows * finish.pool - 1) * sh * plane.pitch + (width * finish.pool - 1) * sw
        read = acc.cells(last + 1)
        for pairs, rescaled in product({0, acc.parts(depth * kh * kw)}, {False, rescale}):
            if pairs and shared is None:
                continue
            span = last // acc.CELL - first // acc.CELL + 1 if rescaled else 0
            program = acc.Convolution(depth, kernel, read, plane.cells, pairs, span)
            yield Layout(
                op, program, plane, weights, window, kernel == 1 and kh == kw == 1, shared or 0, count, rows,
                height - (count - 1) * rows, width, (height, width),
                rows * finish.pool * sh * plane.pitch if count > 1 else 0, finish,
            )  # fmt: skip
