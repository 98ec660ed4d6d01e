"""adapter_config.json of PEFT: what a LoRA adapter was trained with, and what of it changes the arithmetic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkhost.errors import ModelFormatError, UnsupportedModelError

_MAX_BYTES = 1 << 20

_TRAINING = {
    "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config", "exclude_modules", "inference_mode", "layers_pattern",
    "loftq_config", "lora_dropout", "lora_ga_config", "megatron_core", "peft_version", "qalora_group_size", "revision",
    "runtime_config", "target_modules", "task_type",
}  # fmt: skip
"""Fields of where an adapter came from and how it was trained: the weights are the same whatever they say."""

_HINTS = {
    "use_dora": "DoRA scales each output by a learned magnitude: train with use_dora=False",
    "bias": "train with bias='none'",
    "lora_bias": "train with lora_bias=False",
    "rank_pattern": "train all modules with one rank",
    "alpha_pattern": "train all modules with one alpha",
    "modules_to_save": "whole modules beside the adapter are weights of another base: save the base with them",
    "layers_to_transform": "name the modules in target_modules instead",
    "layer_replication": "adapt the model as it is",
}
_HINT = "train the adapter without it, as plain LoRA"


@dataclass(frozen=True)
class PeftConfig:
    """What the arithmetic of an adapter needs."""

    rank: int
    alpha: float
    rslora: bool
    fan_in_fan_out: bool


def read_config(path: Path) -> PeftConfig:
    """Read a config. Raises ModelFormatError for what is none, UnsupportedModelError for what is no plain LoRA."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{path.stat().st_size:,} bytes")
        fields = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path} is no JSON: {error}", hint="copy the adapter's folder again") from error
    if not isinstance(fields, dict):
        raise ModelFormatError(f"{path} is no JSON object", hint="copy the adapter's folder again")
    return _config(path, fields)


def _config(path: Path, fields: dict[str, Any]) -> PeftConfig:
    kind = fields.pop("peft_type", None)
    if kind != "LORA":
        raise _unsupported(
            path, "peft_type", kind, "'LORA'", "other kinds of adapters (AdaLoRA, IA3, LoHa, ...) are not taken"
        )
    rank, alpha = fields.pop("r", None), fields.pop("lora_alpha", None)
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        raise ModelFormatError(f"{path}: r is {rank!r}", hint="a rank of 1 or more")
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or abs(alpha) > 1e30:
        raise ModelFormatError(f"{path}: lora_alpha is {alpha!r}", hint="a number")
    flags = {}
    for name in ("use_rslora", "fan_in_fan_out"):
        flags[name] = fields.pop(name, False)
        if not isinstance(flags[name], bool):
            raise ModelFormatError(f"{path}: {name} is {flags[name]!r}", hint="true or false")
    start = fields.pop("init_lora_weights", True)
    if start not in (True, False, "gaussian", "orthogonal", "eva"):
        hint = (
            "this start changes the base weights too: convert it when saving (path_initial_model_for_weight_conversion)"
        )
        raise _unsupported(path, "init_lora_weights", start, "true, false, 'gaussian', 'orthogonal' or 'eva'", hint)
    bias = fields.pop("bias", "none")
    if bias != "none":
        raise _unsupported(path, "bias", bias, "'none'", _HINTS["bias"])
    for name, value in fields.items():
        if name not in _TRAINING and value not in (None, False, "", [], {}):
            raise _unsupported(path, name, value, "null or false", _HINTS.get(name, _HINT))
    return PeftConfig(rank, float(alpha), flags["use_rslora"], flags["fan_in_fan_out"])


def _unsupported(path: Path, name: str, value: object, expected: str, hint: str) -> UnsupportedModelError:
    return UnsupportedModelError(f"{path}: {name} is {value!r}; expected {expected}", hint=hint, expected=expected)
