"""Which kind of model something is, by its content."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import onnx

from zkhost.ml.read import lightgbm_text, xgboost_json
from zkhost.ml.read.onnx_file import MAX_BYTES, Source, read_onnx, too_large

FORMATS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes, str], Source]], ...] = (
    (xgboost_json.recognise, xgboost_json.read),
    (lightgbm_text.recognise, lightgbm_text.read),
)
"""How a file's first bytes show what it is, and what reads it. ONNX has no mark of its own: it is what is left."""

HEAD = 64


def read_model(model: str | os.PathLike[str] | bytes | onnx.ModelProto) -> Source:
    """Read a model of any format that is taken, as a stranger's.

    Raises ModelFormatError for what is no model, and UnsupportedModelError for what is not taken of one.
    """
    if isinstance(model, onnx.ModelProto):
        return read_onnx(model)
    if isinstance(model, bytes):
        head, name = model[:HEAD], "model"
    else:
        path = Path(model)
        name = path.name
        with path.open("rb") as file:
            head = file.read(HEAD)
    for recognise, read in FORMATS:
        if recognise(head):
            if isinstance(model, bytes):
                return read(model, name)
            if path.stat().st_size > MAX_BYTES:
                raise too_large(path)
            return read(path.read_bytes(), name)
    return read_onnx(model)
