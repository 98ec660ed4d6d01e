"""Read an ONNX model from a file, bytes or a ModelProto, as a stranger's: bounded, and checked before it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError as ProtobufError

from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml.graph import Array
from zkhost.ml.read.node import Node, node_of

FIRST_OPSET, LAST_OPSET = 11, 22
OLD_OPSET, UNCHANGED = 7, frozenset("Add Cast Concat Div Identity MatMul Mul Relu Reshape Sigmoid Sub".split())
"""Converters of ai.onnx.ml models write older opsets; these operators have had no other meaning since then."""
MAX_BYTES = 512 << 20  # of a file, and of all its tensors together: more than a zkVM's memory could hold
MAX_ELEMENTS = 1 << 27  # of one tensor
MAX_NODES = 100_000


@dataclass(frozen=True)
class Port:
    """An input or output of the model: its ONNX dtype (as numpy has it), and its axes, sizes or names ("" for neither).

    `nan`: an input that may have NaN and infinities, as those of trees may. `labels`: the texts of an output whose graph
    tensor has their index.
    """

    name: str
    dtype: np.dtype[np.generic]
    axes: tuple[int | str, ...]
    nan: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """The contents of an ONNX file, with every constant in memory."""

    name: str
    opsets: Mapping[str, int]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    constants: Mapping[str, Array]
    nodes: tuple[Node, ...]


def read_onnx(source: str | os.PathLike[str] | bytes | onnx.ModelProto) -> Source:
    """Read a model. External data is taken from beside the file only.

    Raises ModelFormatError for what is no model, and UnsupportedModelError for one of another opset or with parts that
    are not taken.
    """
    return _source(*parse_onnx(source))


def parse_onnx(source: str | os.PathLike[str] | bytes | onnx.ModelProto) -> tuple[onnx.ModelProto, str, Path | None]:
    """Return the model as it is, its name, and the folder that its external data may be in. Raises ModelFormatError."""
    folder: Path | None = None
    if isinstance(source, onnx.ModelProto):
        model, name = source, source.graph.name or "model"
    elif isinstance(source, bytes):
        model, name = _parse(source, "the model"), "model"
    else:
        path = Path(source)
        if path.stat().st_size > MAX_BYTES:
            raise too_large(path)
        model, name, folder = _parse(path.read_bytes(), str(path)), path.name, path.resolve().parent
    return model, name, folder


def too_large(path: Path) -> ModelFormatError:
    """Return the error for a file of more bytes than are read."""
    return _format(f"{path} has {path.stat().st_size:,} bytes", f"a model file has at most {MAX_BYTES:,} here")


def _parse(data: bytes, what: str) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (ProtobufError, RecursionError, ValueError) as error:
        raise _format(
            f"{what} is not an ONNX model, or is cut short: {error}", "give the file the exporter wrote"
        ) from error
    if not model.HasField("graph") or not model.opset_import:
        raise _format(f"{what} holds no ONNX graph", "give the file the exporter wrote")
    return model


def _format(message: str, hint: str) -> ModelFormatError:
    return ModelFormatError(message, hint=hint)


def _source(model: onnx.ModelProto, name: str, folder: Path | None) -> Source:
    graph = model.graph
    if not all(isinstance(text, str) for text in _texts(model)):
        raise _format(f"{name} has names that are not UTF-8", "the file is damaged: export it again")
    opsets: dict[str, int] = {}
    for entry in model.opset_import:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if opsets.setdefault(domain, entry.version) != entry.version:
            raise _format(f"{name} imports two opsets of {domain or 'ai.onnx'}", "export it again")
    opset = opsets.get("", 0)
    plain = {node.op_type for node in graph.node if node.domain in ("", "ai.onnx")} <= UNCHANGED
    first = OLD_OPSET if plain and "ai.onnx.ml" in opsets else FIRST_OPSET
    if "" in opsets and not first <= opset <= LAST_OPSET:
        raise UnsupportedModelError(
            f"{name} has opset {opset}; opsets {first} to {LAST_OPSET} are taken",
            hint=f"export with opset_version={LAST_OPSET - 4}, or use onnx.version_converter",
            opset=opset,
            expected=f"opset {first} to {LAST_OPSET}",
        )
    for count, what in (
        (len(model.functions), "local functions"),
        (len(graph.sparse_initializer), "sparse initialisers"),
    ):
        if count:
            raise UnsupportedModelError(
                f"{name} has {count} {what}, which are not taken",
                hint="inline them (onnx.inliner.inline_local_functions), or export without them",
                expected=f"no {what}",
            )
    if len(graph.node) > MAX_NODES:
        raise _format(f"{name} has {len(graph.node):,} nodes", f"at most {MAX_NODES:,} are taken")
    constants = _constants(graph, folder)
    nodes = tuple(node_of(proto, place, opsets) for place, proto in enumerate(graph.node))
    inputs = tuple(_port(value) for value in graph.input if value.name not in constants)
    zipped = {name for node in nodes if node.operator == "ai.onnx.ml.ZipMap" for name in node.outputs}
    outputs = tuple(_scores(value) if value.name in zipped else _port(value) for value in graph.output)
    _unique(
        name, [*constants, *(port.name for port in inputs), *(out for node in nodes for out in node.outputs if out)]
    )
    if not outputs:
        raise _format(f"{name} has no outputs", "export it again")
    return Source(name, opsets, inputs, outputs, constants, nodes)


def _texts(model: onnx.ModelProto) -> Iterator[object]:
    """Yield every name in the file. protobuf hands over one that is not UTF-8 as bytes."""
    graph = model.graph
    yield graph.name
    yield from (entry.domain for entry in model.opset_import)
    yield from (tensor.name for tensor in graph.initializer)
    for value in (*graph.input, *graph.output):
        yield value.name
        yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _unique(name: str, names: list[str]) -> None:
    seen: set[str] = set()
    for each in names:
        if each in seen:
            raise _format(f"{name} defines the tensor {each!r} twice", "export it again: names are written once")
        seen.add(each)


def _scores(value: onnx.ValueInfoProto) -> Port:
    """Return what a ZipMap is given: it makes dictionaries by label of each row, and is taken off."""
    return Port(value.name, np.dtype(np.float32), ())


def _port(value: onnx.ValueInfoProto) -> Port:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise UnsupportedModelError(
            f"{value.name!r} is a {kind or 'value of no type'}; inputs and outputs are tensors",
            hint="export without sequences, maps and optionals",
            expected="tensor",
        )
    tensor = value.type.tensor_type
    axes = tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in tensor.shape.dim)
    if tensor.elem_type == onnx.TensorProto.STRING:
        return Port(value.name, np.dtype(np.str_), axes)
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    except (KeyError, TypeError) as error:
        raise _format(
            f"{value.name!r} has the element type {tensor.elem_type}, which ONNX lacks", "export it again"
        ) from error
    return Port(value.name, dtype, axes)


# -- constants --------------------------------------------------------------------------------------------------------


def _constants(graph: onnx.GraphProto, folder: Path | None) -> dict[str, Array]:
    found: dict[str, Array] = {}
    total = 0
    for tensor in graph.initializer:
        if tensor.name in found:
            raise _format(
                f"the initialiser {tensor.name!r} is defined twice", "export it again: names are written once"
            )
        array = constant(tensor, folder)
        total += array.nbytes
        if total > MAX_BYTES:
            raise _format(f"the initialisers have more than {MAX_BYTES:,} bytes", "use a smaller model")
        found[tensor.name] = array
    return found


def constant(tensor: onnx.TensorProto, folder: Path | None = None) -> Array:
    """Return the array of a TensorProto. Raises ModelFormatError where its data does not fit its shape."""
    name = tensor.name or "a constant"
    size = prod(tensor.dims)
    if any(dim < 0 for dim in tensor.dims) or size > MAX_ELEMENTS:
        raise _format(
            f"{name!r} has the shape {list(tensor.dims)}", f"a tensor has at most {MAX_ELEMENTS:,} elements here"
        )
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor = _external(tensor, folder)
    try:
        array = onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise _format(
            f"the data of {name!r} does not fit its shape {list(tensor.dims)}: {error}", "export it again"
        ) from error
    if tensor.data_type == onnx.TensorProto.STRING:
        return _texts_of(array, name)
    if array.dtype.kind not in "iufb":
        raise UnsupportedModelError(
            f"{name!r} has the element type {array.dtype}", hint="export without it", expected="integers or floats"
        )
    if array.dtype.kind == "f" and np.isnan(array).any() and array.size > 1:  # masks have infinities
        raise _format(f"{name!r} holds NaN", "train or export it again: a weight is a number")
    return np.ascontiguousarray(array).reshape(tuple(tensor.dims))


def _texts_of(array: Array, name: str) -> Array:
    """Return an array of strings, which labels are."""
    try:
        return np.asarray([v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in array.reshape(-1)]).reshape(
            array.shape
        )
    except UnicodeDecodeError as error:
        raise _format(f"{name!r} has strings that are not UTF-8", "export it again") from error


def _external(tensor: onnx.TensorProto, folder: Path | None) -> onnx.TensorProto:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise _format(f"{tensor.name!r} is in an external file, {location!r}", "load the model by its path")
    path = (folder / location).resolve()
    if not location or not path.is_relative_to(folder) or not path.is_file():
        raise _format(
            f"{tensor.name!r} is in the external file {location!r}, which is not a file beside the model",
            "keep the data file in the model's own folder",
        )
    item = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    needed = prod(tensor.dims) * item
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", needed))
    except ValueError as error:
        raise _format(
            f"{tensor.name!r} has an external offset or length that is no number", "export it again"
        ) from error
    if offset < 0 or length != needed or offset + length > path.stat().st_size:
        raise _format(
            f"{tensor.name!r} needs {needed:,} bytes at {offset:,} of {location!r}, which has {path.stat().st_size:,}",
            "the data file is cut short or is another model's: copy it again",
        )
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    return onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, raw_data=data)
