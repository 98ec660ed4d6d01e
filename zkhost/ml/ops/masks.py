"""Comparisons, and choices by their results. Truth values are u8: 1 and 0; any other than 0 is taken as true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zkhost.ml.ops.base import Op

Relation = Literal["equal", "less", "less_or_equal", "and", "or", "xor"]


@dataclass(frozen=True)
class Compare(Op):
    """y = 1 where a <relation> b, otherwise 0. y: u8; a and b (tensors or constants) of one dtype, broadcast to y.

    f32 as IEEE 754 compares: nothing is equal to NaN, less or greater. and, or, xor: of u8, as truth values.
    """

    relation: Relation
    a: str
    b: str

    def reads(self) -> tuple[str, ...]:
        return (self.a, self.b)


@dataclass(frozen=True)
class Select(Op):
    """y = a where condition is not 0, otherwise b: all three (tensors or constants) broadcast to y; condition u8, a and b of y's
    dtype.
    """

    condition: str
    a: str
    b: str

    def reads(self) -> tuple[str, ...]:
        return (self.condition, self.a, self.b)
