"""Which weight of a base a module of an adapter updates, and whether the two fit."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from zkhost.errors import ModelFormatError
from zkhost.ml import ops
from zkhost.ml.graph import Array
from zkhost.ml.lora.adapter import LoraModule
from zkhost.ml.read.stored import State
from zkhost.ml.reference.merge import rounded


@dataclass(frozen=True)
class Update:
    """A weight of the base and what is merged into it, in f32."""

    module: LoraModule
    weight: str
    w: Array
    a: Array
    b: Array
    scaling: float
    transposed: bool
    precision: ops.Precision

    @property
    def names(self) -> tuple[str, str, str]:
        """Of W, A and B."""
        prefix = f"{self.module.name}." if self.module.name else ""
        return self.weight, f"{prefix}lora_A", f"{prefix}lora_B"


def update_of(module: LoraModule, state: State) -> Update:
    """Return the weight of a module in a base, and its update. Raises ModelFormatError where the base has none that fits."""
    prefix = f"{module.name}." if module.name else ""
    names = [name for name in (f"{prefix}weight", f"{prefix}conv.weight") if name in state]
    if len(names) != 1:
        found = f"both {' and '.join(names)}" if names else f"no {prefix}weight"
        raise ModelFormatError(
            f"the base has {found} for the adapter's module {module.name!r}",
            hint=f"its weights: {', '.join([n for n in state if n.endswith('weight')][:20]) or 'none'}",
        )
    (name,) = names
    tensor = state[name]
    w, precision = tensor.floats(name), tensor.precision
    assert precision is not None
    if not np.isfinite(w).all():
        raise ModelFormatError(f"{name!r} holds NaN or infinity", hint="a weight is a finite number")
    transposed = module.fan_in_fan_out or module.kind == "embedding"
    kernel = _check_shapes(module, name, w.shape, transposed)
    a, b = (rounded(array.astype(np.float32), precision) for array in (module.a, module.b))
    return Update(module, name, w, a, b, module.scaling(kernel), transposed, precision)


def _check_shapes(module: LoraModule, name: str, shape: tuple[int, ...], transposed: bool) -> int:
    """Return the kernel's size of a convolution of loralib, 1 for others. Raises ModelFormatError where A and B do not fit."""
    outputs, inputs = len(module.b) // sum(module.enable) * len(module.enable), module.a.shape[1]
    expected = (inputs, outputs) if transposed else (outputs, inputs)
    hint = "the adapter is another model's"
    if module.kind == "conv2d" and len(shape) == 4 and (shape[0], prod(shape[1:])) == expected:
        return 1
    if module.kind != "conv2d" and len(shape) == 2 and shape == expected:
        return 1
    if module.kind == "linear" and not transposed and module.enable == (True,) and len(shape) == 4:
        # loralib: A is (r * k, in * k), B is (out / groups * k, r * k); the product is seen as the weight's shape.
        out, per_group, kernel, other = shape
        if kernel == other and all(size % kernel == 0 for size in (inputs, outputs, module.rank)):
            groups, rest = divmod(inputs // kernel, per_group)
            if not rest and groups and outputs // kernel * groups == out:
                return kernel
        hint = "loralib's Conv2d has square kernels"
    elif shape == expected[::-1]:
        hint = "of an Embedding, or of weights stored as (inputs, outputs): name the module in fan_in_fan_out"
    raise ModelFormatError(
        f"{name!r} has the shape {list(shape)}, and the adapter's A {list(module.a.shape)} and B {list(module.b.shape)} are for "
        f"{list(expected)}",
        hint=hint,
    )
