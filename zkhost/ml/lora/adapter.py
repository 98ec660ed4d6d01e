"""Adapters: low-rank updates of a model's weights, as loralib and PEFT save them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, sqrt
from pathlib import Path
from typing import Literal

import numpy as np

from zkhost.errors import ConfigError, ModelFormatError, UnsupportedModelError
from zkhost.ml.graph import Array
from zkhost.ml.read.peft_config import PeftConfig, read_config
from zkhost.ml.read.state import read_state
from zkhost.ml.read.stored import State, StoredTensor

Kind = Literal["linear", "embedding", "conv2d"]


@dataclass(frozen=True)
class LoraModule:
    """The update of one module: W' = W + scaling * (B A), scaling = alpha / r, or alpha / sqrt(r) with `rslora`.

    `name` is the module's in the base model. `a` (rank * enabled groups, inputs) and `b` (outputs, rank) are f32, as they
    are multiplied: of a convolution, kernels are part of `inputs`. `kind` is the module's kind in the file: `linear`
    where it has none (loralib names all modules alike). `fan_in_fan_out` means that W is stored as (inputs, outputs); `enable`
    has an entry for each group of outputs: one, or those of a MergedLinear.
    """

    name: str
    a: Array
    b: Array
    alpha: float
    rslora: bool = False
    kind: Kind = "linear"
    fan_in_fan_out: bool = False
    enable: tuple[bool, ...] = (True,)

    @property
    def rank(self) -> int:
        """Columns of B. In loralib's Conv2d these are r times the kernel's size."""
        return int(self.b.shape[1])

    def scaling(self, kernel: int = 1) -> float:
        """Return the f32 that torch multiplies by; loralib and PEFT divide in f64. `kernel`: of loralib's Conv2d, its size."""
        rank = self.rank // kernel
        return float(np.float32(self.alpha / sqrt(rank) if self.rslora else self.alpha / rank))


@dataclass(frozen=True)
class Adapter:
    """An adapter: its modules in the order of their names. `alpha` is what its scaling was computed from."""

    name: str
    modules: tuple[LoraModule, ...]
    alpha: float

    def module(self, name: str) -> LoraModule:
        """Return the update of a module of the base. Raises ConfigError where there is none."""
        for module in self.modules:
            if module.name == name:
                return module
        raise ConfigError(
            f"the adapter {self.name} has no module {name!r}", hint=f"one of {', '.join(m.name for m in self.modules)}"
        )

    def outline(self) -> Adapter:
        """Return the same with zeros for all values: enough to verify a proof whose journal has digests of A and B."""
        zeros = [replace(m, a=np.zeros_like(m.a), b=np.zeros_like(m.b)) for m in self.modules]
        return replace(self, modules=tuple(zeros))

    def __repr__(self) -> str:
        ranks = sorted({module.rank for module in self.modules})
        return f"<Adapter {self.name}: {len(self.modules)} modules, rank {', '.join(map(str, ranks))}, alpha {self.alpha:g}>"


