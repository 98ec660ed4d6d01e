"""Values as JSON, as serde_json writes the Rust ones."""

from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass
from typing import Any, NewType

import pytest

from zkhost import codec as c
from zkhost.codec import F64, I128, U8, U32, Char, Some

from .vectors import VECTORS, Box, Color, Dot, Empty, Node, Shape

Height = NewType("Height", U32)


class Side(enum.Enum):
    LEFT = 1
    RIGHT = 2


@c.tuple_struct
@dataclass(frozen=True)
class Pair:
    a: U8
    b: str


@c.newtype
@dataclass(frozen=True)
class Wrapped:
    inner: Pair


@dataclass(frozen=True)
class Nothing: ...


@dataclass
class Order:
    id: I128
    side: Side
    pair: Wrapped
    note: str | None


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (I128, -(1 << 100), "-1267650600228229401496703205376"),
        (Height, 5, "5"),
        (F64, 0.5, "0.5"),
        (F64, math.inf, "null"),
        (Char, "ü", '"\\u00fc"'),
        (bytes, b"\x00\xff", '"00ff"'),
        (Some[U8 | None] | None, Some(None), "null"),
        (tuple[U8, bool, None], (1, True, None), "[1, true, null]"),
        (set[U8], {3, 1, 2}, "[1, 2, 3]"),
        (dict[str, U8], {"b": 1, "a": 2}, '{"b": 1, "a": 2}'),
        (dict[bool, U8], {True: 1}, '{"true": 1}'),
        (dict[Color, U8], {Color.RED: 1}, '{"RED": 1}'),
        (dict[U8, U8], {}, "{}"),
        (dict[tuple[U8, U8], U8], {(1, 2): 3}, "[[[1, 2], 3]]"),
        (dict[U8 | None, U8], {None: 3, 1: 4}, "[[null, 3], [1, 4]]"),
        (Nothing, Nothing(), "null"),
        (
            Order,
            Order(7, Side.LEFT, Wrapped(Pair(1, "x")), None),
            '{"id": 7, "side": "LEFT", "pair": [1, "x"], "note": null}',
        ),
        (
            list[Shape],
            [Empty(), Dot(1), Box(1, 2, "x")],
            '["Empty", {"Dot": 1}, {"Box": {"w": 1, "h": 2, "label": "x"}}]',
        ),
        (Node, Node(1, [Node(2, [])]), '{"value": 1, "children": [{"value": 2, "children": []}]}'),
    ],
    ids=str,
)
def test_literal_forms(type_: Any, value: Any, expected: str) -> None:
    assert json.dumps(c.to_json(type_, value)) == expected


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_every_value_has_one(vector: Any) -> None:
    json.dumps(c.to_json(vector.type, vector.value), allow_nan=False)
