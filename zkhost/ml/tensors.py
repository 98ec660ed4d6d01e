"""What a model takes and returns, seen from outside: arrays to bytes and back, and the digests of hashed ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

from zkhost.errors import DecodeError, ModelInputError
from zkhost.ml.graph import NUMPY, Array, Graph, Tensor
from zkhost.ml.read.onnx_file import Port

OutputMode = Literal["all", "argmax", "topk", "threshold", "hashed"]

SALT_BYTES = 32


@dataclass(frozen=True)
class Batch:
    """Many inputs for one proof: wherever a model takes an input it takes this.

    `samples` is an array with the samples on its first axis, a mapping with such an array for each input, or a sequence of
    inputs. Weights are paged in, and proved to be the model's, once for all of them.

        proof = model.prove(ml.Batch(images))  # proof.outputs["logits"] has the shape (len(images), 10)
    """

    samples: Any


def named(ports: Sequence[Port], value: Any) -> dict[str, Array]:
    """Return the arrays of a model's inputs, by name, checked; `value` is one array, or a mapping with an array for each name.

    An array has the input's own dtype and shape; an axis of size 1 in front (the batch) may be left out.
    Raises ModelInputError, naming the input.
    """
    if isinstance(value, Mapping):
        given = dict(value)
    elif len(ports) == 1:
        given = {ports[0].name: value}
    else:
        names = ", ".join(repr(port.name) for port in ports)
        raise ModelInputError(f"the model has {len(ports)} inputs", hint=f"give a dict with {names}", expected=names)
    unknown = sorted(set(given) - {port.name for port in ports})
    missing = [port.name for port in ports if port.name not in given]
    if unknown or missing:
        wrong = f"no input {unknown[0]!r}" if unknown else f"nothing for the input {missing[0]!r}"
        names = ", ".join(repr(port.name) for port in ports)
        raise ModelInputError(f"there is {wrong}", hint=f"the model's inputs are {names}", expected=names)
    return {port.name: _fitting(port, np.asarray(given[port.name])) for port in ports}


def _fitting(port: Port, array: Array) -> Array:
    shape = tuple(int(axis) for axis in port.axes)
    expected = f"{port.dtype}{list(shape)}"
    found = f"{array.dtype}{list(array.shape)}"
    if array.dtype != port.dtype:
        raise ModelInputError(
            f"input {port.name!r}: expected {expected} but got {found}",
            hint=f"convert it yourself, so that you know what is proved: x.astype(np.{port.dtype})",
            expected=expected,
        )
    if array.shape != shape and not (shape[:1] == (1,) and array.shape == shape[1:]):
        raise ModelInputError(
            f"input {port.name!r}: expected {expected} but got {found}",
            hint="reshape it, or load the model with other dims",
            expected=expected,
        )
    if array.dtype.kind == "f" and not port.nan and not np.isfinite(array).all():
        raise ModelInputError(
            f"input {port.name!r} has a NaN or infinity", hint="give finite numbers", expected=expected
        )
    if array.dtype == np.int64 and array.size and (array.max() > 2**31 - 1 or array.min() < -(2**31)):
        raise ModelInputError(
            f"input {port.name!r} has values outside int32",
            hint="indices of at most 32 bits are taken",
            expected=expected,
        )
    return np.ascontiguousarray(array).reshape(shape)


def graph_inputs(graph: Graph, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the same in the graph's dtypes."""
    return {name: array.astype(NUMPY[graph.tensors[name].dtype]) for name, array in arrays.items()}


def to_bytes(array: Array) -> bytes:
    """Return a tensor as the guest reads and commits it: little-endian, row-major, filled up with zeros to whole words."""
    return padded(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())


def padded(data: bytes) -> bytes:
    """With zeros up to a whole word."""
    return data + bytes(-len(data) % 4)


