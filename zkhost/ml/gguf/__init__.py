"""GGUF files: a whole llama, or the product of one tensor, as a graph of ggml's arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zkhost.errors import ModelFormatError, UnsupportedModelError
from zkhost.ml.gguf import llama, product
from zkhost.ml.lower.lowering import Lowered
from zkhost.ml.read.gguf_file import GgufFile

ARCHITECTURES = {"llama": llama.lower}
KNOWN = {
    "gpt2": "LayerNorm, learned positions and a GELU from a table",
    "qwen2": "biases of q, k and v, and positions rotated by halves of a head",
    "qwen3": "norms of q and k, and positions rotated by halves of a head",
    "gemma": "GELU and scaled embeddings",
    "gemma2": "GELU, scaled embeddings and soft caps",
    "gemma3": "GELU, scaled embeddings and sliding windows",
    "phi3": "fused q, k and v, and long ropes",
    "mamba": "state spaces",
    "mixtral": "experts",
}
"""Architectures that are not taken, and what they have that llama's has not."""


def lower(file: GgufFile, dims: Mapping[str, int] | None, outputs: Sequence[str] | None) -> Lowered:
    """Lower what `outputs` names: `logits` (the default) or `prompt_logits` of the model, or one tensor's product.

    Raises UnsupportedModelError for an architecture or a tensor that is not taken, and ModelFormatError for a file that
    contradicts itself.
    """
    wanted = ("logits",) if outputs is None else tuple(outputs)
    if len(wanted) == 1 and wanted[0] in file.tensors:
        return product.lower(file, wanted[0], dict(dims or {}))
    parts = file.metadata.get("split.count", 1)
    if parts not in (0, 1):
        raise UnsupportedModelError(
            f"{file.name} is one of {parts} parts of a model; expected a whole one",
            hint="join them: llama-gguf-split --merge",
            expected="a model in one file",
        )
    if file.architecture not in ARCHITECTURES:
        extra = KNOWN.get(file.architecture)
        raise UnsupportedModelError(
            f"{file.name} has the architecture {file.architecture!r}{f' ({extra})' if extra else ''}; "
            f"expected {', '.join(ARCHITECTURES)}",
            hint="prove the product of one of its tensors: outputs=['NAME']; or export the model to ONNX in int8",
            expected=", ".join(ARCHITECTURES),
        )
    if not wanted or set(wanted) - set(llama.OUTPUTS):
        raise ModelFormatError(
            f"{file.name} computes no {', '.join(map(repr, wanted)) or 'tensor at all'}",
            hint=f"outputs: {', '.join(llama.OUTPUTS)}, or the name of one tensor for its product with an input",
        )
    return ARCHITECTURES[file.architecture](file, dict(dims or {}), wanted)
