"""The graph under construction: what handlers of operators emit into, and how values become tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from zkhost.ml import ops
from zkhost.ml.graph import Array, DType, Graph, Tensor, dtype_of
from zkhost.ml.lower.values import Const, Quant, Value
from zkhost.ml.read.node import Node
from zkhost.ml.read.onnx_file import MAX_ELEMENTS

Handler = Callable[["Lowering", Node, Sequence[Value | None]], Sequence[Value]]
H = TypeVar("H", bound=Handler)

PROPAGATES = frozenset("Dropout Identity MaxPool Reshape Slice Squeeze Transpose Unsqueeze".split())
"""Operators through which onnxruntime propagates a QuantizeLinear backwards, and those that it takes out."""

HANDLERS: dict[str, tuple[Handler, frozenset[str]]] = {}
"""By operator, with its domain where that is not ONNX's own: what lowers it, and the attributes that are understood."""


def handles(*operators: str, attributes: str = "") -> Callable[[H], H]:
    """Register a handler; `attributes` are the names it understands, and a node with another is refused."""

    def add(handler: H) -> H:
        for operator in operators:
            HANDLERS[operator] = handler, frozenset(attributes.split())
        return handler

    return add


@dataclass
class Lowering:
    """Operations so far. `readers` has, for every name of the ONNX graph, the nodes that read it (None where it is an output
    of the graph)."""

    readers: dict[str, list[Node | None]]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    emitted: list[ops.Op] = field(default_factory=list)
    _count: int = 0

    # -- emitting -----------------------------------------------------------------------------------------------------

    def tensor(self, node: Node, dtype: DType, shape: Sequence[int], name: str = "") -> Tensor:
        """Return a new tensor that an operation is about to write."""
        shape = tuple(int(size) for size in shape)
        size = int(np.prod(shape, dtype=object)) if shape else 1
        if any(s <= 0 for s in shape) or size > MAX_ELEMENTS:
            raise node.invalid(f"a tensor of shape {list(shape)}", f"positive sizes, at most {MAX_ELEMENTS:,} elements")
        base = name or (node.outputs[0] if node.outputs else node.name)
        if name == "" or name in self.tensors:
            self._count += 1
            base = f"{base}#{self._count}"
        tensor = Tensor(base, dtype, shape)
        self.tensors[base] = tensor
        return tensor

    def emit(self, op: ops.Op) -> None:
        self.emitted.append(op)

    def constant(self, array: Array) -> str:
        """Return the name of a constant with these values; equal ones share a name."""
        array = np.ascontiguousarray(array).reshape(array.shape)
        for name, known in self.constants.items():
            if known.dtype == array.dtype and known.shape == array.shape and known.tobytes() == array.tobytes():
                return name
        name = f"constant#{len(self.constants)}"
        self.constants[name] = array
        return name

    def name(self, value: Tensor | Const) -> str:
        """Return a tensor's name, or that of a constant with the value."""
        return value.name if isinstance(value, Tensor) else self.constant(value.array)

    # -- values -------------------------------------------------------------------------------------------------------

    def quantiser(self, name: str, between: Collection[str] = ()) -> Node | None:
        """Return the only QuantizeLinear that reads a name, at once or behind moves, by which onnxruntime propagates it
        (qdq_propagation.cc); or behind operators `between`. None where something else reads what is on the way."""
        readers = self.readers.get(name, [])
        reader = readers[0] if len(readers) == 1 else None
        if reader is None or reader.op == "QuantizeLinear":
            return reader
        if reader.op in PROPAGATES or reader.op in between:
            return self.quantiser(reader.outputs[0], between) if reader.inputs[0] == name else None
        return None

    def meets_quantize(self, name: str) -> bool:
        """Return whether a QuantizeLinear is the only reader of a name: what onnxruntime asks before it fuses."""
        return self.quantiser(name) is not None

    def leads_to_quantize(self, name: str) -> bool:
        """Return whether nothing but moves, Relu and Clip nodes lies between a name and its only QuantizeLinear."""
        return self.quantiser(name, ("Relu", "Clip")) is not None

    def integers(self, node: Node, value: Value | None) -> Array:
        """Return the ints of a constant. Raises UnsupportedModelError where it is computed from the input."""
        if isinstance(value, Const) and value.array.dtype.kind in "iu":
            return value.array
        raise node.unsupported(
            "a shape, axis or index list that the model computes from its input",
            "one that is known when the model is loaded",
            "bind dynamic axes with dims=..., or export with fixed shapes",
        )

    def copy(self, node: Node, value: Tensor | Const, shape: tuple[int, ...] | None = None) -> Tensor:
        """Return a tensor with the value broadcast to `shape`; the value itself where it is such a tensor."""
        target = value.shape if shape is None else shape
        if isinstance(value, Tensor) and value.shape == target:
            return value
        dtype = value.dtype if isinstance(value, Tensor) else dtype_of(value.array)
        y = self.tensor(node, dtype, target)
        strides = broadcast_strides(value.shape, target)
        self.emit(
            ops.Move(node.label, y.name, 0, (ops.Copy(self.name(value), 0, strides, (0,) * len(target), target),))
        )
        return y

    def graph(
        self, name: str, inputs: tuple[str, ...], outputs: tuple[str, ...], shared: tuple[str, ...] = ()
    ) -> Graph:
        """Return the graph, without operations, constants and shared inputs that no output needs."""
        needed, kept = set(outputs), []
        for op in reversed(self.emitted):
            if needed.intersection(op.writes()):
                kept.append(op)
                needed.update(op.reads())
        kept.reverse()
        written = {out for op in kept for out in op.writes()}
        tensors = {k: v for k, v in self.tensors.items() if k in written or k in inputs}
        constants = {k: v for k, v in self.constants.items() if k in needed}
        shared = tuple(each for each in shared if each in needed)
        tensors |= {each: self.tensors[each] for each in shared}
        return Graph(name, (*inputs, *shared), outputs, tensors, constants, tuple(kept), shared)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a dense tensor, in elements."""
    return tuple(int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape)))


def broadcast_strides(shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """Strides that read a dense tensor of `shape` as one of `target`: 0 where an axis repeats."""
    lead = len(target) - len(shape)
    strides = row_major(shape)
    return tuple(0 if i < lead or shape[i - lead] == 1 else strides[i - lead] for i in range(len(target)))


def dequantised(value: Quant) -> Any:
    """Return the f32 array of a constant Quant."""
    assert isinstance(value.q, Const)
    q = value.q.array
    zero, scale = along(value.zero, value.axis, q.ndim), along(value.scale, value.axis, q.ndim)
    return (q.astype(np.int64) - zero.astype(np.int64)).astype(np.float32) * scale


def along(values: Array, axis: int, rank: int) -> Any:
    """Return one value, or one for each index of an axis, shaped to broadcast over an array of that rank."""
    if values.size == 1:
        return values.reshape(())
    return values.reshape([-1 if i == axis % rank else 1 for i in range(rank)])


def one(node: Node, value: Value | None, what: str) -> Array:
    """Return a constant with one element. Raises UnsupportedModelError for another."""
    if isinstance(value, Const) and value.array.size == 1:
        return value.array.reshape(())
    raise node.unsupported(f"a {what} that is not one constant", "one constant value", "quantise per tensor here")
