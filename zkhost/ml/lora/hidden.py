"""A model with an adapter beside it: the base in the image, A and B as inputs that only the prover knows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from zkhost.errors import ConfigError, ModelFormatError, UnsupportedModelError
from zkhost.ml.graph import Mode
from zkhost.ml.loader import load as load_model
from zkhost.ml.lora.adapter import Adapter, LoraModule
from zkhost.ml.lora.merging import PLACES, Place
from zkhost.ml.model import Model
from zkhost.ml.read.onnx_file import parse_onnx

_THROUGH = ("DequantizeLinear", "Transpose", "Identity")
_PRODUCTS = ("Gemm", "MatMul")


def load(
    base: str | os.PathLike[str] | bytes | onnx.ModelProto,
    adapter: Adapter,
    *,
    adapter_in: Place = "hashed",
    weights: Mapping[str, str] | None = None,
    input: Mode | Mapping[str, Mode] = "public",
    **options: Any,
) -> Model:
    """Load an ONNX model with an adapter: each adapted layer becomes y = base(x) + scaling * (B (A x)).

    The base lies in the image, so the image ID is that of base, shapes and scalings, whatever values the adapter has; what
    it has, the journal commits to by a digest. Layers are Linear ones in f32 or in QDQ form; what the adapter adds is f32, by the rules
    of MatMulF and Binary. The result is the unmerged model's, whose last bits are not those of the merged one.

    Args:
        base: The file, its bytes, or a ModelProto.
        adapter: What `read` returned; its `outline` where it is only verified.
        adapter_in: What the journal shows of A and B (`fc1.lora_A`, ...): their SHA-256 with a salt (hashed), all (public),
            nothing (private); or `image`, where they are as public as the base.
        weights: For modules whose weight has another name in the file: the initialiser's name. PyTorch's exporters keep names,
            but of a Linear without bias.
        input: As of `zkhost.ml.load`, of the model's own inputs.
        options: All others of `zkhost.ml.load`: `salts`, `output`, `max_float_cycles`, ...

    Raises:
        UnsupportedModelError: An adapted layer that is no Linear one, or in a form without DequantizeLinear.
        ModelFormatError: No initialiser has the module's name, several have, or its shape does not fit.
        ConfigError: An option that does not fit.
    """
    if adapter_in not in PLACES:
        raise ConfigError(f"adapter_in={adapter_in!r}", hint=f"one of {', '.join(PLACES)}")
    parsed, name, folder = parse_onnx(base)
    if folder is not None and any(t.data_location == onnx.TensorProto.EXTERNAL for t in parsed.graph.initializer):
        raise UnsupportedModelError(
            f"{name} has external data", hint="save it in one file (onnx.save)", expected="one file"
        )
    model = onnx.ModelProto()
    model.CopyFrom(parsed)
    own = [port.name for port in model.graph.input if port.name not in {t.name for t in model.graph.initializer}]
    known = dict(weights or {})
    for module in known:
        adapter.module(module)
    added = [tensor for module in adapter.modules for tensor in _adapted(model.graph, module, known.get(module.name))]
    modes: dict[str, Mode] = dict.fromkeys(own, input) if isinstance(input, str) else dict(input)
    if adapter_in == "image":
        return load_model(model, input=modes, **options)
    return load_model(model, input={**modes, **dict.fromkeys(added, adapter_in)}, hidden=added, **options)


@dataclass(frozen=True)
class _Layer:
    """A layer of the graph: the node of its product, its weight's initialiser, and whether that is (outputs, inputs)."""

    node: onnx.NodeProto
    weight: onnx.TensorProto
    turned: bool


