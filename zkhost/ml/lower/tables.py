"""Functions of one quantised tensor as tables of 256 entries.

Where every step is exact in f32 numpy computes them; otherwise onnxruntime does, from the very nodes of the model, so
that a table is what onnxruntime would have computed for that element.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from zkhost.errors import UnsupportedModelError
from zkhost.ml import ops
from zkhost.ml.graph import LIMITS, NUMPY, DType, Tensor
from zkhost.ml.lower.context import Lowering
from zkhost.ml.lower.fold import fold
from zkhost.ml.lower.output_scale import Target
from zkhost.ml.lower.values import Curve
from zkhost.ml.read.node import Node

EXACT = frozenset("Abs Add Ceil Clip Div Floor Identity Max Min Mul Neg Reciprocal Relu Round Sqrt Sub".split())
"""Operators whose f32 result is the same on every machine."""


def as_f32(low: Lowering, node: Node, curve: Curve) -> Tensor:
    """Return the curve's values, looked up in a table of f32."""
    return _emit(low, node, curve, None)


def quantised(low: Lowering, node: Node, curve: Curve, target: Target) -> Tensor:
    """Return the curve's values quantised, looked up in a table of bytes."""
    return _emit(low, node, curve, target)


def _emit(low: Lowering, node: Node, curve: Curve, target: Target | None) -> Tensor:
    q = curve.root.q
    assert isinstance(q, Tensor)
    if all(each.operator in EXACT for each in curve.nodes):
        table = _exact(curve)
        if target is not None:
            table = target.quantise(table)
    else:
        table = _by_onnxruntime(node, curve, target)
    dtype: DType = "f32" if target is None else target.dtype
    y = low.tensor(node, dtype, curve.shape)
    label = curve.nodes[-1].label if curve.nodes else node.label
    low.emit(ops.Table(label, y.name, q.name, low.constant(table.astype(NUMPY[dtype]))))
    return y


def _domain(curve: Curve) -> Any:
    low, high = LIMITS[curve.root.dtype]
    return np.arange(low, high + 1, dtype=np.int32).astype(NUMPY[curve.root.dtype])


def _exact(curve: Curve) -> Any:
    root = curve.root
    x = (_domain(curve).astype(np.int32) - np.int32(root.zero.reshape(()))).astype(np.float32)
    values: dict[str, Any] = {**curve.constants, "": None, curve.start: x * np.float32(root.scale.reshape(()))}
    for node in curve.nodes:
        args = [
            value if value is None or value.size > 1 else value.reshape(()) for value in map(values.get, node.inputs)
        ]
        found = fold(node, args)
        assert found is not None
        values[node.outputs[0]] = np.broadcast_to(found[0], x.shape)
    return np.asarray(values[curve.end], np.float32)


def _by_onnxruntime(node: Node, curve: Curve, target: Target | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        steps = ", ".join(each.operator for each in curve.nodes)
        raise UnsupportedModelError(
            f"node {curve.nodes[0].name!r}: the table of {steps} is made with onnxruntime, which is not installed",
            hint="pip install onnxruntime (needed only where the model is compiled, not where proofs are verified by ID)",
            node=curve.nodes[0].name,
            operator=curve.nodes[0].operator,
            opset=curve.nodes[0].opset,
            expected="onnxruntime",
        ) from error
    root = curve.root
    arrays = {
        **{name: value if value.size > 1 else value.reshape(()) for name, value in curve.constants.items()},
        "table/sx": np.asarray(root.scale, np.float32).reshape(()),
        "table/zx": np.asarray(root.zero).reshape(()).astype(NUMPY[root.dtype]),
    }
    nodes = [helper.make_node("DequantizeLinear", ["table/q", "table/sx", "table/zx"], [curve.start])]
    nodes += [each.proto for each in curve.nodes]
    end, dtype = curve.end, "f32"
    if target is not None:
        arrays["table/sy"] = np.asarray(target.scale, np.float32)
        arrays["table/zy"] = np.asarray(target.zero).astype(NUMPY[target.dtype])
        nodes.append(helper.make_node("QuantizeLinear", [end, "table/sy", "table/zy"], ["table/y"]))
        end, dtype = "table/y", target.dtype
    kind = helper.np_dtype_to_tensor_dtype
    graph = helper.make_graph(
        nodes,
        "table",
        [helper.make_tensor_value_info("table/q", kind(NUMPY[root.dtype]), [256])],
        [helper.make_tensor_value_info(end, kind(NUMPY[dtype]), [256])],  # type: ignore[index]
        [numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )
    opsets = {each.domain: each.opset for each in curve.nodes if each.opset}
    opsets.setdefault("", 17)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(k, v) for k, v in sorted(opsets.items())])
    model.ir_version = min(model.ir_version, 10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        (table,) = session.run(None, {"table/q": _domain(curve)})
    except Exception as error:
        raise node.unsupported(
            f"onnxruntime cannot compute it ({error})", "an operator onnxruntime runs", "export again"
        ) from error
    return table
