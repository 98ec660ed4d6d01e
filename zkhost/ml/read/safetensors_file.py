"""safetensors files: read through the package, written by hand, so that the same tensors give the same bytes."""

from __future__ import annotations

import json
import os
from math import prod
from pathlib import Path
from types import ModuleType

from zkhost._files import write_atomic
from zkhost.errors import ConfigError, ModelFormatError, UnsupportedModelError
from zkhost.ml.read.onnx_file import MAX_ELEMENTS
from zkhost.ml.read.stored import SIZES, State, StoredTensor


def read_safetensors(data: bytes, name: str) -> State:
    """Return the tensors of a safetensors file. Raises ModelFormatError for one that is damaged."""
    safetensors = _safetensors()
    try:
        entries = safetensors.deserialize(data)
    except safetensors.SafetensorError as error:
        raise ModelFormatError(
            f"{name} is no safetensors file, or is cut short: {error}", hint="copy it again, or save it again"
        ) from error
    return {key: _checked(key, entry["dtype"], entry["shape"], bytes(entry["data"])) for key, entry in entries}


def _checked(key: str, dtype: str, shape: list[int], data: bytes) -> StoredTensor:
    """Return a tensor whose sizes agree. Raises ModelFormatError where they do not."""
    size = prod(shape)
    if size > MAX_ELEMENTS:
        raise ModelFormatError(
            f"{key!r} has the shape {list(shape)}", hint=f"a tensor has at most {MAX_ELEMENTS:,} elements here"
        )
    if dtype not in SIZES:
        raise UnsupportedModelError(f"{key!r} is of {dtype}", hint="save it in another type", expected=", ".join(SIZES))
    if len(data) != size * SIZES[dtype]:
        raise ModelFormatError(
            f"{key!r} has {len(data):,} bytes for the shape {list(shape)} of {dtype}", hint="copy the file again"
        )
    return StoredTensor(dtype, tuple(shape), data)


def write_safetensors(state: State, path: str | os.PathLike[str]) -> None:
    """Write tensors as a safetensors file, which torch, transformers and peft load. The same tensors give the same bytes."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = bytearray()
    for name in sorted(state, key=lambda name: (-SIZES[state[name].dtype], name)):
        tensor, start = state[name], len(data)
        data += tensor.data
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [start, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    write_atomic(Path(path), len(text).to_bytes(8, "little") + text + bytes(data))


def _safetensors() -> ModuleType:
    try:
        import safetensors
    except ImportError as error:
        raise ConfigError(
            "adapters and weights are read with the package safetensors, which is not installed",
            hint="pip install 'zkhost[ml]'",
        ) from error
    return safetensors
