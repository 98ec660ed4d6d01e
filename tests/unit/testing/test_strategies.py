"""`strategy(T)`: values of every schema, edges included."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from tests.property.schemas import TYPES
from zkhost import codec as c
from zkhost.errors import SchemaError
from zkhost.testing import strategy

quick = settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(quick)
@given(st.data())
def test_any_schema(data: st.DataObject) -> None:
    annotation = data.draw(TYPES)
    value = data.draw(strategy(annotation))
    words = c.encode(value, annotation)
    assert c.to_plain(annotation, c.decode(annotation, words)) == c.to_plain(annotation, value)


@dataclass
class Tree:
    value: c.U8
    children: list[Tree]


class Colour(enum.Enum):
    RED = 0
    GREEN = 1


@dataclass
class Circle:
    radius: c.F32


@dataclass
class Square:
    side: c.U8


Shape = Annotated[Circle | Square, c.Tagged("Shape")]


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (c.U64, lambda v: v == 2**64 - 1),
        (c.I128, lambda v: v == -(2**127)),
        (c.F64, math.isnan),
        (c.F32, lambda v: v == float("inf")),
        (c.Char, lambda v: v == "\U0010ffff"),
        (str, lambda v: len(v.encode()) % 4 == 3),
        (bytes, lambda v: len(v) >= 60),
        (c.U8 | None, lambda v: v is None),
        (Tree, lambda v: any(child.children for child in v.children)),
        (Colour, lambda v: v is Colour.GREEN),
        (Shape, lambda v: isinstance(v, Square) and v.side == 255),
        (Annotated[list[c.U16], c.Len(5)], lambda v: len(set(v)) > 1),
    ],
    ids=str,
)
def test_edges_come_up(annotation: Any, wanted: Any) -> None:
    found = find(strategy(annotation), wanted, settings=settings(quick, max_examples=5000))
    assert wanted(found)


def test_a_bad_annotation_is_refused_at_once() -> None:
    with pytest.raises(SchemaError):
        strategy(int)
