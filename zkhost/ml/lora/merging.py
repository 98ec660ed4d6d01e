"""Proofs that weights are a base's with an adapter merged into them: W' = W + scaling * (B A), bit for bit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from zkhost.errors import ConfigError, ModelMismatchError, UnsupportedModelError
from zkhost.ml import ops
from zkhost.ml.disclosure import Options, check_salts, modes_of, require_digest
from zkhost.ml.graph import Array, Graph, Mode, Tensor
from zkhost.ml.lora.adapter import Adapter
from zkhost.ml.lora.updates import Update, update_of
from zkhost.ml.lower.lowering import Lowered
from zkhost.ml.model import Model
from zkhost.ml.read.onnx_file import Port
from zkhost.ml.read.safetensors_file import write_safetensors
from zkhost.ml.read.state import read_state
from zkhost.ml.read.stored import State, StoredTensor, stored
from zkhost.ml.tensors import OutputMode

if TYPE_CHECKING:
    from zkhost.image_id import ImageID
    from zkhost.ml.inference import Inference, ModelProof, ModelRun
    from zkhost.receipt.policy import VerifyPolicy
    from zkhost.receipt.receipt import Receipt

Place = Literal["image", "public", "hashed", "private"]
PLACES: tuple[Place, ...] = ("image", "public", "hashed", "private")
MERGED = "merged."
"""Before a weight's name: the output that is its merged value."""


def merge(
    base: str | os.PathLike[str] | bytes | Mapping[str, Array],
    adapter: Adapter,
    *,
    base_in: Place = "image",
    adapter_in: Place = "hashed",
    merged: Literal["public", "hashed"] = "public",
    modules: Sequence[str] | None = None,
    salt: bytes | None = None,
    salts: Mapping[str, bytes] | None = None,
) -> Merge:
    """Merge an adapter into a base, to prove that the result is exactly that.

    Everything but `salts`, and the values of what is not in the image, is part of the image ID: shapes, alpha, options. With
    `base_in` and `adapter_in` other than `image` it is the same for all bases and adapters of these shapes.

    Args:
        base: The base's weights: safetensors, a .pt of torch (a state dict; nothing of it is run), or arrays by name.
        adapter: What `read` returned.
        base_in: Where W is: in the image (its ID stands for it), or an input of which the journal shows all (public), the
            SHA-256 with a salt (hashed), nothing (private).
        adapter_in: The same for A and B.
        merged: What the journal shows of W': all, or the SHA-256 with a salt.
        modules: Merge these alone: for bases whose merge is more than one proof should be.
        salt: 32 bytes put into the image, so that a base or adapter in it is not recognised by the ID.
        salts: 32 bytes for each tensor that is hashed, by name; random for each proof where there are none. A verifier who
            gives them checks that the digests are those of these values.

    Raises:
        ModelFormatError: A module of the adapter has no weight in the base, or one of another shape.
        UnsupportedModelError: Weights that are not f32, f16 or bf16.
        ConfigError: An option that does not fit.
    """
    for option, place in (("base_in", base_in), ("adapter_in", adapter_in)):
        if place not in PLACES:
            raise ConfigError(f"{option}={place!r}", hint=f"one of {', '.join(PLACES)}")
    if merged not in ("public", "hashed"):
        raise ConfigError(f"merged={merged!r}", hint="public or hashed")
    state = base_state(base)
    chosen = adapter.modules if modules is None else tuple(adapter.module(name) for name in dict.fromkeys(modules))
    updates = [update_of(module, state) for module in chosen]
    if len({update.weight for update in updates}) < len(updates) or not updates:
        raise ConfigError("the adapter's modules name no weight, or one twice", hint="choose with modules=")
    lowered = _lowered(updates, base_in, adapter_in)
    shown: dict[str, OutputMode] = {port.name: "hashed" if merged == "hashed" else "all" for port in lowered.outputs}
    modes = modes_of(lowered, _modes(updates, base_in, adapter_in), shown)
    options = Options(modes, MappingProxyType(shown), False, salt, dict(salts or {}), True)
    check_salts(options)
    return Merge(Model(lowered, lowered, b"", options), state, tuple(updates))


def base_state(base: str | os.PathLike[str] | bytes | Mapping[str, Array]) -> State:
    """Return the base's tensors. Raises what `read_state` does."""
    if not isinstance(base, Mapping):
        return read_state(base)
    kinds: dict[str, ops.Precision] = {"float32": "f32", "float16": "f16"}
    state: dict[str, StoredTensor] = {}
    for name, array in base.items():
        if array.dtype.name not in kinds:
            raise UnsupportedModelError(
                f"{name!r} is of {array.dtype}", hint="give float32 or float16", expected="float32 or float16"
            )
        state[name] = stored(np.asarray(array), kinds[array.dtype.name])
    return state


def _lowered(updates: Sequence[Update], base_in: Place, adapter_in: Place) -> Lowered:
    weights: dict[str, Array] = {}
    constants: dict[str, Array] = {}
    tensors: dict[str, Tensor] = {}
    steps: list[ops.Op] = []
    ports = []
    for update in updates:
        for name, array, place in zip(
            update.names, (update.w, update.a, update.b), (base_in, adapter_in, adapter_in), strict=True
        ):
            if place == "image":
                constants[name] = array
            else:
                weights[name] = array
                tensors[name] = Tensor(name, "f32", array.shape)
        y = f"{MERGED}{update.weight}"
        tensors[y] = Tensor(y, "f32", update.w.shape)
        ports.append(Port(y, np.dtype(np.float32), update.w.shape))
        steps.append(
            ops.Merge(
                f"{update.module.name or update.weight} (Merge)", y, *update.names, update.scaling, update.transposed,
                update.module.enable, update.precision,
            )
        )  # fmt: skip
    outputs, shared = tuple(port.name for port in ports), tuple(weights)
    graph = Graph(f"{len(updates)} merged weights", shared, outputs, tensors, constants, tuple(steps), shared)
    return Lowered(graph, (), tuple(ports), tuple((name, name) for name in outputs), {}, weights)


