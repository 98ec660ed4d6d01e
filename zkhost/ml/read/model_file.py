"""Which kind of model something is, by its content."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx

from zkhost.ml.read import lightgbm_text, xgboost_json
from zkhost.ml.read.onnx_file import MAX_BYTES, Source, read_onnx, too_large

HEAD = 64


@dataclass(frozen=True)
class Format:
    """A file format: whose it is, how its first bytes (`HEAD` of them) show it, and what reads it, given bytes and a name."""

    library: str
    recognise: Callable[[bytes], bool]
    read: Callable[[bytes, str], Source]


FORMATS = (
    Format("xgboost", xgboost_json.recognise, xgboost_json.read),
    Format("lightgbm", lightgbm_text.recognise, lightgbm_text.read),
)
"""Formats beside ONNX, which has no mark of its own: it is what is left."""


def format_of(model: str | os.PathLike[str] | bytes | onnx.ModelProto) -> Format | None:
    """Return the format of a model; None for ONNX."""
    if isinstance(model, onnx.ModelProto):
        return None
    if isinstance(model, bytes):
        head = model[:HEAD]
    else:
        with Path(model).open("rb") as file:
            head = file.read(HEAD)
    return next((each for each in FORMATS if each.recognise(head)), None)


def read_model(model: str | os.PathLike[str] | bytes | onnx.ModelProto) -> Source:
    """Read a model of any format that is taken, as a stranger's.

    Raises ModelFormatError for what is no model, and UnsupportedModelError for what is not taken of one.
    """
    found = format_of(model)
    if found is None or isinstance(model, onnx.ModelProto):
        return read_onnx(model)
    if isinstance(model, bytes):
        return found.read(model, "model")
    path = Path(model)
    if path.stat().st_size > MAX_BYTES:
        raise too_large(path)
    return found.read(path.read_bytes(), path.name)
