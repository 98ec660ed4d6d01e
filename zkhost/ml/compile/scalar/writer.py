"""Which function writes an operation, and what several of them use."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, TypeVar

from zkhost.ml import ops
from zkhost.ml.compile import shapes
from zkhost.ml.compile.plan_bytes import Argument
from zkhost.ml.compile.target import Target, added

O = TypeVar("O", bound=ops.Op)  # noqa: E741

WRITERS: dict[type[ops.Op], Callable[[Target, Any], None]] = {}


def writes(kind: type[O]) -> Callable[[Callable[[Target, O], None]], Callable[[Target, O], None]]:
    """Register what appends the plan's operations that compute an operation of the graph."""

    def add(function: Callable[[Target, O], None]) -> Callable[[Target, O], None]:
        WRITERS[kind] = function
        return function

    return add


def zero_of(target: Target, zero: ops.Zero, dtype: Any) -> tuple[Argument, Argument]:
    """Return a zero point's arguments: kind, and value or place."""
    if isinstance(zero, str):
        return 1, target.read(zero)
    return 0, zero + added(dtype)


def pair(target: Target, op: Any) -> list[int]:
    """Return the walk over y, and over a and b as they are broadcast to it."""
    graph = target.graph
    shape = graph.shape(op.y)
    strides = [shapes.broadcast(graph.shape(name), shape) for name in (op.a, op.b)]
    return shapes.walk(op.node, shape, *strides)


def channels(shape: tuple[int, ...], axis: int, parameters: int) -> list[int]:
    """(outer, channels, inner) of parameters along an axis."""
    if parameters == 1:
        return [1, 1, prod(shape)]
    axis %= len(shape)
    return [prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])]
