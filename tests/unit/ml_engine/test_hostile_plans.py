"""Plans from strangers: refused with an error, or run; never a crash, never memory that is not the plan's."""

from __future__ import annotations

import random
import struct

import pytest

from zkhost.errors import PlanError
from zkhost.ml import _native
from zkhost.ml.compile import compile_graph

from .graphs import attention, float_forms, forms, raw

GRAPH, INPUTS = forms()
PLAN = compile_graph(GRAPH).plan
HEADS = attention(2, 16, 16)
HEADS.input("left", "u8", (1, 8, 300))
HEADS.input("right", "u8", (1, 300, 16))
HEADS.product("pieces", "left", "right", a_zero=7)
PLANS = [(PLAN, raw(GRAPH, INPUTS))] + [
    (compile_graph(graph).plan, raw(graph, inputs))
    for graph, inputs in [float_forms(), (HEADS.graph("y", "pieces"), HEADS.inputs)]
]
"""With layers on the accelerator, of f32, and with products of tensors; each with its inputs."""


def words(plan: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(plan) // 4}I", plan))


def packed(values: list[int]) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def test_a_plan_is_taken() -> None:
    _native.check_plan(PLAN)


@pytest.mark.parametrize("length", [0, 3, 4, 47, 48, 60, len(PLAN) - 4, len(PLAN) - 1])
def test_a_truncated_plan_is_refused(length: int) -> None:
    with pytest.raises(PlanError):
        _native.check_plan(PLAN[:length])


def test_bytes_behind_a_plan_are_refused() -> None:
    with pytest.raises(PlanError, match="more than it says"):
        _native.check_plan(PLAN + bytes(4))


@pytest.mark.parametrize(
    ("word", "value", "reason"),
    [
        (0, 0, "not a plan"),
        (1, 2, "another version"),
        (2, 1 << 30, "longer than its bytes"),
        (3, 1 << 31, "arena"),
        (3, 64, "not lie within"),
        (4, 3, "only read"),
        (4, 1 << 29, "only read"),
        (4, 16, "only read cannot be written"),
        (5, 2000, "too many"),
        (6, 0, "no output"),
        (7, 64, "follow each other"),
        (8, 1, "more operations"),
        (8, 1000, "operation"),
        (9, 1 << 31, "follow each other"),
        (10, 1, "only read"),
        (12, 0x80000000, "arena"),
        (13, 0xFFFFFFFF, "arena"),
        (14, 3, "mode"),
        (14, 5 << 8, "dtype"),
        (14, 1 << 17, "kind"),
        (14, 1 << 16, "shared input"),
        (17, 1 << 16, "output is shared"),
        (17, 2, "output is shared or private"),
    ],
)
def test_a_header_that_is_none_is_refused(word: int, value: int, reason: str) -> None:
    changed = words(PLAN)
    changed[word] = value
    with pytest.raises(PlanError, match=reason):
        _native.check_plan(packed(changed))


def operations(data: bytes) -> list[tuple[int, int, int]]:
    """Place, code and number of arguments of each operation."""
    plan, found = words(data), []
    at = plan[7] // 4
    for _ in range(plan[8]):
        found.append((at, plan[at] >> 16, plan[at] & 0xFFFF))
        at += 1 + found[-1][2]
    return found


@pytest.mark.parametrize("value", [0, 1, 3, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF])
@pytest.mark.parametrize(("whole", "inputs"), PLANS, ids=["layers", "floats", "attention"])
def test_any_argument_may_be_anything(value: int, whole: bytes, inputs: bytes) -> None:
    """Each argument of each operation, one at a time: a plan error, or a plan that runs in its own memory."""
    refused = taken = 0
    for at, _, count in operations(whole):
        for argument in range(at, at + 1 + count):
            changed = words(whole)
            if changed[argument] == value:
                continue
            changed[argument] = value
            plan = packed(changed)
            try:
                _native.check_plan(plan)
                taken += 1
                _native.compute(plan, inputs)
            except PlanError:
                refused += 1
    assert refused > 30
    assert taken + refused > 120


@pytest.mark.parametrize(("whole", "inputs"), PLANS, ids=["layers", "floats", "attention"])
def test_random_plans(whole: bytes, inputs: bytes) -> None:
    """Several words at a time, and bytes of the constants."""
    source = random.Random(5)
    for _ in range(300):
        changed = words(whole)
        for _ in range(source.randint(1, 6)):
            changed[source.randrange(len(changed))] = source.choice(
                [source.getrandbits(32), source.randrange(64), 0x80000000]
            )
        try:
            _native.compute(packed(changed), inputs)
        except PlanError:
            continue


def test_wrong_numbers_of_inputs() -> None:
    inputs = raw(GRAPH, INPUTS)
    for data in (inputs[:-4], inputs + bytes(4), b""):
        with pytest.raises(PlanError, match="inputs than the plan takes"):
            _native.compute(PLAN, data)
