"""Merges of low-rank updates: the kernel against the reference, and the reference against loralib and PEFT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zkhost.errors import InferenceError, PlanError
from zkhost.ml import _native, ops, reference
from zkhost.ml.compile import compile_graph
from zkhost.ml.graph import Array, Graph, Tensor

from .graphs import raw

DATA = Path(__file__).parents[1] / "ml" / "lora"


def graph(
    w: Array, a: Array, b: Array, *, scaling: float = 2.0, transposed: bool = False, enable: tuple[bool, ...] = (True,),
    precision: ops.Precision = "f32", constant: bool = False,
) -> tuple[Graph, dict[str, Array]]:  # fmt: skip
    arrays = {"w": w, "a": a, "b": b}
    tensors = {name: Tensor(name, "f32", array.shape) for name, array in arrays.items()}
    step = ops.Merge("m (Merge)", "y", "w", "a", "b", scaling, transposed, enable, precision)
    constants = {"w": w} if constant else {}
    inputs = tuple(name for name in arrays if name not in constants)
    made = Graph(
        "test",
        inputs,
        ("y",),
        {name: tensors[name] for name in inputs} | {"y": Tensor("y", "f32", w.shape)},
        constants,
        (step,),
    )
    return made, {name: arrays[name] for name in inputs}


def random(shape: tuple[int, ...], size: float = 0.1, seed: int = 1) -> Array:
    return (np.random.default_rng(seed + len(shape) + sum(shape)).normal(size=shape) * size).astype(np.float32)


def merged(*args: Array, **options: object) -> Array:
    """By the reference and by the kernel, which agree."""
    made, inputs = graph(*args, **options)  # type: ignore[arg-type]
    wanted = reference.run(made, inputs)["y"]
    assert _native.compute(compile_graph(made).plan, raw(made, inputs)).outputs == (wanted.tobytes(),)
    return wanted


@pytest.mark.parametrize("precision", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("shape", "rank"), [((1, 1), 1), ((3, 5), 2), ((16, 9), 4), ((7, 40), 16), ((30, 2), 40)])
def test_a_merge(shape: tuple[int, int], rank: int, transposed: bool, precision: ops.Precision) -> None:
    outputs, inputs = shape[::-1] if transposed else shape
    a, b, w = random((rank, inputs)), random((outputs, rank), 0.5), random(shape)
    w, a, b = (reference.merge.rounded(array, precision) for array in (w, a, b))
    first = merged(w, a, b, transposed=transposed, precision=precision)
    assert not np.array_equal(first, w)
    merged(w, a, b, transposed=transposed, precision=precision, scaling=8 / 3, constant=True)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("enable", [(True, False, True), (False, True), (True, True, False, False)])
def test_groups_of_outputs(enable: tuple[bool, ...], transposed: bool) -> None:
    size, rank, inputs = 4, 3, 6
    outputs, groups = size * len(enable), sum(enable)
    w = random((inputs, outputs) if transposed else (outputs, inputs))
    y = merged(w, random((rank * groups, inputs)), random((size * groups, rank)), transposed=transposed, enable=enable)
    changed = (y != w).any(axis=0 if transposed else 1).reshape(len(enable), size)
    assert changed.all(axis=1).tolist() == list(enable)
    assert changed.any(axis=1).tolist() == list(enable)


def test_values_that_are_hard_to_round() -> None:
    """Ties, sums that cancel, subnormals, zeros of both signs."""
    odd = np.array(
        [0.0, -0.0, 1.0, -1.0, 1.5, 2.0**-24, 1 + 2.0**-23, -(2.0**-126), 2.0**-149, 1e-30, -3.0], np.float32
    )
    a, b, w = (
        np.stack([odd, odd[::-1]]),
        np.stack([odd, np.roll(odd, 3)], axis=1),
        np.outer(odd, odd).astype(np.float32),
    )
    for sign in (1, -1):
        merged(w, a, b, scaling=sign * 0.5)
        merged(sign * w, a, b, scaling=1 / 3)
        merged(w, a, np.zeros_like(b), scaling=float(sign))


def test_negative_zeros_become_positive() -> None:
    """As in torch: -0.0 + 0.0."""
    w = np.full((2, 2), -0.0, np.float32)
    y = merged(w, np.zeros((1, 2), np.float32), np.zeros((2, 1), np.float32))
    assert not np.signbit(y).any()


LAYERS: dict[str, tuple[str, float, bool, tuple[bool, ...]]] = {
    "embedding": ("weight", 2.0, True, (True,)),
    "conv2d": ("conv.weight", 2.0, False, (True,)),
    "merged_linear": ("weight", 2.0, False, (True, False, True)),
    "merged_linear_fan_in_fan_out": ("weight", 4.0, True, (True, True, False)),
    "linear_fan_in_fan_out": ("weight", 1.5, True, (True,)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_loralib(name: str) -> None:
    """Bit for bit what torch merged."""
    weight, scaling, transposed, enable = LAYERS[name]
    with np.load(DATA / f"{name}.npz") as data:
        y = merged(data[weight], data["lora_A"], data["lora_B"], scaling=scaling, transposed=transposed, enable=enable)
        assert y.tobytes() == data["merged_weight"].tobytes()


def test_without_fused_multiply_adds_other_bits_come_out() -> None:
    """What the rule says matters: one weight in five differs."""
    with np.load(DATA / "merged_linear.npz") as data:
        w, a, b = data["weight"][:16], data["lora_A"][:4], data["lora_B"][:16]
        delta = np.zeros_like(w)
        for k in range(4):
            delta = delta + b[:, k : k + 1] * a[k : k + 1]
        assert (w + delta * np.float32(2) != merged(w, a, b)).any()


@pytest.mark.parametrize("place", ["w", "a", "b"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_have_no_merge(place: str, value: float) -> None:
    made, inputs = graph(random((3, 4)), random((2, 4)), random((3, 2)))
    inputs[place][1, 1] = value
    with pytest.raises(InferenceError, match="not finite"):
        reference.run(made, inputs)
    with pytest.raises(PlanError, match="not finite"):
        _native.compute(compile_graph(made).plan, raw(made, inputs))


def test_a_merge_that_overflows_has_no_result() -> None:
    made, inputs = graph(random((3, 4)), random((2, 4), 1e25), random((3, 2), 1e25))
    with pytest.raises(PlanError, match="a merged weight is not finite"):
        _native.compute(compile_graph(made).plan, raw(made, inputs))
    with pytest.raises(InferenceError, match="not finite"):
        reference.run(made, inputs)


@pytest.mark.parametrize("value", [0, 1, 3, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_plans_of_strangers(value: int) -> None:
    """Each argument of a merge may be anything: a plan error, or a plan that runs in its own memory."""
    made, inputs = graph(random((6, 8)), random((4, 8)), random((3, 2)), enable=(True, True))
    plan, given = compile_graph(made).plan, raw(made, inputs)
    words = np.frombuffer(plan, "<u4")
    first = int(words[7]) // 4
    assert words[first] == 46 << 16 | 15
    refused = 0
    for place in range(first, first + 2 * 16):
        changed = words.copy()
        changed[place] = value
        try:
            _native.check_plan(changed.tobytes())
            _native.compute(changed.tobytes(), given)
        except PlanError:
            refused += 1
    assert refused > 10
