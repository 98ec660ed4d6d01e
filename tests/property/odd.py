"""Values that are nearly of a type: a random part of one is replaced by something unusual."""

from __future__ import annotations

import copy
import dataclasses
import random
from typing import Any

from zkhost import codec as c


class Number(int):
    pass


class Text(str):
    __slots__ = ()


class Row(list[Any]):
    pass


ODD = [
    -1, 1 << 8, 1 << 32, (1 << 64) - 1, 1 << 64, -(1 << 63) - 1, 1 << 128, -(1 << 127) - 1, 1 << 4000, Number(7),
    True, None, 1.5, 1e300, float("inf"), float("nan"), 1j,
    "", "ab", "\ud800", "x\udfff", "\U0010ffff", "é" * 70_000, Text("a"),
    b"", b"ab", b"\xff" * 33, bytes(70_000), bytearray(b"ab"), memoryview(b"ab"),
    (), [], [1] * 5, (None,) * 3, ["x"] * 2000, Row([1]), range(3), {}, set(), {1: 2},
    object(), int, c.Some(1), c.Some(None), len,
]  # fmt: skip
"""Other classes, subclasses, and numbers, strings and sequences out of range or past a buffer's end."""


def spoil(value: Any, rng: random.Random) -> Any:
    """The value with one of its parts, or all of it, replaced; what was given stays as it is."""
    names = [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    if isinstance(value, list | tuple) and value and rng.random() < 0.9:
        items = list(value)
        at = rng.randrange(len(items))
        match rng.randrange(8):
            case 0:
                del items[at]
            case 1:
                items.insert(at, items[at])
            case _:
                items[at] = spoil(items[at], rng)
        return type(value)(items)
    if names and rng.random() < 0.9:
        other, name = copy.copy(value), rng.choice(names)
        if rng.randrange(8):
            object.__setattr__(other, name, spoil(getattr(other, name), rng))
        else:
            object.__delattr__(other, name)
        return other
    return rng.choice(ODD)