def read(
    source: str | os.PathLike[str] | bytes | Mapping[str, Array],
    *,
    alpha: float | None = None,
    rslora: bool = False,
    fan_in_fan_out: bool | Iterable[str] = False,
    enable_lora: Mapping[str, Sequence[bool]] | None = None,
) -> Adapter:
    """Read an adapter: a folder of PEFT, a file that loralib's lora_state_dict went into (.pt or safetensors), or its arrays.

    A folder has everything. loralib's files hold no more than A and B, so what else made the model is given here:

    Args:
        source: The folder or file, a file's bytes, or arrays by name. Nothing in a .pt is run.
        alpha: lora_alpha.
        rslora: Whether the scaling is alpha / sqrt(r) instead of alpha / r.
        fan_in_fan_out: Whether weights are stored as (inputs, outputs): of all modules, or the names of those. Embeddings are.
        enable_lora: For each MergedLinear, by name, its `enable_lora`.

    Raises:
        UnsupportedModelError: What is no plain LoRA, by name: DoRA, biases, rank or alpha patterns, modules_to_save, other kinds.
        ModelFormatError: A damaged file, or A and B that do not fit each other.
        ConfigError: An option that is missing, or that does not fit the source.
    """
    if isinstance(source, str | os.PathLike) and Path(source).is_dir():
        if alpha is not None or rslora or fan_in_fan_out or enable_lora:
            raise ConfigError(
                f"{source} has an adapter_config.json, which has alpha and all else",
                hint="give no options with a folder of PEFT",
            )
        return _peft(Path(source))
    if isinstance(source, Mapping):
        name, state = "the arrays", {key: _of_array(key, value) for key, value in source.items()}
    else:
        name = "the file" if isinstance(source, bytes) else str(source)
        state = dict(read_state(source))
    if any(key.startswith("base_model.model.") for key in state):
        raise ConfigError(
            f"{name} is PEFT's, which alone lacks its alpha", hint="give the folder, with its adapter_config.json"
        )
    if alpha is None:
        raise ConfigError(f"{name} has no lora_alpha", hint="give alpha=, the lora_alpha of the model's layers")
    enabled = dict(enable_lora or {})
    pairs = _pairs(name, state, _LORALIB)
    transposed = {module for module, _ in pairs} if fan_in_fan_out is True else set(fan_in_fan_out or ())
    for option, named in (("fan_in_fan_out", transposed), ("enable_lora", set(enabled))):
        for module in sorted(named - {module for module, _ in pairs}):
            raise ConfigError(f"{option} names {module!r}, which the adapter lacks", hint=f"modules: {_names(pairs)}")
    modules = []
    for (module, kind), (a, b) in sorted(pairs.items()):
        groups = _enable(module, enabled.get(module, (True,)))
        modules.append(_module(module, kind, a, b, float(alpha), rslora, module in transposed, groups))
    return Adapter(name, tuple(modules), float(alpha))


def _of_array(key: str, value: Array) -> StoredTensor:
    array = np.asarray(value)
    kind = {"float32": "F32", "float16": "F16"}.get(array.dtype.name)
    if kind is None:
        raise UnsupportedModelError(
            f"{key!r} is of {array.dtype}", hint="give float32 or float16", expected="float32 or float16"
        )
    return StoredTensor(kind, array.shape, np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())


def _enable(module: str, given: Sequence[bool]) -> tuple[bool, ...]:
    groups = tuple(bool(one) for one in given)
    if not any(groups):
        raise ConfigError(f"enable_lora of {module!r} enables nothing", hint="one True or more")
    return groups


def _peft(folder: Path) -> Adapter:
    config_path = folder / "adapter_config.json"
    files = [folder / name for name in ("adapter_model.safetensors", "adapter_model.bin")]
    found = next((path for path in files if path.is_file()), None)
    if not config_path.is_file() or found is None:
        missing = config_path if not config_path.is_file() else files[0]
        raise ModelFormatError(f"{missing} is missing", hint="give a folder that PEFT's save_pretrained wrote")
    config = read_config(config_path)
    pairs = _pairs(str(found), read_state(found), _PEFT)
    modules = [_peft_module(config, *key, a, b) for key, (a, b) in sorted(pairs.items())]
    return Adapter(str(folder), tuple(modules), config.alpha)


def _peft_module(config: PeftConfig, name: str, kind: Kind, a: Array, b: Array) -> LoraModule:
    module = _module(name, kind, a, b, config.alpha, config.rslora, kind == "linear" and config.fan_in_fan_out, (True,))
    if module.rank != config.rank:
        raise ModelFormatError(
            f"{name!r} has the rank {module.rank}, and adapter_config.json has r = {config.rank}",
            hint="the config is another adapter's, or a rank pattern was taken out of it",
        )
    return module


