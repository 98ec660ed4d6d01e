"""Read a GGUF file as a stranger's: every count and length is checked against the file before it is believed.

The format is that of ggml's docs/gguf.md, versions 2 and 3, little-endian. The gguf package's own reader loops over the
counts that a file states, up to 2^64 of them, so it is the oracle of the tests and not used here.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml._blocks import KINDS
from zkhost.ml.graph import Array
from zkhost.ml.read.onnx_file import MAX_BYTES, MAX_ELEMENTS

MAGIC = b"GGUF"
MAX_TENSORS, MAX_KEYS, MAX_AXES = 1 << 16, 1 << 16, 4

_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
"""Names of ggml_type, as far as there are files of them."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True)
class GgufTensor:
    """A tensor of the file: `kind` is ggml's name of its type; `shape` is row-major, so the last axis is ggml's first.

    `data` has the bytes of each row, (rows, bytes); None where the kind is not taken.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    data: Array | None


@dataclass(frozen=True)
class GgufFile:
    """The contents of a GGUF file."""

    name: str
    metadata: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor]

    @property
    def architecture(self) -> str:
        """What `general.architecture` names; "" where nothing does."""
        found = self.metadata.get("general.architecture", "")
        return found if isinstance(found, str) else ""


def is_gguf(source: object) -> TypeGuard[str | os.PathLike[str] | bytes]:
    """Return whether a file, or bytes, begin as GGUF does."""
    if isinstance(source, bytes):
        return source[:4] == MAGIC
    if not isinstance(source, str | os.PathLike):
        return False
    with Path(source).open("rb") as file:
        return file.read(4) == MAGIC


def read_gguf(source: str | os.PathLike[str] | bytes) -> GgufFile:
    """Read a file. Raises ModelFormatError for what is no GGUF file, is cut short or contradicts itself."""
    if isinstance(source, bytes):
        return _Walk("the model", source).file("model")
    path = Path(source)
    if path.stat().st_size > MAX_BYTES:
        raise _format(
            f"{path} has {path.stat().st_size:,} bytes",
            f"a model file has at most {MAX_BYTES:,} here: prove its tensors one by one",
        )
    return _Walk(str(path), path.read_bytes()).file(path.name)


def _format(message: str, hint: str = "the file is damaged or cut short: copy or convert it again") -> ModelFormatError:
    return ModelFormatError(message, hint=hint)


class _Walk:
    """A place in the file's bytes."""

    def __init__(self, what: str, data: bytes) -> None:
        self.what, self.data, self.at = what, data, 0

    def file(self, name: str) -> GgufFile:
        if self.take(4, "the magic") != MAGIC:
            raise _format(f"{self.what} is not a GGUF file", "give the .gguf file that llama.cpp's converter wrote")
        (version,) = self.scalars("I", "the version")
        if version not in (2, 3):
            raise UnsupportedModelError(
                f"{self.what} has GGUF version {version}; versions 2 and 3, little-endian, are taken",
                hint="convert it again with a current llama.cpp",
                expected="GGUF version 2 or 3",
            )
        tensors, keys = self.scalars("QQ", "the counts")
        if tensors > MAX_TENSORS or keys > MAX_KEYS:
            raise _format(f"{self.what} states {tensors:,} tensors and {keys:,} keys")
        metadata: dict[str, Any] = {}
        for _ in range(keys):
            key = self.string("a key")
            if key in metadata:
                raise _format(f"{self.what} has the key {key!r} twice")
            (kind,) = self.scalars("I", f"the type of {key!r}")
            metadata[key] = self.value(kind, key)
        infos = [self.info() for _ in range(tensors)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1 or alignment > 1 << 20 or alignment & (alignment - 1):
            raise _format(f"{self.what} has the alignment {alignment!r}; expected a power of two")
        start = -(-self.at // alignment) * alignment
        found: dict[str, GgufTensor] = {}
        for info in infos:
            if info[0] in found:
                raise _format(f"{self.what} has the tensor {info[0]!r} twice")
            found[info[0]] = self.tensor(start, alignment, *info)
        return GgufFile(name, metadata, found)

    def take(self, count: int, what: str) -> bytes:
        if count > len(self.data) - self.at:
            raise _format(f"{self.what} ends within {what}: {count:,} bytes at {self.at:,} of {len(self.data):,}")
        self.at += count
        return self.data[self.at - count : self.at]

    def scalars(self, form: str, what: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}"), what))

    def string(self, what: str) -> str:
        (length,) = self.scalars("Q", what)
        try:
            return self.take(length, what).decode("utf-8")
        except UnicodeDecodeError as error:
            raise _format(f"{self.what}: {what} is not UTF-8") from error

    def value(self, kind: int, key: str) -> Any:
        if kind == _STRING:
            # Texts of a tokeniser may be any bytes: nothing here depends on them.
            (length,) = self.scalars("Q", f"the value of {key!r}")
            return self.take(length, f"the value of {key!r}").decode("utf-8", "replace")
        if kind == _ARRAY:
            inner, count = self.scalars("IQ", f"the value of {key!r}")
            if inner in _SCALARS:
                size = struct.calcsize(_SCALARS[inner])
                data = self.take(count * size, f"the value of {key!r}")
                return list(struct.unpack(f"<{count}{_SCALARS[inner]}", data))
            if inner == _STRING and count <= (len(self.data) - self.at) // 8:
                return [self.value(_STRING, key) for _ in range(count)]
            raise _format(f"{self.what}: the array {key!r} has {count:,} elements of type {inner}")
        if kind not in _SCALARS:
            raise _format(f"{self.what}: the value of {key!r} has the type {kind}, which GGUF lacks")
        return self.scalars(_SCALARS[kind], f"the value of {key!r}")[0]

    def info(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self.string("a tensor's name")
        (axes,) = self.scalars("I", f"the tensor {name!r}")
        if not 1 <= axes <= MAX_AXES:
            raise _format(f"{self.what}: the tensor {name!r} has {axes} axes; expected 1 to {MAX_AXES}")
        shape = self.scalars(f"{axes}Q", f"the tensor {name!r}")
        kind, offset = self.scalars("IQ", f"the tensor {name!r}")
        if 0 in shape or prod(shape) > MAX_ELEMENTS:
            raise _format(
                f"{self.what}: the tensor {name!r} has the shape {list(shape[::-1])}",
                f"a tensor has 1 to {MAX_ELEMENTS:,} elements here",
            )
        return name, tuple(shape[::-1]), kind, offset

    def tensor(
        self, start: int, alignment: int, name: str, shape: tuple[int, ...], kind: int, offset: int
    ) -> GgufTensor:
        if kind not in _TYPES:
            raise _format(f"{self.what}: the tensor {name!r} has the type {kind}, which is not known")
        if offset % alignment or start + offset > len(self.data):
            raise _format(f"{self.what}: the tensor {name!r} lies at {start + offset:,} of {len(self.data):,} bytes")
        if _TYPES[kind] not in KINDS:
            return GgufTensor(name, _TYPES[kind], shape, None)
        block = KINDS[_TYPES[kind]]
        if shape[-1] % block.elements:
            raise _format(
                f"{self.what}: rows of {shape[-1]} in the tensor {name!r}, whose blocks have {block.elements} ({_TYPES[kind]})"
            )
        row = shape[-1] // block.elements * block.nbytes
        rows = prod(shape[:-1])
        self.at = start + offset
        data = np.frombuffer(self.take(rows * row, f"the tensor {name!r}"), np.uint8).reshape(rows, row)
        return GgufTensor(name, _TYPES[kind], shape, data)