def tensor_digest(arrays: Array | Iterable[Array], salt: bytes) -> bytes:
    """Return what a journal has of a hashed tensor: SHA-256 of 32 bytes of salt and the tensor, of all samples of a batch in order.

    The same for inputs and outputs, so that one proof's output is seen to be another's input. int64 counts as int32, bool as
    uint8, as models have them.
    """
    hasher = hashlib.sha256(salt)
    for array in [arrays] if isinstance(arrays, np.ndarray) else arrays:
        if array.dtype == np.int64:
            array = array.astype(np.int32)
        hasher.update(to_bytes(array.astype(np.uint8) if array.dtype == np.bool_ else array))
    return hasher.digest()


def array_of(data: bytes, tensor: Tensor, port: Port, count: int) -> Array:
    """Return a tensor's bytes, of `count` samples one after the other, in the port's dtype, the samples on its first axis.

    Raises DecodeError for padding that is not zero.
    """
    size = len(padded(bytes(tensor.nbytes)))
    rows = np.frombuffer(data, np.uint8).reshape(count, size)
    if rows[:, tensor.nbytes :].any():
        raise DecodeError(
            f"the padding of {port.name!r} is not zero", path=port.name, offset=0, expected="0", found="not 0"
        )
    raw = np.ascontiguousarray(rows[:, : tensor.nbytes]).tobytes()
    array = np.frombuffer(raw, NUMPY[tensor.dtype].newbyteorder("<")).reshape(batch_shape(port, count))
    return _labels(port, array) if port.labels else array.astype(port.dtype)


def output_arrays(graph: Graph, ports: Sequence[Port], data: Sequence[bytes]) -> dict[str, Array]:
    """Return the outputs of samples, one after the other, by the ports' names, the samples on their first axis."""
    found = {}
    for place, (name, port) in enumerate(zip(graph.outputs, ports, strict=True)):
        rows = [padded(each) for each in data[place :: len(ports)]]
        found[port.name] = array_of(b"".join(rows), graph.tensors[name], port, len(rows))
    return found


def batch_shape(port: Port, count: int) -> tuple[int, ...]:
    """Return the shape of so many samples: a batch axis of 1 becomes their number; a port without one gets one, if there are many."""
    shape = tuple(int(axis) for axis in port.axes)
    if shape[:1] == (1,):
        return (count, *shape[1:])
    return shape if count == 1 else (count, *shape)


def _labels(port: Port, index: Array) -> Array:
    """Return the texts that indices stand for."""
    if index.size and not 0 <= int(index.min()) <= int(index.max()) < len(port.labels):
        raise DecodeError(
            f"{port.name!r} has the label {int(index.max())} of {len(port.labels)}",
            path=port.name, offset=0, expected=f"0 to {len(port.labels) - 1}", found=str(int(index.max())),
        )  # fmt: skip
    return np.asarray(port.labels)[index]


def label_indices(port: Port, texts: Any) -> Array:
    """Return the indices of an output's texts, int32, as in its graph tensor. Raises ModelInputError for another text."""
    found = np.asarray(texts)
    unknown = sorted({str(text) for text in found.reshape(-1)} - set(port.labels))
    if unknown:
        labels = ", ".join(port.labels)
        raise ModelInputError(f"there is no label {unknown[0]!r}", hint=f"one of {labels}", expected=labels)
    return np.array([port.labels.index(str(text)) for text in found.reshape(-1)], np.int32).reshape(found.shape)


def batch_of(ports: Sequence[Port], samples: Any) -> list[Any]:
    """Samples one by one: an array with the samples on its first axis, a mapping of such arrays, or a sequence of inputs."""
    if isinstance(samples, Mapping):
        counts = {len(array) for array in samples.values()}
        if len(counts) != 1:
            raise ModelInputError("the inputs have different numbers of samples", hint="give as many of each")
        return [{name: _sample(ports, name, array[i]) for name, array in samples.items()} for i in range(counts.pop())]
    if isinstance(samples, np.ndarray):
        return [_sample(ports, ports[0].name, samples[i]) for i in range(len(samples))]
    return list(samples)


def _sample(ports: Sequence[Port], name: str, array: Array) -> Array:
    """Return a sample in the input's shape, whose batch axis it lacks."""
    port = next((port for port in ports if port.name == name), None)
    shape = () if port is None else tuple(int(axis) for axis in port.axes)
    return array.reshape(shape) if port is not None and array.size == prod(shape) else array
