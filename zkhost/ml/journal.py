"""The journal of an inference: which mode it ran in, its input or a digest of it, its outputs.

Layout, in bytes: one word (little-endian) with the version 1 in bits 0 to 7, the input mode in bits 8 to 15 (0 public,
1 hashed, 2 private) and the model mode in bits 16 to 23 (0: in the image; 1: given as input, hashed with a salt); the
model's digest (32 bytes, model mode 1 only); the input (public: its tensors; hashed: SHA-256 of 32 bytes of salt and its
tensors; private: nothing); the output tensors. Tensors are as in `zkhost.ml.tensors`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zkhost.errors import DecodeError
from zkhost.ml.graph import Array, Graph
from zkhost.ml.read.onnx_file import Port
from zkhost.ml.tensors import InputMode, from_bytes, sizes

VERSION = 1
_MODES: tuple[InputMode, ...] = ("public", "hashed", "private")


@dataclass(frozen=True)
class Inference:
    """What a journal says: the outputs, and the input (public) or its salted digest (hashed)."""

    outputs: Mapping[str, Array]
    inputs: Mapping[str, Array] | None
    input_digest: bytes | None
    input_mode: InputMode


def decode(
    data: bytes, graph: Graph, inputs: tuple[Port, ...], outputs: tuple[Port, ...], input_mode: InputMode
) -> Inference:
    """The journal of a model's run. Raises DecodeError for bytes that are not one."""
    word = int.from_bytes(data[:4], "little")
    mode, model = word >> 8 & 255, word >> 16 & 255
    if len(data) < 4 or word & 255 != VERSION or word >> 24 or model or _MODES.index(input_mode) != mode:
        raise DecodeError(
            f"the journal starts with {data[:4].hex()}, which no inference commits",
            path="", offset=0, expected=f"a header word of version 1 with a {input_mode} input", found=data[:4].hex(),
        )  # fmt: skip
    at = 4
    digest, given = None, None
    if input_mode == "public":
        end = at + sizes(graph, graph.inputs)
        given = MappingProxyType(from_bytes(graph, graph.inputs, inputs, data[at:end]))
        at = end
    elif input_mode == "hashed":
        digest = data[at : at + 32]
        at += 32
    found = from_bytes(graph, graph.outputs, outputs, data[at:])
    return Inference(MappingProxyType(found), given, digest, input_mode)


def input_digest(salt: bytes, tensors: bytes) -> bytes:
    """What a hashed input commits to: who knows salt and tensors can show them to whoever has the proof."""
    return hashlib.sha256(salt + tensors).digest()
