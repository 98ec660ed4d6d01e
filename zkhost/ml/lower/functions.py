"""Functions of f32 that are not exact, and softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower import floats, integers, logic
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.pools import fuses
from zkhost.ml.lower.scales import quant, target_of
from zkhost.ml.lower.values import Const, Lazy, Value
from zkhost.ml.lower.views import along_rows
from zkhost.ml.read.node import Node

Args = Sequence[Value | None]
F32 = np.float32

KINDS: dict[str, ops.FunctionKind] = {
    "Exp": "exp", "Log": "log", "Sigmoid": "sigmoid", "Tanh": "tanh", "Erf": "erf", "Softplus": "softplus", "Mish": "mish",
    "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "asin", "Acos": "acos", "Atan": "atan", "Sinh": "sinh", "Cosh": "cosh",
    "Asinh": "asinh", "Acosh": "acosh", "Atanh": "atanh", "Elu": "elu", "Selu": "elu", "Celu": "celu",
}  # fmt: skip
ALPHA = {"Elu": 1.0, "Celu": 1.0, "Selu": 1.67326319217681884765625, "ThresholdedRelu": 1.0, "LeakyRelu": 0.01}
GAMMA = 1.05070102214813232421875


def function(
    low: Lowering, node: Node, kind: ops.FunctionKind, x: Tensor, alpha: float = 1, gamma: float = 1
) -> Tensor:
    """Emit one function of each element."""
    y = low.tensor(node, "f32", x.shape)
    low.emit(ops.Function(node.label, y.name, kind, x.name, float(F32(alpha)), float(F32(gamma))))
    return y


def of_node(low: Lowering, node: Node, x: Tensor) -> Tensor:
    """Return a unary node in f32, its attributes understood."""
    alpha = node.get_float("alpha", ALPHA.get(node.op, 1))
    match node.op:
        case "Gelu":
            return function(low, node, _gelu(node), x)
        case "Celu" if not alpha > 0:
            raise node.invalid(f"alpha {alpha}", "a number above zero")
        case "Softsign":
            y = low.tensor(node, "f32", x.shape)
            low.emit(ops.Unary(node.label, y.name, "abs", x.name))
            return floats.binary(low, node, "div", x, floats.binary(low, node, "add", y, _number(1)))
        case "Sign":
            above, below = (logic.compare(low, node, "less", a, b) for a, b in ((_number(0), x), (x, _number(0))))
            return logic.select(low, node, above, _number(1), logic.select(low, node, below, _number(-1), x))
        case "ThresholdedRelu":
            above = logic.compare(low, node, "less", _number(alpha), x)
            return logic.select(low, node, above, x, _number(0))
        case "LeakyRelu":
            return _leaky(low, node, x, _number(alpha))
    return function(low, node, KINDS[node.op], x, alpha, node.get_float("gamma", GAMMA if node.op == "Selu" else 1))


def _number(value: float) -> Const:
    return Const(np.asarray(value, F32))


def _gelu(node: Node) -> ops.FunctionKind:
    approximate = str(node.attributes.get("approximate", "none"))
    if approximate not in ("none", "tanh"):
        raise node.invalid(f"approximate {approximate!r}", "none or tanh")
    return "gelu" if approximate == "none" else "gelu_tanh"


def _leaky(low: Lowering, node: Node, x: Tensor, slope: Tensor | Const) -> Tensor:
    below = logic.compare(low, node, "less", x, _number(0))
    return logic.select(low, node, below, floats.binary(low, node, "mul", x, slope), x)


@handles("PRelu")
def _prelu(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, slope = (f32(low, node, arg) for arg in args)
    return [_leaky(low, node, low.copy(node, x), slope)]


@handles("com.microsoft.Gelu", "com.microsoft.FastGelu", "com.microsoft.BiasGelu")
def _microsoft_gelu(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = low.copy(node, f32(low, node, args[0]))
    if len(args) > 1 and args[1] is not None:
        x = floats.binary(low, node, "add", x, f32(low, node, args[1]))
    return [function(low, node, "gelu_tanh" if node.op == "FastGelu" else "gelu", x)]


@handles("com.microsoft.QuickGelu", attributes="alpha")
def _quick_gelu(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = low.copy(node, f32(low, node, args[0]))
    return [function(low, node, "swish", x, node.get_float("alpha", 1.702))]


@handles("Pow")
def _pow(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Powers that are exact steps, or nearly, are those: as onnxruntime has the square and the cube."""
    base, exponent = args
    if isinstance(exponent, Const) and exponent.array.dtype.kind in "iu":
        exponent = Const(exponent.array.astype(F32))
    x = low.copy(node, f32(low, node, base))
    if isinstance(exponent, Const) and exponent.array.size == 1 and len(exponent.shape) <= len(x.shape):
        value = float(exponent.array.reshape(()))
        if value == 1:
            return [x]
        if value in (2, 3):
            square = floats.binary(low, node, "mul", x, x)
            return [square if value == 2 else floats.binary(low, node, "mul", square, x)]
        if value == -1:
            return [floats.binary(low, node, "div", _number(1), x)]
        if value == 0.5:
            y = low.tensor(node, "f32", x.shape)
            low.emit(ops.Unary(node.label, y.name, "sqrt", x.name))
            return [y]
    power = f32(low, node, exponent)
    y = low.tensor(node, "f32", floats.broadcast(node, [x.shape, power.shape]))
    low.emit(ops.Power(node.label, y.name, x.name, low.name(power)))
    return [y]


@handles("Softmax", "LogSoftmax", attributes="axis")
def _softmax(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Before opset 13 over all axes from `axis` on, since then over one."""
    value = args[0]
    if node.op == "Softmax" and fuses(low, node, value):
        return [Lazy(node, (value,), value.shape)]  # type: ignore[arg-type, union-attr]

    def of_rows(x: Tensor, width: int) -> Tensor:
        y = low.tensor(node, "f32", x.shape)
        low.emit(ops.Softmax(node.label, y.name, x.name, width, node.op == "LogSoftmax"))
        return y

    return [along_rows(low, node, low.copy(node, f32(low, node, value)), node.opset < 13, of_rows)]


@handles("com.microsoft.QLinearSoftmax", attributes="axis opset")
def _qlinear_softmax(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, sx, zx, sy, zy = (*args, None)[:5]
    value, target = quant(node, x, sx, zx), target_of(node, sy, zy)
    if not isinstance(value.q, Tensor) or value.q.dtype != target.dtype:
        raise node.invalid("an input and an output of two dtypes, or a constant", "two of uint8, or two of int8")

    return [integers.softmax(low, node, value, target, old=node.get_int("opset", 13) < 13)]