def _module(
    name: str, kind: Kind, a: Array, b: Array, alpha: float, rslora: bool, transposed: bool, enable: tuple[bool, ...]
) -> LoraModule:
    if kind == "conv2d":
        a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    shapes = f"A is {list(a.shape)} and B {list(b.shape)}"
    if a.ndim != 2 or b.ndim != 2 or a.size == 0 or b.size == 0:
        raise ModelFormatError(f"{name!r}: {shapes}; expected matrices", hint="save the adapter again")
    groups = sum(enable)
    if a.shape[0] != groups * b.shape[1]:
        swapped = b.shape[0] == groups * a.shape[1]
        raise ModelFormatError(
            f"{name!r}: {shapes}; expected A of (r{f' * {groups}' if groups > 1 else ''}, inputs) and B of (outputs, r)",
            hint="A and B are swapped"
            if swapped
            else "a MergedLinear needs enable_lora; otherwise A and B are of different ranks",
        )
    if b.shape[0] % groups:
        raise ModelFormatError(f"{name!r}: {shapes}, and {groups} groups of outputs", hint="is enable_lora right?")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ModelFormatError(f"{name!r} holds NaN or infinity", hint="train it again: a weight is a finite number")
    module = LoraModule(name, a, b, alpha, rslora, kind, transposed, enable)
    if not isfinite(module.scaling()) or module.scaling() == 0:
        raise ConfigError(
            f"alpha = {alpha} makes a scaling of {module.scaling()}", hint="a finite alpha that is not zero"
        )
    return module


# -- names in files ---------------------------------------------------------------------------------------------------

_Parser = Callable[[str], "tuple[str, Kind, str] | None"]


def _LORALIB(key: str) -> tuple[str, Kind, str] | None:
    """Return a module's name, what it is, and A or B."""
    match = re.fullmatch(r"(.+)\.lora_([AB])|lora_([AB])", key)
    return None if match is None else (match[1] or "", "linear", match[2] or match[3])


def _PEFT(key: str) -> tuple[str, Kind, str] | None:
    match = re.fullmatch(r"base_model\.model\.(.+)\.lora_(embedding_)?([AB])(?:\.default)?(\.weight)?", key)
    if match is None or bool(match[2]) == bool(match[4]):
        return None
    return match[1], "embedding" if match[2] else "linear", match[3]


_OTHERS = (
    ("lora_magnitude_vector", "DoRA scales each output by a learned magnitude: train with use_dora=False"),
    ("modules_to_save", "whole modules beside the adapter are weights of another base: save the base with them"),
    ("bias", "train with bias='none'"),
)


def _pairs(name: str, state: State, parse: _Parser) -> dict[tuple[str, Kind], tuple[Array, Array]]:
    """Return A and B of each module. Raises UnsupportedModelError for a tensor that is neither."""
    halves: dict[tuple[str, Kind], dict[str, Array]] = {}
    for key, tensor in state.items():
        parsed = parse(key)
        if parsed is None:
            hint = next(
                (hint for part, hint in _OTHERS if part in key), "an adapter's file has the tensors of A and B alone"
            )
            raise UnsupportedModelError(
                f"{name} has the tensor {key!r}, which is no A or B of plain LoRA",
                hint=hint,
                expected="lora_A and lora_B",
            )
        module, kind, half = parsed
        array = tensor.floats(key)
        halves.setdefault((module, "conv2d" if array.ndim == 4 else kind), {})[half] = array
    if not halves:
        raise ModelFormatError(f"{name} holds no tensors", hint="is it the adapter's file?")
    if len({module for module, _ in halves}) < len(halves):
        raise ModelFormatError(f"{name} has two updates of one module", hint="save the adapter again")
    for (module, _), found in halves.items():
        if len(found) != 2:
            raise ModelFormatError(
                f"{name}: {module!r} has lora_{''.join(found)} alone", hint="an adapter has A and B of each module"
            )
    return {key: (found["A"], found["B"]) for key, found in halves.items()}


def _names(pairs: Iterable[tuple[str, Kind]]) -> str:
    return ", ".join(sorted(module for module, _ in pairs))