def _modes(updates: Sequence[Update], base_in: Place, adapter_in: Place) -> dict[str, Mode]:
    """Return the modes of the weights that are inputs."""
    modes: dict[str, Mode] = {}
    for update in updates:
        for name, place in zip(update.names, (base_in, adapter_in, adapter_in), strict=True):
            if place != "image":
                modes[name] = place
    return modes


@dataclass(frozen=True)
class Merge:
    """A merge that can be proved. `model` is it as a guest: print it, estimate it, give it to any prover.

    `base` is the base's tensors as they were read; those that the adapter does not touch are not part of the proof.
    """

    model: Model
    base: State = field(repr=False)
    updates: tuple[Update, ...] = field(repr=False)

    @property
    def image_id(self) -> ImageID:
        """Commits to the operation, its shapes and scalings, and what is in the image of base and adapter."""
        return self.model.image_id

    def compute(self) -> dict[str, Array]:
        """Compute the merged weights, by the base's names, in f32 (which holds f16 and bf16), by the guest's own kernels."""
        found = self.model.compute({})
        return {name.removeprefix(MERGED): array for name, array in found.items()}

    def state(self) -> State:
        """Return all tensors of the base, in its types, the merged ones in place of their own."""
        precisions = {update.weight: update.precision for update in self.updates}
        return {**self.base, **{name: stored(w, precisions[name]) for name, w in self.compute().items()}}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `state` as safetensors."""
        write_safetensors(self.state(), path)

    def execute(self, **options: Any) -> ModelRun:
        """Run the guest without a proof: exact cycles; options as of `Guest.execute`."""
        return self.model.execute({}, **options)

    def prove(self, *args: Any, **options: Any) -> ModelProof:
        """Prove it; arguments as of `Guest.prove`. `proof.salts` open the digests: keep them, they are not in the receipt."""
        return self.model.prove({}, *args, **options)

    def verify(
        self,
        receipt: Receipt,
        *,
        merged: str | os.PathLike[str] | bytes | Mapping[str, Array] | None = None,
        digests: Mapping[str, bytes] | None = None,
        policy: VerifyPolicy | None = None,
        allow_fake: bool | None = None,
    ) -> Inference:
        """Verify that a receipt proves this merge, and return what its journal shows: digests and public values, by name.

        What the image has, and what this merge has `salts` for, is checked against the values here. `digests` are those that are
        expected of others, and `merged` the merged model, whose weights must be those that were proved (where W' is hashed,
        `salts` must have its salts). Raises VerificationError, or ModelMismatchError for other merged weights.
        """
        found = self.model.verify(receipt, policy=policy, allow_fake=allow_fake)
        for name, expected in (digests or {}).items():
            require_digest(
                repr(name), expected, found.digests.get(name), "the proof is of other values, or under another salt"
            )
        if merged is not None:
            self._check_merged(found, base_state(merged))
        return found

    def _check_merged(self, found: Inference, state: State) -> None:
        salts = self.model.options.salts
        for update in self.updates:
            name, output = update.weight, f"{MERGED}{update.weight}"
            if name not in state or state[name].shape != update.w.shape:
                raise ModelMismatchError(
                    f"the merged model has no {name!r} of shape {list(update.w.shape)}", tensor=name
                )
            values = state[name].floats(name)
            if output in found.outputs:
                differing = int((values.view(np.uint32) != found.outputs[output].view(np.uint32)).sum())
                if differing:
                    raise ModelMismatchError(
                        f"{differing:,} of {values.size:,} numbers of {name!r} are not those that were proved",
                        hint="it is another model, or was merged by other arithmetic", tensor=name, differing=differing,
                    )  # fmt: skip
            elif output not in salts:
                raise ConfigError(f"{output!r} is hashed, and salts lacks it", hint="give the prover's proof.salts")
            else:
                expected = self.model.digest(output, values, salts[output])
                require_digest(
                    repr(output), expected, found.digests[output], "it is another model, or the salt is another"
                )


def verify_merge(
    receipt: Receipt | str | os.PathLike[str],
    base: str | os.PathLike[str] | bytes | Mapping[str, Array],
    adapter: Adapter,
    *,
    merged_model: str | os.PathLike[str] | bytes | Mapping[str, Array] | None = None,
    digests: Mapping[str, bytes] | None = None,
    policy: VerifyPolicy | None = None,
    allow_fake: bool | None = None,
    **options: Any,
) -> Inference:
    """Verify that a receipt proves the merge of this adapter into this base, with the `options` of `merge` that the prover used.

    Values that the journal has digests of are needed only to check these: without an adapter, give its `outline`. See
    `Merge.verify` for the rest.
    """
    from zkhost.receipt.receipt import Receipt

    found = receipt if isinstance(receipt, Receipt) else Receipt.load(receipt)
    merged = merge(base, adapter, **options)
    return merged.verify(found, merged=merged_model, digests=digests, policy=policy, allow_fake=allow_fake)
