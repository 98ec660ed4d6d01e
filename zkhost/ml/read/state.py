"""Weights by name from a file: which format it is."""

from __future__ import annotations

import os
from pathlib import Path

from zkhost.errors import ModelFormatError
from zkhost.ml.read.onnx_file import MAX_BYTES
from zkhost.ml.read.safetensors_file import read_safetensors
from zkhost.ml.read.stored import State
from zkhost.ml.read.torch_zip import read_torch


def read_state(source: str | os.PathLike[str] | bytes) -> State:
    """Return the tensors of a file, or of its bytes: safetensors, or a state dict that torch.save wrote. No code of it is run.

    Raises ModelFormatError for a file that is damaged or something else, UnsupportedModelError for one with other objects.
    """
    name, data = _load(source)
    if data[:4] == b"PK\x03\x04":
        return read_torch(data, name)
    if data[8:9] == b"{":
        return read_safetensors(data, name)
    known = {
        b"\x80": "a pickle: torch.save before 1.6 wrote those. Load it in torch and save it again",
        b"GGUF": "a GGUF file, which zkhost.ml loads as a model",
        b"\x08": "an ONNX model; weights are expected",
    }
    what = next(
        (text for magic, text in known.items() if data.startswith(magic)), "neither safetensors nor a .pt of torch"
    )
    raise ModelFormatError(f"{name} is {what}", hint="expected safetensors, or a state dict saved by torch.save")


def _load(source: str | os.PathLike[str] | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return "the file", source
    path = Path(source)
    if path.stat().st_size > MAX_BYTES:
        raise ModelFormatError(
            f"{path} has {path.stat().st_size:,} bytes", hint=f"a file of weights has at most {MAX_BYTES:,} here"
        )
    return str(path), path.read_bytes()
