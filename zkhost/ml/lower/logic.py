"""Comparisons, truth values and choices by them: masks. A truth value is u8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import NUMPY, DType, Tensor
from zkhost.ml.lower import floats
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.values import Const, Value
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
RELATIONS: dict[str, ops.Relation] = {
    "Equal": "equal", "Less": "less", "LessOrEqual": "less_or_equal", "And": "and", "Or": "or", "Xor": "xor",
}  # fmt: skip
TURNED = {"Greater": "Less", "GreaterOrEqual": "LessOrEqual"}


def compare(low: Lowering, node: Node, relation: ops.Relation, a: Tensor | Const, b: Tensor | Const) -> Tensor:
    """u8: where a relation holds between two values of one dtype."""
    y = low.tensor(node, "u8", floats.broadcast(node, [a.shape, b.shape]))
    low.emit(ops.Compare(node.label, y.name, relation, low.name(a), low.name(b)))
    return y


def select(
    low: Lowering, node: Node, condition: Tensor | Const, a: Tensor | Const, b: Tensor | Const, dtype: DType = "f32"
) -> Tensor:
    """a where the condition holds, otherwise b."""
    y = low.tensor(node, dtype, floats.broadcast(node, [condition.shape, a.shape, b.shape]))
    low.emit(ops.Select(node.label, y.name, low.name(condition), low.name(a), low.name(b)))
    return y


def truth(low: Lowering, node: Node, x: Tensor, negated: bool = False) -> Tensor:
    """Return whether elements are other than 0, or whether they are 0."""
    if x.dtype != "u8":
        x = compare(low, node, "equal", x, Const(np.zeros((), NUMPY[x.dtype])))
        negated = not negated
    table = np.ones(256, np.uint8)
    table[0] = 0
    y = low.tensor(node, "u8", x.shape)
    low.emit(ops.Table(node.label, y.name, x.name, low.constant(1 - table if negated else table)))
    return y


def operands(low: Lowering, node: Node, values: Sequence[Value | None]) -> tuple[list[Tensor | Const], DType]:
    """Values in one dtype: integers and truth values as they are, all others as f32."""
    found: set[DType] = set()
    for value in values:
        if isinstance(value, Tensor) and value.dtype != "f32":
            found.add(value.dtype)
        elif not isinstance(value, Const) or value.array.dtype.kind == "f":
            found.add("f32")
    if len(found) > 1:
        raise node.unsupported(f"inputs of {' and '.join(sorted(found))}", "inputs of one dtype", "cast one of them")
    dtype = found.pop() if found else ("u8" if values[0].array.dtype == np.bool_ else "s32")  # type: ignore[union-attr]
    return [_operand(low, node, value, dtype) for value in values], dtype


def _operand(low: Lowering, node: Node, value: Value | None, dtype: DType) -> Tensor | Const:
    if isinstance(value, Const) and dtype != "f32":
        converted = value.array.astype(NUMPY[dtype])
        if (converted != value.array).any():
            raise node.unsupported(f"a constant that does not fit in {dtype}", "32-bit integers", "use smaller numbers")
        return Const(converted)
    if isinstance(value, Tensor) and dtype != "f32":
        return value
    return floats.f32(low, node, value)


@handles(*RELATIONS, *TURNED)
def _compare(low: Lowering, node: Node, args: Args) -> list[Value]:
    a, b = args[::-1] if node.op in TURNED else args
    (left, right), dtype = operands(low, node, (a, b))
    relation = RELATIONS[TURNED.get(node.op, node.op)]
    if relation in ("and", "or", "xor") and dtype != "u8":
        raise node.invalid(f"inputs of {dtype}", "bool")
    return [compare(low, node, relation, left, right)]


@handles("Not")
def _not(low: Lowering, node: Node, args: Args) -> list[Value]:
    (x,) = args
    if not isinstance(x, Tensor) or x.dtype != "u8":
        raise node.invalid("an input that is no truth value", "bool")
    return [truth(low, node, x, negated=True)]


@handles("IsNaN")
def _is_nan(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = low.copy(node, floats.f32(low, node, args[0]))
    return [truth(low, node, compare(low, node, "equal", x, x), negated=True)]


@handles("Where")
def _where(low: Lowering, node: Node, args: Args) -> list[Value]:
    condition, *sides = args
    (a, b), dtype = operands(low, node, sides)
    return [select(low, node, condition_of(node, condition), a, b, dtype)]


def condition_of(node: Node, value: Value | None) -> Tensor | Const:
    """Return what a Where chooses by, as u8."""
    if isinstance(value, Const):
        return Const(value.array.astype(np.uint8))
    if not isinstance(value, Tensor) or value.dtype != "u8":
        raise node.invalid("a condition that is no truth value", "bool")
    return value


@handles("Trilu", attributes="upper")
def _trilu(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Lower a Trilu to a product with a constant mask."""
    diagonal = 0 if len(args) < 2 or args[1] is None else int(low.integers(node, args[1]).reshape(()))
    (x,), dtype = operands(low, node, args[:1])
    ones = np.ones(x.shape[-2:], np.uint8)
    mask = np.triu(ones, diagonal) if node.get_int("upper", 1) else np.tril(ones, diagonal)
    return [select(low, node, Const(mask), x, Const(np.zeros((), NUMPY[dtype])), dtype)]
