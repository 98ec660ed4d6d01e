"""Shapes as the interpreter takes them: six axes for strided walks, three for windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from zkhost.errors import UnsupportedModelError
from zkhost.ml.ops import Window

AXES = 6


@dataclass(frozen=True)
class Polyphase:
    """Where outputs go that a convolution with strides reads: each `rows` x `columns`-th in a plane of its own, `step` elements
    after another; the first one's component is (`row`, `column`). One component for readers without strides."""

    rows: int = 1
    columns: int = 1
    row: int = 0
    column: int = 0
    step: int = 0

    @property
    def arguments(self) -> tuple[int, ...]:
        return self.rows, self.columns, self.row, self.column, self.step


ONE_COMPONENT = Polyphase()


def strides_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a dense array."""
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def broadcast(shape: Sequence[int], to: Sequence[int]) -> tuple[int, ...]:
    """Strides that read a dense array of `shape` as one of shape `to`, as numpy broadcasts."""
    padded = (1,) * (len(to) - len(shape)) + tuple(shape)
    return tuple(0 if size == 1 else stride for size, stride in zip(padded, strides_of(padded), strict=True))


def walk(node: str, shape: Sequence[int], *strides: Sequence[int]) -> list[int]:
    """Arguments of a strided walk: the shape, then each array's strides, with neighbouring axes joined where all allow it."""
    axes = [axis for axis in zip(shape, *strides, strict=True) if axis[0] != 1]
    joined: list[tuple[int, ...]] = []
    for axis in axes:
        if joined and all(outer == inner * axis[0] for outer, inner in zip(joined[-1][1:], axis[1:], strict=True)):
            joined[-1] = (joined[-1][0] * axis[0], *axis[1:])
        else:
            joined.append(tuple(axis))
    if len(joined) > AXES:
        raise UnsupportedModelError(
            f"{node}: a move or broadcast over {len(joined)} axes, more than {AXES}",
            hint="split it into several",
            node=node,
        )
    one = (1, *(0 for _ in strides))
    padded = [one] * (AXES - len(joined)) + joined
    return [axis[i] for i in range(1 + len(strides)) for axis in padded]


def window(sizes: Sequence[int], at: Window, out: Sequence[int]) -> list[int]:
    """Arguments of a window on three spatial axes."""
    lacking = 3 - len(sizes)
    n = len(sizes)

    def three(values: Sequence[int], fill: int) -> list[int]:
        return [fill] * lacking + list(values)

    return [
        *three(sizes, 1), *three(out, 1), *three(at.kernel, 1),
        *three(at.strides, 1), *three(at.pads[:n], 0), *three(at.dilations, 1),
    ]  # fmt: skip


def pads(values: Sequence[int]) -> list[int]:
    """Pads before, then after, on three spatial axes."""
    n = len(values) // 2
    return [0] * (3 - n) + list(values[:n]) + [0] * (3 - n) + list(values[n:])
