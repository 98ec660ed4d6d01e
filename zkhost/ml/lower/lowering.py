"""From an ONNX file to the integer graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml import ops
from zkhost.ml.graph import NUMPY, Array, DType, Graph, Tensor
from zkhost.ml.lower import (  # noqa: F401  they register their handlers
    boosters,
    choices,
    conv,
    conv_transpose,
    elementwise,
    functions,
    linear,
    logic,
    matrices,
    moves,
    norms,
    pools,
    preparation,
    reductions,
    resize,
    svm,
    trees,
)
from zkhost.ml.lower.context import HANDLERS, Lowering
from zkhost.ml.lower.floats import f32
from zkhost.ml.lower.fold import FUNCTIONS, fold
from zkhost.ml.lower.scales import target_of, to_integers
from zkhost.ml.lower.values import Const, Labels, Lazy, Quant, Sums, Value
from zkhost.ml.read.node import Node
from zkhost.ml.read.onnx_file import MAX_ELEMENTS, Port, Source

INPUTS: Mapping[str, DType] = {
    "float32": "f32",
    "uint8": "u8",
    "int8": "s8",
    "int32": "s32",
    "int64": "s32",
    "float64": "f64",
    "bool": "u8",
}
"""Input dtypes, and what the graph has for them: indices of 64 bits are taken where they fit in 32, truth values as 1 and 0."""


@dataclass(frozen=True)
class Lowered:
    """The graph, and how its inputs and outputs look from outside: the model's own names, dtypes and shapes.

    `results` pairs the graph's output tensors with the model's names for them; `places` its names for each of
    all tensors that it has names for. `weights` are the initialisers that are inputs of the graph (`graph.shared`).
    """

    graph: Graph
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    results: tuple[tuple[str, str], ...]
    places: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, Array]


def lower(
    source: Source,
    dims: Mapping[str, int] | None = None,
    outputs: Sequence[str] | None = None,
    hidden: Sequence[str] = (),
) -> Lowered:
    """Lower a model with its axes bound.

    `dims` has a size for each named axis (or `input:axis` for one without a name); the first axis of an input, the
    batch, is 1 where nothing is given. `outputs` chooses tensors of the model to compute instead of its outputs. `hidden`
    names initialisers that become inputs of the graph: it is the same for all values of theirs.
    Raises UnsupportedModelError, naming the node, for what is not taken, and ModelFormatError for what contradicts itself.
    """
    wanted = tuple(port.name for port in source.outputs) if outputs is None else tuple(outputs)
    nodes = _needed(source, wanted)
    low = Lowering(_readers(nodes, wanted))
    values: dict[str, Value | None] = {"": None, **{name: Const(array) for name, array in source.constants.items()}}
    inputs = []
    given, used = dict(dims or {}), set[str]()
    for port in source.inputs:
        bound = _bind(port, given, used)
        inputs.append(bound)
        low.tensors[port.name] = tensor = Tensor(port.name, INPUTS[bound.dtype.name], tuple(map(int, bound.axes)))
        values[port.name] = tensor
    for name in hidden:
        values[name] = low.tensors[name] = _weight(name, source.constants[name])
    if set(given) - used:
        raise ModelFormatError(
            f"{source.name} has no axis {', '.join(sorted(set(given) - used))}",
            hint=f"its axes: {', '.join(f'{p.name} {list(p.axes)}' for p in source.inputs)}",
        )
    for node in nodes:
        values.update(_lower_node(low, node, values))
    names, ports = [], []
    for name in wanted:
        tensor, port = _output(low, source, name, values)
        names.append(tensor.name)
        ports.append(port)
    graph = low.graph(source.name, tuple(port.name for port in inputs), tuple(names), tuple(hidden))
    inputs = [replace(port, nan=takes_nan(graph, port.name)) for port in inputs]
    places: dict[str, tuple[str, ...]] = {}
    for name, value in values.items():
        if isinstance(value, Tensor) and value.name in graph.tensors:
            places[value.name] = (*places.get(value.name, ()), name)
    return Lowered(
        graph,
        tuple(inputs),
        tuple(ports),
        tuple(zip(names, wanted, strict=True)),
        places,
        {name: source.constants[name] for name in graph.shared},
    )


def _weight(name: str, array: Array) -> Tensor:
    """Return an initialiser as an input."""
    if array.dtype.name not in INPUTS or array.size == 0:
        raise UnsupportedModelError(
            f"the initialiser {name!r} of {array.dtype}{list(array.shape)} cannot be an input",
            hint="hide weights alone: float32, int8, uint8 or int32",
            expected=", ".join(INPUTS),
        )
    if array.dtype == np.int64 and np.abs(array).max() > 2**31 - 1:
        raise UnsupportedModelError(f"the initialiser {name!r} has values outside int32", hint="leave it in the image")
    return Tensor(name, INPUTS[array.dtype.name], array.shape)


def takes_nan(graph: Graph, name: str) -> bool:
    """Return whether an input may hold NaN and infinities: where nothing but trees reads it, as it is or moved."""
    for op in graph.readers().get(name, []):
        if isinstance(op, ops.Reshape | ops.Move):
            if not takes_nan(graph, op.y):
                return False
        elif not isinstance(op, ops.Trees):
            return False
    return name not in graph.outputs


def _needed(source: Source, wanted: Sequence[str]) -> tuple[Node, ...]:
    """Return the nodes that the wanted tensors need, in the file's order."""
    known = {name for node in source.nodes for name in node.outputs if name}
    missing = [name for name in wanted if name not in known and name not in {port.name for port in source.inputs}]
    if missing or not wanted:
        named = [*(port.name for port in source.outputs), *sorted(name for name in known if name.endswith(".raw"))]
        raise ModelFormatError(
            f"{source.name} computes no tensor {', '.join(map(repr, missing)) or 'at all'}",
            hint=f"its outputs: {', '.join(dict.fromkeys(named))}",
        )
    needed, kept = set(wanted), []
    for node in reversed(source.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    return tuple(reversed(kept))


def _readers(nodes: Sequence[Node], wanted: Sequence[str]) -> dict[str, list[Node | None]]:
    readers: dict[str, list[Node | None]] = {name: [None] for name in wanted}
    for node in nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    return readers


def _bind(port: Port, dims: Mapping[str, int], used: set[str]) -> Port:
    """Return the input with every axis a size; adds the names it found in `dims` to `used`."""
    if port.dtype.name not in INPUTS:
        raise UnsupportedModelError(
            f"input {port.name!r} has the dtype {port.dtype}; expected one of {', '.join(INPUTS)}",
            hint="export with float32 or 8-bit inputs",
            expected=", ".join(INPUTS),
        )
    sizes = []
    for place, axis in enumerate(port.axes):
        size = axis
        for key in (axis, f"{port.name}:{place}"):
            if isinstance(key, str) and key and key in dims:
                size = dims[key]
                used.add(key)
        if isinstance(size, str):
            if place != 0:
                raise UnsupportedModelError(
                    f"axis {place} of input {port.name!r} has no size ({axis or 'unnamed'})",
                    hint=f"bind it: dims={{{(axis or f'{port.name}:{place}')!r}: 64}}",
                    expected="a size for every axis but the batch",
                )
            size = 1
        sizes.append(size)
    if any(size < 1 for size in sizes) or int(np.prod(sizes, dtype=object)) > MAX_ELEMENTS:
        raise ModelFormatError(
            f"input {port.name!r} has the shape {sizes}", hint=f"sizes of 1 or more, at most {MAX_ELEMENTS:,} elements"
        )
    return Port(port.name, port.dtype, tuple(sizes))


def _lower_node(low: Lowering, node: Node, values: Mapping[str, Value | None]) -> dict[str, Value]:
    unknown = [name for name in node.inputs if name not in values]
    if unknown:
        raise node.invalid(f"an input {unknown[0]!r} that nothing before it computes", "nodes in order, without cycles")
    if node.operator not in HANDLERS and node.operator not in FUNCTIONS:
        raise _unknown(node)
    args = [values[name] for name in node.inputs]
    results = _fold(node, args)
    if results is None:
        handler, known = HANDLERS.get(node.operator, (None, frozenset()))
        if handler is None:
            raise node.unsupported(
                "inputs that the model computes from its input", "constants", "bind dynamic axes with dims=..., or export with fixed shapes"
            )  # fmt: skip
        foreign = sorted(set(node.attributes) - known)
        if foreign:
            raise node.unsupported(
                f"the attribute {foreign[0]!r}", f"{', '.join(sorted(known)) or 'no attributes'}", "export without it"
            )
        try:
            results = list(handler(low, node, args))
        except (ValueError, IndexError, TypeError, AttributeError, OverflowError, AssertionError) as error:
            raise node.invalid(f"inputs it cannot take ({error})", "inputs that fit the operator") from error
    return {
        name: _propagated(low, name, value, values) for name, value in zip(node.outputs, results, strict=False) if name
    }


def _propagated(low: Lowering, name: str, value: Value, values: Mapping[str, Value | None]) -> Value:
    """Return what waits for a QuantizeLinear that is behind moves in that scale at once, as onnxruntime has it."""
    q = low.quantiser(name) if isinstance(value, (Sums, Lazy)) else None
    if q is None or q.inputs[0] == name:
        return value
    scale, zero = (values.get(each) for each in (*q.inputs[1:], "")[:2])
    if not isinstance(scale, Const) or scale.array.size != 1 or not (zero is None or isinstance(zero, Const)):
        return value
    target = target_of(q, scale, zero)
    array = np.asarray(target.zero, NUMPY[target.dtype]).reshape(1)
    return Quant(to_integers(low, q, value, target), target.scale.reshape(1), array, 0)


def _fold(node: Node, args: Sequence[Value | None]) -> list[Value] | None:
    """Return what the node makes of constants, or of shapes alone."""
    if node.operator in ("Shape", "Size") and args[0] is not None:
        found = fold(node, [np.broadcast_to(np.int8(0), args[0].shape)])
    elif all(arg is None or isinstance(arg, Const) for arg in args):
        found = fold(
            node, [None if arg is None else arg.array for arg in args if arg is None or isinstance(arg, Const)]
        )
    elif isinstance(args[0], Quant) and isinstance(args[0].q, Const):
        return _fold_quantised(node, args[0], args[0].q, args[1:])
    else:
        return None
    return None if found is None else [Const(array) for array in found]


MOVES = frozenset("Flatten Gather Identity Reshape Slice Squeeze Transpose Unsqueeze".split())


def _fold_quantised(node: Node, value: Quant, q: Const, rest: Sequence[Value | None]) -> list[Value] | None:
    """Return a move of quantised constants, such as the Transpose of a weight after its DequantizeLinear."""
    arrays = [arg.array for arg in rest if isinstance(arg, Const)]
    if node.operator not in MOVES or len(arrays) != len(rest) or not (value.per_tensor or node.operator == "Transpose"):
        return None
    (moved,) = fold(node, [q.array, *arrays]) or (None,)
    if moved is None:
        return None
    order = node.get_ints("perm", list(range(q.array.ndim))[::-1])
    axis = 0 if value.per_tensor else order.index(value.axis)
    return [Quant(Const(moved), value.scale, value.zero, axis)]


INSTEAD = {
    **dict.fromkeys(
        ("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM"),
        "write the cell as a loop over the steps with Linear, sigmoid and tanh, so that the exporter unrolls it; or use convolutions over time",
    ),
    "Einsum": "write it as matmul with permute and reshape",
    "If": "control flow is not taken: export with dynamo=True, or with fixed shapes and constants folded (onnxsim); or the branch alone",
}
"""What to do about operators that models often have."""


def _unknown(node: Node) -> UnsupportedModelError:
    domain = node.domain or "ai.onnx"
    subgraph = any(not isinstance(v, (int, float, str, list)) and hasattr(v, "node") for v in node.attributes.values())
    hint = INSTEAD.get(node.op) or (
        "control flow is not taken: export the branch or the unrolled loop"
        if subgraph
        else "choose outputs before this node with outputs=[...], or express it with operators that are on the documentation's page of operators"
    )
    return node.unsupported(
        "the operator is not taken",
        f"an operator that the documentation's page of operators lists (domain {domain})",
        hint,
    )


def _output(low: Lowering, source: Source, name: str, values: Mapping[str, Value | None]) -> tuple[Tensor, Port]:
    value = values.get(name)
    last = next((node for node in source.nodes if name in node.outputs), None)
    if last is None or value is None:
        raise ModelFormatError(f"the output {name!r} is an input", hint="choose a tensor that the model computes")
    texts = value.texts if isinstance(value, Labels) else ()
    if isinstance(value, Labels):
        value = value.index
    tensor = value if isinstance(value, (Tensor, Const)) else f32(low, last, value)
    if isinstance(tensor, Const):
        raise ModelFormatError(f"the output {name!r} does not depend on the input", hint="choose another output")
    if not any(tensor.name in op.writes() for op in low.emitted):  # an input, passed on
        written = low.tensor(last, tensor.dtype, tensor.shape)
        low.emit(ops.Reshape(last.label, written.name, tensor.name))
        tensor = written
    declared = next((port for port in source.outputs if port.name == name), None)
    if texts:
        return tensor, Port(name, np.dtype(np.str_), tensor.shape, labels=texts)
    dtype = declared.dtype if declared is not None else np.dtype(_OUTSIDE[tensor.dtype])
    if INPUTS.get(dtype.name) != tensor.dtype:
        dtype = np.dtype(_OUTSIDE[tensor.dtype])
    return tensor, Port(name, dtype, tensor.shape)


_OUTSIDE: Mapping[DType, str] = {"f32": "float32", "u8": "uint8", "s8": "int8", "s32": "int32", "f64": "float64"}
