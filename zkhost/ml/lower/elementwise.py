"""Operators on each element: tables where they are functions of one quantised tensor, otherwise integers or f32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import helper

from zkhost.ml import ops
from zkhost.ml.graph import Tensor
from zkhost.ml.lower import floats, functions, integers, logic, tables
from zkhost.ml.lower.context import Lowering, handles
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.fold import clip_limits
from zkhost.ml.lower.scales import quant, target_of
from zkhost.ml.lower.values import Const, Curve, Quant, Sums, Value
from zkhost.ml.lower.values import Lazy as Waiting
from zkhost.ml.read.node import Node, node_of

Args = Sequence[Value | None]
F32 = np.float32

UNARY = (
    "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish LeakyRelu "
    "Log Mish Neg Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh ThresholdedRelu"
).split()
BINARY: dict[str, ops.BinaryKind] = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Min": "min", "Max": "max",
}  # fmt: skip
STEPS: dict[str, ops.UnaryKind] = {
    "Abs": "abs", "Neg": "neg", "Sqrt": "sqrt", "Floor": "floor", "Ceil": "ceil", "Round": "rint",
}  # fmt: skip


def _curve(low: Lowering, node: Node, args: Args) -> Curve | None:
    """Return the node as a step of a function of one quantised tensor; None where it is not one."""
    roots: dict[int, Quant] = {}
    nodes: dict[int, Node] = {}
    constants: dict[str, Any] = {}
    start = ""
    for name, arg in zip(node.inputs, args, strict=False):
        if isinstance(arg, Quant) and isinstance(arg.q, Tensor) and arg.per_tensor and arg.q.dtype in ("u8", "s8"):
            roots[id(arg.q)], start = arg, name
        elif isinstance(arg, Curve):
            roots[id(arg.root.q)], start = arg.root, arg.start
            nodes.update((id(each), each) for each in arg.nodes)
            constants.update(arg.constants)
            if name != arg.end:  # moved in between, under another name
                nodes[id(name)] = node_of(
                    helper.make_node("Identity", [arg.end], [name], name=name),
                    0,
                    {"": max(each.opset for each in arg.nodes)},
                )
        elif isinstance(arg, Const) and arg.array.size == 1 and arg.array.dtype == F32:
            constants[name] = arg.array
        elif arg is not None:
            return None
    if len(roots) != 1 or len(node.outputs) != 1:
        return None
    (root,) = roots.values()
    rank = len(root.shape)
    if any(isinstance(arg, Const) and arg.array.ndim > rank for arg in args):
        return None
    starts = {
        arg.start if isinstance(arg, Curve) else name
        for name, arg in zip(node.inputs, args, strict=False)
        if isinstance(arg, (Curve, Quant))
    }
    same = {(a.root if isinstance(a, Curve) else a).scale.tobytes() for a in args if isinstance(a, (Curve, Quant))}
    if len(starts) != 1 or len(same) != 1:  # one tensor under two DequantizeLinear nodes: rare, left in f32
        return None
    return Curve(root, start, node.outputs[0], (*nodes.values(), node), constants)


@handles(*UNARY, attributes="alpha beta gamma min max approximate")
def _unary(low: Lowering, node: Node, args: Args) -> list[Value]:
    x = args[0]
    if isinstance(x, Sums) and node.op in ("Relu", "Clip"):
        lo, hi = (F32(0), np.inf) if node.op == "Relu" else _limits(node, args)
        return [Sums(x.sums, x.scale, x.axis, max(x.lo, float(lo)), min(x.hi, float(hi)))]
    curve = _curve(low, node, args)
    if curve is not None:
        return [curve]
    if node.op == "Reciprocal":
        return [floats.binary(low, node, "div", Const(np.asarray(1, F32)), f32(low, node, x))]
    if node.op in ("HardSigmoid", "HardSwish"):
        return [_hard(low, node, f32(low, node, x))]
    value = low.copy(node, f32(low, node, x))
    if node.op in ("Relu", "Clip"):
        lo, hi = (0.0, np.inf) if node.op == "Relu" else _limits(node, args)
        return [floats.clip(low, node, value, float(lo), float(hi))]
    if node.op == "LeakyRelu" and 0 <= node.get_float("alpha", 0.01) <= 1:
        scaled = floats.binary(low, node, "mul", value, Const(np.asarray(node.get_float("alpha", 0.01), F32)))
        return [floats.binary(low, node, "max", scaled, value)]
    if node.op not in STEPS:
        return [functions.of_node(low, node, value)]
    y = low.tensor(node, "f32", value.shape)
    low.emit(ops.Unary(node.label, y.name, STEPS[node.op], value.name))
    return [y]


def _hard(low: Lowering, node: Node, x: Tensor | Const) -> Tensor:
    """min(max(alpha * x + beta, 0), 1), each step rounded, as onnxruntime does; times x for HardSwish."""
    swish = node.op == "HardSwish"
    alpha = F32(1) / F32(6) if swish else F32(node.get_float("alpha", 0.2))
    beta = F32(0.5 if swish else node.get_float("beta", 0.5))
    scaled = floats.binary(low, node, "mul", x, Const(np.asarray(alpha)))
    y = floats.clip(low, node, floats.binary(low, node, "add", scaled, Const(np.asarray(beta))), 0.0, 1.0)
    return floats.binary(low, node, "mul", x, y) if swish else y


def _limits(node: Node, args: Args) -> tuple[Any, Any]:
    arrays: list[Any] = [np.zeros(1, F32)]
    for arg in args[1:]:
        if arg is not None and not isinstance(arg, Const):
            raise node.unsupported("limits that are computed", "constant limits", "export with constants")
        arrays.append(None if arg is None else arg.array)
    return clip_limits(node, arrays)


@handles(*BINARY)
def _binary(low: Lowering, node: Node, args: Args) -> list[Value]:
    if len(args) == 1:
        return [f32(low, node, args[0])]
    a, b, *more = args
    quants = [arg for arg in (a, b) if isinstance(arg, Quant) and arg.per_tensor and arg.dtype != "s32"]
    if len(quants) == 2 and node.op in ("Add", "Mul") and low.meets_quantize(node.outputs[0]):
        return [Waiting(node, tuple(quants), floats.broadcast(node, [quants[0].shape, quants[1].shape]))]
    if not more:
        curve = _curve(low, node, args)
        if curve is not None and curve.shape == floats.broadcast(node, [v.shape for v in (a, b) if v is not None]):
            return [curve]
    y = floats.binary(low, node, BINARY[node.op], f32(low, node, a), f32(low, node, b))
    for value in more:
        y = floats.binary(low, node, BINARY[node.op], y, f32(low, node, value))
    return [y]


@handles("com.microsoft.QLinearAdd", "com.microsoft.QLinearMul")
def _qlinear_binary(low: Lowering, node: Node, args: Args) -> list[Value]:
    a, sa, za, b, sb, zb, sy, zy = (*args, None)[:8]
    left, right, target = quant(node, a, sa, za), quant(node, b, sb, zb), target_of(node, sy, zy)
    shape = floats.broadcast(node, [left.shape, right.shape])
    make = integers.add if node.op == "QLinearAdd" else integers.multiply
    return [make(low, node, left, right, target, shape)]


@handles("com.microsoft.QLinearWhere")
def _qlinear_where(low: Lowering, node: Node, args: Args) -> list[Value]:
    """Each side in the output's scale, then the choice."""
    condition, a, sa, za, b, sb, zb, sy, zy = args
    target = target_of(node, sy, zy)
    left, right = (integers.rescale(low, node, quant(node, *side), target) for side in ((a, sa, za), (b, sb, zb)))
    return [logic.select(low, node, logic.condition_of(node, condition), left, right, target.dtype)]


@handles("com.microsoft.QLinearSigmoid", "com.microsoft.QLinearLeakyRelu", attributes="alpha")
def _qlinear_unary(low: Lowering, node: Node, args: Args) -> list[Value]:
    x, sx, zx, sy, zy = (*args, None)[:5]
    value, target = quant(node, x, sx, zx), target_of(node, sy, zy)
    if not isinstance(value.q, Tensor):
        raise node.unsupported("a constant input", "an activation", "fold it")
    step = helper.make_node(
        node.op.removeprefix("QLinear"), ["table/x"], ["table/fx"], name=node.name, **node.attributes
    )
    curve = Curve(value, "table/x", "table/fx", (node_of(step, 0, {"": 17}),), {})
    return [tables.quantised(low, node, curve, target)]
