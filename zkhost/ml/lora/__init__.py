"""Low-rank adapters (LoRA): prove that weights are a base's with an adapter merged in, or what a model computes with an
adapter that stays hidden.

    from zkhost.ml import lora

    adapter = lora.read("adapter/")                       # a folder of PEFT; or loralib's .pt and its alpha
    merge = lora.merge("base.safetensors", adapter)
    merge.save("merged.safetensors")
    proof = merge.prove().verify()                        # W' = W + alpha / r * (B A), bit for bit
    lora.verify_merge(proof.receipt, "base.safetensors", adapter, merged_model="merged.safetensors")

    model = lora.load("base.onnx", adapter)               # the base in the image, the adapter as private input
    proof = model.prove(x)                                # outputs, and the adapter's salted digests

Needs the extra `ml`: pip install 'zkhost[ml]'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.ml.lora.adapter import Adapter as Adapter
    from zkhost.ml.lora.adapter import LoraModule as LoraModule
    from zkhost.ml.lora.adapter import read as read
    from zkhost.ml.lora.hidden import load as load
    from zkhost.ml.lora.merging import Merge as Merge
    from zkhost.ml.lora.merging import merge as merge
    from zkhost.ml.lora.merging import verify_merge as verify_merge

__all__, __getattr__, __dir__ = exports(
    __name__,
    {
        "zkhost.ml.lora.adapter": "Adapter LoraModule read",
        "zkhost.ml.lora.hidden": "load",
        "zkhost.ml.lora.merging": "Merge merge verify_merge",
    },
    extra="ml",
)
