"""Values as JSON, as serde_json writes the Rust ones, and as plain data; and the ways back."""

from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, NewType

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
        (c.Digest, bytes(range(32)), f'"{bytes(range(32)).hex()}"'),
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


#: What comes back as something else, as the module's docstring says.
LOSSY = {"f32 inf", "Some(None)", "Option<()>"}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_every_value_comes_back(vector: Any) -> None:
    data = json.loads(json.dumps(c.to_json(vector.type, vector.value)))
    if vector.name in LOSSY:
        return
    again = c.from_json(vector.type, data)
    assert type(again) is type(vector.value)
    assert c.encode(again, vector.type) == c.encode(vector.value, vector.type)


@dataclass
class Line:
    price: U32
    kind: Color = Color.RED
    note: str | None = None
    size: U8 | None = field(default=7)


@dataclass
class Cart:
    lines: list[Line]
    by_id: dict[U32, Line]
    image: c.Digest


CART = {"lines": [{"price": 1}], "by_id": {"5": {"price": 2, "kind": "BLUE"}}, "image": "0x" + "ab" * 32}


def test_members_may_be_left_out() -> None:
    cart = c.from_json(Cart, CART)
    assert cart == Cart([Line(1)], {5: Line(2, Color.BLUE)}, b"\xab" * 32)
    assert cart.lines[0].size == 7


NOT_JSON: list[tuple[Any, Any, str, str]] = [
    (Cart, {**CART, "lines": [{"price": 1}, {"price": -1}]}, ".lines[1].price", "u32"),
    (Cart, {**CART, "lines": [{}]}, ".lines[0].price", "a value"),
    (Cart, {**CART, "line": 1}, ".line", "a field of Cart"),
    (Cart, {**CART, "lines": [{"price": 1, "kind": "PINK"}]}, ".lines[0].kind", "RED, GREEN, BLUE"),
    (Cart, {**CART, "by_id": {"x": {"price": 2}}}, ".by_id['x'].key", "u32"),
    (Cart, {**CART, "by_id": {"5": {"price": "2"}}}, ".by_id['5'].price", "u32"),
    (Cart, {**CART, "by_id": {"5": {"price": 2}, "05": {"price": 2}}}, ".by_id['05']", "once"),
    (Cart, {**CART, "image": "ab"}, ".image", "32 bytes"),
    (Cart, {**CART, "image": "zz"}, ".image", "hexadecimal"),
    (Cart, [1, 2, 3], "", "an object"),
    (U8, True, "", "u8"),
    (U8, 1.0, "", "u8"),
    (bool, 1, "", "true or false"),
    (F64, "1", "", "a number"),
    (F64, None, "", "a number"),
    (c.F32, 1e39, "", "f32"),
    (Char, "ab", "", "one character"),
    (str, 5, "", "a text"),
    (bytes, [1, 2], "", "hexadecimal"),
    (None, 0, "", "null"),
    (list[U8], {"a": 1}, "", "a list"),
    (Annotated[list[U32], c.Len(2)], [1], "", "a list of 2"),
    (tuple[U8, str], [1], "", "a list of 2"),
    (tuple[U8, str], [1, 2], "[1]", "a text"),
    (set[U8], [1, 1], "[1]", "once"),
    (dict[tuple[U8, U8], U8], [[[1, 300], 3]], "[#0].key[1]", "u8"),
    (Shape, {"Box": {"w": 1}}, ".h", "a value"),
    (Shape, "Box", "", "Empty, Dot, Pair, Box"),
    (Shape, {"Empty": None}, "", "Empty, Dot, Pair, Box"),
    (Shape, {"Dot": 1, "Empty": 2}, "", "a variant of Shape"),
    (Nothing, 1, "", "null"),
]


@pytest.mark.parametrize(("type_", "data", "path", "expected"), NOT_JSON)
def test_from_json_names_the_field(type_: Any, data: Any, path: str, expected: str) -> None:
    with pytest.raises(c.EncodeError) as caught:
        c.from_json(type_, data)
    assert caught.value.path == path
    assert expected in f"{caught.value.expected} {caught.value.hint}"


NOT_PLAIN: list[tuple[Any, Any, str]] = [
    (Line, {"price": 1, "kind": [0, None], "note": None, "size": None}, ""),
    (Line, [1, [0, None], None], ""),
    (Line, [1, [3, None], None, None], ".kind"),
    (Line, [1, [0, None], ["a", "b"], None], ".note"),
    (list[U8], {1: 2}, ""),
    (tuple[U8, U8], {1: 2, 3: 4}, ""),
    (U8, 256, ""),
    (U8, True, ""),
    (c.U128, 5, ""),
    (c.F32, 1.5, ""),
    (Char, "a", ""),
    (bytes, [256], "[0]"),
    (c.Digest, bytes(32), ""),
    (dict[U8, U8], {1: 2}, ""),
    (dict[U8, U8], [[1, 256]], "[1]"),
    (Nothing, [], ""),
]


@pytest.mark.parametrize(("type_", "plain", "path"), NOT_PLAIN)
def test_from_plain_refuses(type_: Any, plain: Any, path: str) -> None:
    with pytest.raises(c.EncodeError) as caught:
        c.from_plain(type_, plain)
    assert caught.value.path == path


@dataclass
class Even:
    value: U8

    def __post_init__(self) -> None:
        if self.value % 2:
            raise ValueError("odd")


@pytest.mark.parametrize(("read", "data"), [(c.from_json, [{"value": 3}]), (c.from_plain, [[3]])])
def test_what_a_class_refuses_is_chained(read: Any, data: Any) -> None:
    with pytest.raises(c.EncodeError, match="odd") as caught:
        read(list[Even], data)
    assert caught.value.path == "[0]"
    assert isinstance(caught.value.__cause__, ValueError)
