"""The native side of models: plans checked and run by the same kernels that the guest runs."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost import _shim, methods


@dataclass(frozen=True)
class Computed:
    """A plan's outputs, what the guest must read to prove them, and what it commits."""

    outputs: tuple[bytes, ...]
    stdin: bytes
    journal: bytes


@dataclass(frozen=True)
class Image:
    """A program binary and its image ID."""

    program: bytes
    image_id: bytes


def check_plan(plan: bytes) -> None:
    """Check every operation of a plan as the guest does. Raises PlanError."""
    _shim.call("nn_validate", {"plan": plan})


def compute(
    plan: bytes, inputs: bytes, *, salt: bytes | None = None, model_salt: bytes | None = None
) -> Computed:
    """Run a plan. `inputs` are the model's inputs one after the other, each filled up with zeros to whole words.

    `salt` (32 bytes) is for inputs that are hashed, `model_salt` for a plan that the guest reads as input. Raises PlanError.
    """
    reply = _shim.call("nn_compute", {"plan": plan, "inputs": inputs, "salt": salt, "model_salt": model_salt})
    return Computed(tuple(reply["outputs"]), reply["stdin"], reply["journal"])


def image(plan: bytes) -> Image:
    """The bundled interpreter with a plan appended, which its image ID then stands for. Raises PlanError."""
    reply = _shim.call("nn_image", {"program": methods.ML_ELF, "plan": plan})
    return Image(reply["program"], reply["image_id"])


def preflight(segment: bytes) -> None:
    """Check a segment (bincode) as its proof will, without proving it: 0.3 s where a proof takes minutes.

    Executing a guest does not check the products that it has the accelerator check. Raises ProverError.
    """
    _shim.call("segment_preflight", {"segment": segment})
