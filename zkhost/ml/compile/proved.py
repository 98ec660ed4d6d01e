"""What products on the accelerator have in common: signs, zero points, and what is done with their sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zkhost.ml import ops
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile.plan_bytes import At, Code, Plan
from zkhost.ml.compile.target import Target, added
from zkhost.ml.graph import Array, Graph


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

    def requantize(self, plan: Plan, sums: At, y: At, rows: int, columns: int) -> None:
        """Write the requantisation of sums in s32, rows of columns, where the product does not do it itself."""
        layout = [1, 1, rows * columns] if self.scale.size == 1 else [rows, columns, 1]
        scale = plan.constant(self.scale)
        plan.emit(Code.REQUANTIZE, sums, y, layout, scale, self.scale.size, self.zero, self.low, self.high)


def finish_of(target: Target, op: ops.Conv | ops.MatMul) -> Finish:
    """Return the requantisation that is the sums' only reader and the pool that is its only one: they are done with the sums."""
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
    """Return whether no input can lead a sum out of what lanes hold."""
    most, least = sums_between(weights, axes)
    return bool(most.max(initial=0) < acc.OFFSET and -least.min(initial=0) <= acc.OFFSET)


def constant_weights(graph: Graph, op: ops.Conv | ops.MatMul) -> bool:
    """Return whether weights and bias are constants: kernels that lay them out for themselves need that, and hidden ones are not."""
    return op.w in graph.constants and (op.bias is None or op.bias in graph.constants)


def zero_of(target: Target, x: str, zero: ops.Zero) -> int | At:
    """Return an input's zero point as it lies in memory, or where it does."""
    return target.read(zero) if isinstance(zero, str) else zero + added(target.graph.dtype(x))


def biases(target: Target, x: str, zero: ops.Zero, bias: str | None, sums: Array) -> Array:
    """Return what is added to each output's products, `sums` being those of its weights: its bias, with the input's zero point taken
    out where that is known."""
    total = target.graph.constants[bias].astype(np.int64) if bias else np.zeros(sums.size, np.int64)
    return total if isinstance(zero, str) else total - (zero + added(target.graph.dtype(x))) * sums


def known_biases(target: Target, x: str, zero: ops.Zero, bias: str | None, sums: Array) -> Array | None:
    """Return the same. None where the zero point is a tensor."""
    return None if isinstance(zero, str) else biases(target, x, zero, bias, sums)


def correction(
    target: Target, x: str, zero: ops.Zero, bias: str | None, sums: Array
) -> tuple[int | At, tuple[At | int, At]]:
    """Return an input's zero point, as it lies in memory; then the sums of each output's weights where it is a tensor, and the
    biases, which have it already where it is not."""
    plan, place = target.plan, zero_of(target, x, zero)
    # What a sum of products cannot leave, a part of it may: the interpreter's sums wrap around, and so may these.
    total = plan.constant(biases(target, x, zero, bias, sums).astype(np.int32))
    return place, (plan.constant(sums.astype(np.int32)) if isinstance(place, At) else At(None), total)


def rescales(finish: Finish, weights: Array, axes: tuple[int, ...], biases: Array | None) -> bool:
    """Return whether lanes may be requantised by their program: biases are known, and no value, of an unused lane either, leaves its
    16 bits."""
    if (
        biases is None
        or finish.size != 1
        or not all(acc.rescales(float(scale), finish.low, finish.high) for scale in finish.scale)
    ):
        return False
    most, least = sums_between(weights, axes)
    within = np.maximum(np.abs(biases + most), np.abs(biases + least)) * finish.scale.astype(np.float64) < acc.RESCALED
    return bool(within.all() and (np.abs(biases) < acc.OFFSET).all())


def sums_between(weights: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the largest and the smallest sums of products with bytes that there can be, of each output."""
    return 255 * np.maximum(weights, 0).sum(axis=axes), 255 * np.minimum(weights, 0).sum(axis=axes)
