"""Small ONNX models made in tests, and onnxruntime's answer to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from zkhost.ml import _native, guest_input
from zkhost.ml.compile import compile_graph
from zkhost.ml.lower.lowering import Lowered, lower
from zkhost.ml.read.onnx_file import read_onnx
from zkhost.ml.reference import run

Node = onnx.NodeProto
node = helper.make_node


def model(
    nodes: Sequence[Node],
    inputs: Mapping[str, tuple[str, Sequence[int | str]]],
    outputs: Mapping[str, tuple[str, Sequence[int | str] | None]],
    constants: Mapping[str, Any] | None = None,
    opset: int = 17,
) -> onnx.ModelProto:
    """A model; inputs and outputs by name, with numpy dtype and shape."""

    def ports(values: Mapping[str, Any]) -> list[onnx.ValueInfoProto]:
        kind = helper.np_dtype_to_tensor_dtype
        return [helper.make_tensor_value_info(name, kind(np.dtype(d)), shape) for name, (d, shape) in values.items()]

    graph = helper.make_graph(
        list(nodes),
        "test",
        ports(inputs),
        ports(outputs),
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    found = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    )
    found.ir_version = 8
    return found


def onnxruntime_run(found: onnx.ModelProto, inputs: Mapping[str, Any]) -> list[Any]:
    """The reference: CPU provider, one thread, all optimisations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(found.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(inputs)))


def ours(found: onnx.ModelProto | Lowered, inputs: Mapping[str, Any]) -> list[Any]:
    """Our outputs, in the model's own shapes: the reference interpreter's, and the same bytes from the guest's kernels, with
    and without the accelerator."""
    lowered = found if isinstance(found, Lowered) else lower(read_onnx(found))
    graph = lowered.graph
    values = run(graph, inputs)
    expected = tuple(values[name].tobytes() for name in graph.outputs)
    for accelerate in (True, False):
        plan = compile_graph(graph, accelerate=accelerate).plan
        assert _native.compute(plan, guest_input.inference(graph, {}, {}, [inputs], {})).outputs == expected, (
            f"accelerate={accelerate}"
        )
    return [values[name] for name in graph.outputs]


def q(name: str, out: str) -> Node:
    """QuantizeLinear with the constants NAME_s and NAME_z."""
    return node("QuantizeLinear", [name, f"{out}_s", f"{out}_z"], [out], name=f"q/{out}")


def dq(name: str, out: str) -> Node:
    """DequantizeLinear with the constants of NAME."""
    return node("DequantizeLinear", [name, f"{name}_s", f"{name}_z"], [out], name=f"dq/{out}")
