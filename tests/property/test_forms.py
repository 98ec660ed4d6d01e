"""The plain and the JSON form of random values of random types: there and back."""

from __future__ import annotations

import json
import math
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkhost import codec as c
from zkhost.codec import schema as s
from zkhost.errors import EncodeError

from .odd import ODD
from .refusing import many
from .schemas import TYPES, same, typed_values


@many
@given(typed_values())
def test_plain_values_go_both_ways(case: Any) -> None:
    annotation, value = case
    plain = c.to_plain(annotation, value)
    c.describe(annotation)
    again = c.from_plain(annotation, plain)
    assert c.codec(annotation, "packed").encode(again) == c.codec(annotation, "packed").encode(value)


@many
@given(typed_values())
def test_json_goes_both_ways(case: Any) -> None:
    """But for what it has no form for: floats that are not finite, and one option in another."""
    annotation, value = case
    data = json.loads(json.dumps(c.to_json(annotation, value), allow_nan=False))
    if lossy(c.schema_of(annotation), value):
        return
    assert same(c.from_json(annotation, data), value)


def lossy(root: s.Node, value: Any) -> bool:
    """Whether a value holds what JSON has no form for. (Options in one another count, whatever they hold.)"""
    for node in s.walk(root):
        if isinstance(node, s.Float) and not all(map(math.isfinite, floats(value))):
            return True
        if isinstance(node, s.Option):
            inner = node.inner
            while isinstance(inner, s.NewType | s.Ref) or (isinstance(inner, s.Struct) and inner.kind == "newtype"):
                inner = (
                    inner.target
                    if isinstance(inner, s.Ref)
                    else inner.inner
                    if isinstance(inner, s.NewType)
                    else inner.fields[0].type
                )
            if isinstance(inner, s.Option | s.Unit | s.Float) or (isinstance(inner, s.Struct) and inner.kind == "unit"):
                return True
    return False


def floats(value: Any) -> list[float]:
    """All floats in a value."""
    if isinstance(value, float):
        return [value]
    if isinstance(value, Enum):  # whose attributes lead to its class, and from there back
        return []
    if hasattr(value, "tolist"):
        return floats(value.tolist())
    if isinstance(value, dict):
        return floats([*value.keys(), *value.values()])
    if isinstance(value, list | tuple | set | frozenset):
        return [f for item in value for f in floats(item)]
    return [f for item in getattr(value, "__dict__", {}).values() for f in floats(item)] + [
        f for name in getattr(type(value), "__slots__", ()) for f in floats(getattr(value, name))
    ]


@many
@given(TYPES, st.sampled_from(ODD) | st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=2),
                                                   lambda inner: st.lists(inner, max_size=3)
                                                   | st.dictionaries(st.text(max_size=1), inner, max_size=2)))  # fmt: skip
def test_data_of_another_form_is_refused(annotation: Any, data: Any) -> None:
    """With a place and what was expected, or it stands for a value after all: nothing else is raised."""
    for read in (c.from_json, c.from_plain):
        try:
            value = read(annotation, data)
            c.encode(value, annotation)
        except EncodeError as error:
            refusal = error
        else:
            continue
        assert refusal.expected
        assert refusal.found


@pytest.mark.parametrize("read", [c.from_json, c.from_plain])
def test_a_dict_is_no_list(read: Any) -> None:
    with pytest.raises(EncodeError, match="expected a list of 2"):
        read(tuple[c.U8, c.U8], {1: 2, 3: 4})
