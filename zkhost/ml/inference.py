"""What a proof of a model states, and what a Model's execute and prove return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from zkhost.errors import DecodeError
from zkhost.guest.proof import Proof, Run
from zkhost.ml.graph import Array, Graph, Mode
from zkhost.ml.journal import ModelJournal
from zkhost.ml.read.onnx_file import Port
from zkhost.ml.tensors import array_of

if TYPE_CHECKING:
    from zkhost.guest.guest import Guest
    from zkhost.provers.options import ProveInfo
    from zkhost.receipt.policy import VerifyPolicy


@dataclass(frozen=True)
class Inference:
    """An inference, as a journal shows it, by the model's names for its inputs and outputs.

    Of a batch, arrays have its samples on their first axis, in place of a batch axis of 1. `digests` are the SHA-256 of salt
    and tensor (`Model.digest`) of what is hashed: inputs, weights that are inputs, outputs. What is private is in neither.
    """

    outputs: Mapping[str, Array]
    inputs: Mapping[str, Array]
    digests: Mapping[str, bytes]
    modes: Mapping[str, Mode]
    count: int
    model_digest: bytes | None


def decode(
    data: bytes, graph: Graph, inputs: tuple[Port, ...], outputs: tuple[Port, ...], modes: Mapping[str, Mode]
) -> Inference:
    """Decode the journal of a graph that was compiled with those modes (of tensors, public where there is none); `inputs` are the
    ports of all its inputs. Raises DecodeError for a journal that it does not commit.
    """
    journal = ModelJournal.parse(data)
    names = (*graph.inputs, *graph.outputs)
    ports, parts = (*inputs, *outputs), (*journal.inputs, *journal.outputs)
    expected = [_expected(graph, name, modes.get(name, "public")) for name in names]
    found = [(part.mode, part.dtype, part.shared, part.nbytes) for part in parts]
    if journal.at_least is not None or len(journal.inputs) != len(inputs) or found != expected:
        raise DecodeError(
            "the journal is not one of an inference of this model, in these modes",
            path="", offset=0, expected=str(expected), found="an accuracy" if journal.at_least is not None else str(found),
            hint="load the model with the options that the prover used",
        )  # fmt: skip
    shown: list[dict[str, Array]] = [{}, {}]
    digests = {}
    for index, (name, port, part) in enumerate(zip(names, ports, parts, strict=True)):
        if part.mode == "public":
            count = 1 if part.shared else journal.count
            shown[index >= len(inputs)][port.name] = array_of(part.data, graph.tensors[name], port, count)
        elif part.mode == "hashed":
            digests[port.name] = part.data
    found_modes = {port.name: part.mode for port, part in zip(ports, parts, strict=True)}
    return Inference(shown[1], shown[0], digests, found_modes, journal.count, journal.model_digest)


def _expected(graph: Graph, name: str, mode: Mode) -> tuple[Any, ...]:
    tensor = graph.tensors[name]
    return mode, tensor.dtype, name in graph.shared, tensor.nbytes if mode == "public" else 0


class ModelRun(Run[Inference]):
    """A run without a proof. The executor does not check the accelerator's products, so `outputs` are unverified."""

    verified = False

    @property
    def outputs(self) -> Mapping[str, Array]:
        """The outputs by name, as the executor has them. Not proved."""
        return self.journal.outputs

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, UNVERIFIED>"


class ModelProof(Proof[Inference]):
    """A proof of an inference. `salts` open the digests in the journal (`Model.digest`); they are not in the receipt."""

    def __init__(self, guest: Guest[Any, Inference], info: ProveInfo, salts: Mapping[str, bytes]) -> None:
        super().__init__(guest, info)
        self.salts = salts

    def verify(self, *, policy: VerifyPolicy | None = None, allow_fake: bool | None = None) -> Self:
        """Return this proof only if the receipt proves an inference of this model. Raises VerificationError otherwise."""
        super().verify(policy=policy, allow_fake=allow_fake)
        self.guest.decode_journal(self.receipt.journal.bytes)
        return self

    @property
    def verified(self) -> bool:
        """False for a receipt of dev mode, which proves nothing."""
        return self.receipt.kind != "fake"

    @property
    def outputs(self) -> Mapping[str, Array]:
        """The outputs by name, in the model's own dtypes and shapes."""
        return self.journal.outputs

    def __repr__(self) -> str:
        return super().__repr__() if self.verified else f"{super().__repr__()[:-1]}, UNVERIFIED>"
