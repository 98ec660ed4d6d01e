"""The llama architecture (llama_build_llama of llama.cpp): RMS norms, rotary positions, grouped queries, SwiGLU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml import ops
from zkhost.ml.gguf.assembly import Assembly, bound
from zkhost.ml.gguf.rotation import angles
from zkhost.ml.graph import Tensor
from zkhost.ml.lower.lowering import Lowered
from zkhost.ml.read.gguf_file import GgufFile
from zkhost.ml.read.onnx_file import Port

OUTPUTS = ("logits", "prompt_logits")
"""The logits behind the last token, and those behind every token."""

MAX_HEAD = 4096
_PLAIN = {
    "expert_count": 0, "expert_used_count": 0, "rope.scaling.type": "none", "attention.causal": True,
    "use_parallel_residual": False, "attention.sliding_window": 0, "logit_scale": 1.0,
    "embedding_scale": 1.0, "residual_scale": 1.0, "attention.scale": 0.0,
}  # fmt: skip
"""Metadata that changes what is computed, with the value that does not."""


@dataclass(frozen=True)
class Shape:
    """The sizes in the file's metadata."""

    context: int
    width: int
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head: int
    rotated: int
    vocabulary: int
    eps: float
    base: float

    @classmethod
    def of(cls, file: GgufFile) -> Shape:
        """Read and check them. Raises ModelFormatError for what is missing or absurd, UnsupportedModelError, naming it, for
        what is not taken."""
        for key, plain in _PLAIN.items():
            found = file.metadata.get(f"llama.{key}", plain)
            if found != plain:
                raise UnsupportedModelError(
                    f"{file.name} has llama.{key} = {found!r}; expected {plain!r}",
                    hint="prove a model without it, or the products of its tensors: outputs=['NAME']",
                    expected=f"{key} = {plain!r}",
                )
        width, heads = _size(file, "embedding_length"), _size(file, "attention.head_count")
        kv_heads = _size(file, "attention.head_count_kv", heads)
        head = _size(file, "attention.key_length", width // heads)
        rotated = _size(file, "rope.dimension_count", head)
        values = _size(file, "attention.value_length", head)
        embedding = file.tensors.get("token_embd.weight")
        if embedding is None or len(embedding.shape) != 2 or head == 0:
            raise ModelFormatError(f"{file.name} lacks the matrix 'token_embd.weight'", hint="convert the model again")
        if heads % kv_heads or values != head or rotated % 2 or not rotated <= head <= MAX_HEAD:
            raise ModelFormatError(
                f"{file.name} has {heads} heads of {head}, {kv_heads} of keys, {values} values each, {rotated} rotated",
                hint=f"heads are a multiple of those of keys, as long as their values, at most {MAX_HEAD}, rotated in pairs",
            )
        return cls(
            _size(file, "context_length"), width, _size(file, "block_count"), _size(file, "feed_forward_length"), heads,
            kv_heads, head, rotated, embedding.shape[0], _float(file, "attention.layer_norm_rms_epsilon"),
            _float(file, "rope.freq_base", 10000.0, 1.0),
        )  # fmt: skip


def _size(file: GgufFile, key: str, default: int | None = None) -> int:
    found: Any = file.metadata.get(f"llama.{key}", default)
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= 1 << 20:
        raise ModelFormatError(f"{file.name} has llama.{key} = {found!r}", hint="one number, 1 or more, is taken")
    return found


def _float(file: GgufFile, key: str, default: float | None = None, least: float = 2.0**-126) -> float:
    found: Any = file.metadata.get(f"llama.{key}", default)
    if not isinstance(found, float) or not least <= found < 2.0**127:
        raise ModelFormatError(
            f"{file.name} has llama.{key} = {found!r}", hint=f"a number of {least:g} or more is taken"
        )
    return found


def lower(file: GgufFile, dims: Mapping[str, int], wanted: Sequence[str]) -> Lowered:
    """Return the graph for a prompt of `dims["tokens"]` tokens; the input is their ids.

    Where `prompt_logits` are not wanted, the last layer computes keys and values alone for all tokens but the last.
    """
    shape = Shape.of(file)
    tokens = bound(file, dims, "tokens", None, shape.context)
    low = Assembly(file)
    low.tensors["tokens"] = Tensor("tokens", "s32", (tokens,))
    x = low.write("embedding", "f32", tokens, shape.width)
    embedding = low.table("token_embd.weight", shape.vocabulary, shape.width)
    low.emit(ops.Gather("token_embd.weight (embedding)", x, embedding, "tokens"))
    table = low.named("rope", angles(tokens, shape.rotated, shape.base))
    for layer in range(shape.layers):
        last = layer == shape.layers - 1 and "prompt_logits" not in wanted
        x = _layer(low, shape, f"blk.{layer}", table, x, 1 if last else tokens)
    names = _logits(low, shape, x, wanted)
    unused = sorted(set(file.tensors) - low.used)
    if unused:
        raise UnsupportedModelError(
            f"{file.name} has the tensor {unused[0]!r}, which the llama architecture taken here has not",
            hint="a model with biases, experts or long ropes: prove the products of its tensors, outputs=['NAME']",
            node=unused[0],
            expected="the tensors of a plain llama",
        )
    graph = low.graph(file.name, ("tokens",), names)
    outputs = tuple(
        Port(name, np.dtype(np.float32), low.tensors[tensor].shape) for name, tensor in zip(wanted, names, strict=True)
    )
    inputs = (Port("tokens", np.dtype(np.int32), (tokens,)),)
    return Lowered(graph, inputs, outputs, tuple(zip(names, wanted, strict=True)), {}, {})


def _norm(low: Assembly, shape: Shape, name: str, x: str) -> str:
    weight = low.vector(f"{name}.weight", shape.width)
    y = low.write(name, "f32", *low.tensors[x].shape)
    low.emit(ops.GgmlNorm(f"{name}.weight (RMSNorm)", y, x, weight, shape.eps))
    return y


def _tail(low: Assembly, name: str, x: str, count: int) -> str:
    """Return the last rows."""
    rows, width = low.tensors[x].shape
    if rows == count:
        return x
    y = low.write(f"{name}#last", "f32", count, width)
    move = ops.Copy(x, (rows - count) * width, (width, 1), (0, 0), (count, width))
    low.emit(ops.Move(f"{name} (last position)", y, 0, (move,)))
    return y


def _add(low: Assembly, name: str, a: str, b: str) -> str:
    y = low.write(name, "f32", *low.tensors[a].shape)
    low.emit(ops.Binary(f"{name} (residual)", y, "add", a, b))
    return y


def _layer(low: Assembly, shape: Shape, name: str, table: str, x: str, queries: int) -> str:
    keys, heads = shape.kv_heads * shape.head, shape.heads * shape.head

    def rotated(of: str, x: str, rows: int, count: int) -> str:
        product = low.product(f"{name}.{of}.weight", x, rows)
        y = low.write(f"{name}.{of}#rope", "f32", *low.tensors[product].shape)
        low.emit(ops.GgmlRope(f"{name}.{of} (RoPE)", y, product, table, count))
        return y

    h = _norm(low, shape, f"{name}.attn_norm", x)
    k = rotated("attn_k", h, keys, shape.kv_heads)
    v = low.product(f"{name}.attn_v.weight", h, keys)
    q = rotated("attn_q", _tail(low, h, h, queries), heads, shape.heads)
    seen = low.write(f"{name}.attention", "f32", queries, heads)
    scale = float(np.float32(1) / np.sqrt(np.float32(shape.head)))
    low.emit(ops.GgmlAttention(f"{name} (attention)", seen, q, k, v, shape.heads, shape.kv_heads, scale))
    x = _add(
        low,
        f"{name}.attended",
        low.product(f"{name}.attn_output.weight", seen, shape.width),
        _tail(low, name, x, queries),
    )
    h = _norm(low, shape, f"{name}.ffn_norm", x)
    gate = low.product(f"{name}.ffn_gate.weight", h, shape.hidden)
    up = low.product(f"{name}.ffn_up.weight", h, shape.hidden)
    activated = low.write(f"{name}.swiglu", "f32", queries, shape.hidden)
    low.emit(ops.GgmlSwiglu(f"{name} (SwiGLU)", activated, gate, up))
    return _add(low, f"{name}.out", low.product(f"{name}.ffn_down.weight", activated, shape.width), x)


def _logits(low: Assembly, shape: Shape, x: str, wanted: Sequence[str]) -> tuple[str, ...]:
    head = "output.weight" if "output.weight" in low.file.tensors else "token_embd.weight"
    names = {}
    y = low.product(head, _norm(low, shape, "output_norm", x), shape.vocabulary)
    names["prompt_logits" if "prompt_logits" in wanted else "logits"] = y
    if "logits" in wanted:
        names["logits"] = _tail(low, "logits", y, 1)
    return tuple(names[name] for name in wanted)