def _adapted(graph: onnx.GraphProto, module: LoraModule, weight: str | None) -> list[str]:
    """Adapt a module's layer in the graph. Returns the initialisers that are the adapter's."""
    if module.kind != "linear" or len(module.enable) != 1:
        raise UnsupportedModelError(
            f"{module.name!r} adapts {'groups of outputs' if len(module.enable) != 1 else f'a {module.kind}'}; expected a Linear layer",
            hint="merge the adapter (zkhost.ml.lora.merge), and prove the merged model",
            expected="a Linear layer",
        )
    layer = _layer(graph, module, weight)
    outputs, inputs = len(module.b), module.a.shape[1]
    expected = [outputs, inputs] if layer.turned else [inputs, outputs]
    if list(layer.weight.dims) != expected:
        raise ModelFormatError(
            f"{layer.weight.name!r} has the shape {list(layer.weight.dims)}, and the adapter's A {list(module.a.shape)} and B "
            f"{list(module.b.shape)} are for {expected}",
            hint="the adapter is another model's, or stored for weights in the other order",
        )
    node = layer.node
    x, y = node.input[0], node.output[0]
    a, b, scaling = f"{module.name}.lora_A", f"{module.name}.lora_B", f"{module.name}.lora_scaling"
    for name, array in ((a, module.a), (b, module.b), (scaling, np.float32(module.scaling()))):
        graph.initializer.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
    node.output[0] = f"{y}/base"
    steps = [
        helper.make_node("Transpose", [a], [f"{a}/T"], name=f"{a}/Transpose", perm=[1, 0]),
        helper.make_node("Transpose", [b], [f"{b}/T"], name=f"{b}/Transpose", perm=[1, 0]),
        helper.make_node("MatMul", [x, f"{a}/T"], [f"{a}/y"], name=f"{a}/MatMul"),
        helper.make_node("MatMul", [f"{a}/y", f"{b}/T"], [f"{b}/y"], name=f"{b}/MatMul"),
        helper.make_node("Mul", [f"{b}/y", scaling], [f"{scaling}/y"], name=f"{scaling}/Mul"),
        helper.make_node("Add", [node.output[0], f"{scaling}/y"], [y], name=f"{module.name}.lora/Add"),
    ]
    place = next(at for at, each in enumerate(graph.node) if each.output[:1] == node.output[:1]) + 1
    for at, step in enumerate(steps):
        graph.node.insert(place + at, step)
    return [a, b]


def _layer(graph: onnx.GraphProto, module: LoraModule, weight: str | None) -> _Layer:
    found = _initialiser(graph, module, weight)
    value, turned = found.name, False
    while True:
        readers = [node for node in graph.node if value in node.input]
        if len(readers) != 1:
            raise ModelFormatError(
                f"{found.name!r} is read by {len(readers)} nodes; expected one layer",
                hint="a weight that layers share is not adapted: merge the adapter instead",
            )
        (node,) = readers
        if node.op_type not in _THROUGH or node.domain not in ("", "ai.onnx"):
            break
        turned ^= node.op_type == "Transpose"
        value = node.output[0]
    if node.op_type not in _PRODUCTS or list(node.input).index(value) != 1:
        raise UnsupportedModelError(
            f"{found.name!r} is read by {node.name or node.op_type} ({node.op_type}); expected Gemm or MatMul, in f32 or between "
            "DequantizeLinear and QuantizeLinear",
            hint="quantise to QDQ form (zkhost ml quantize --form qdq), or merge the adapter first",
            node=node.name, operator=node.op_type, expected="Gemm or MatMul",
        )  # fmt: skip
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if attributes.get("transA") or attributes.get("alpha", 1.0) != 1.0:
        raise UnsupportedModelError(
            f"{node.name!r} has transA or an alpha", hint="export a Linear layer", node=node.name, operator=node.op_type
        )
    return _Layer(node, found, turned ^ bool(attributes.get("transB")))


def _initialiser(graph: onnx.GraphProto, module: LoraModule, weight: str | None) -> onnx.TensorProto:
    """Return the weight of a module: by its whole name, or as the one whose name ends so."""
    wanted = weight or f"{module.name}.weight"
    matrices = [tensor for tensor in graph.initializer if len(tensor.dims) == 2]
    names = (wanted, f"{wanted}_quantized")
    exact: list[onnx.TensorProto] = [tensor for tensor in matrices if tensor.name in names]
    ends = [tensor for tensor in matrices if tensor.name.endswith(tuple(f".{name}" for name in names))]
    found = exact or ([] if weight else ends)
    if len(found) != 1:
        raise ModelFormatError(
            f"the model has {'several weights' if found else 'no weight'} named {wanted!r}"
            + (f": {', '.join(_shown(found))}" if found else ""),
            hint=f"say which with weights={{{module.name!r}: ...}}; matrices: {', '.join(_shown(matrices)) or 'none'}",
        )
    return found[0]


def _shown(tensors: Sequence[onnx.TensorProto]) -> list[str]:
    return [f"{tensor.name} {list(tensor.dims)}" for tensor in tensors[:20]]
