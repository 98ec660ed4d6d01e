"""A model in parts, each with a proof of its own: for models that take too long, or too much, in one place.

The parts follow each other in the order of the model's operations. A tensor that one part computes and another reads is
hashed in both journals, under one salt: equal digests show that it is the same tensor. All parts are of one model, so the
verifier recomputes their image IDs from the file, and a chain of receipts that fits states what one receipt of the whole
model would.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from zkhost.errors import ChainError, ConfigError
from zkhost.ml.graph import NUMPY, Graph
from zkhost.ml.inference import Inference, ModelProof
from zkhost.ml.loader import load
from zkhost.ml.lower.lowering import Lowered
from zkhost.ml.model import Model
from zkhost.ml.read.onnx_file import Port
from zkhost.ml.tensors import SALT_BYTES, Batch

if TYPE_CHECKING:
    import onnx

    from zkhost.ml.graph import Array, Mode
    from zkhost.receipt.policy import VerifyPolicy
    from zkhost.receipt.receipt import Receipt


@dataclass(frozen=True)
class Stage:
    """A part of a model with the inputs it has: prove it where you like, and keep the receipts in the order of the parts."""

    model: Model
    inputs: Any

    def prove(self, **options: Any) -> ModelProof:
        """Prove it; `options` are those of `Guest.prove`."""
        return self.model.prove(self.inputs, **options)


@dataclass(frozen=True)
class ChainProof:
    """The proofs of all parts. `verify` before believing them."""

    chain: Chain
    proofs: tuple[ModelProof, ...]

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """In the order of the parts."""
        return tuple(proof.receipt for proof in self.proofs)

    @property
    def salts(self) -> Mapping[str, bytes]:
        """What opens the digests of hashed inputs, weights and outputs."""
        return {name: salt for proof in self.proofs for name, salt in proof.salts.items()}

    def verify(self, *, policy: VerifyPolicy | None = None, allow_fake: bool | None = None) -> Inference:
        """Verify all proofs, and return what they state together. Raises VerificationError."""
        return self.chain.verify(self.receipts, policy=policy, allow_fake=allow_fake)


class Chain:
    """A model in parts."""

    def __init__(self, whole: Model, parts: Sequence[Model]) -> None:
        """Use `split`."""
        self.whole = whole
        self.parts = tuple(parts)

    def __repr__(self) -> str:
        return f"<Chain of {self.whole.name}: {', '.join(f'{p.compiled.cycles:,}' for p in self.parts)} cycles>"

    def stages(self, inputs: Any, *, salts: Mapping[str, bytes] | None = None) -> Iterator[Stage]:
        """Yield the parts with their inputs, which are computed here.

        `inputs` are the model's: one input, or a Batch. What is hashed, tensors between the parts too, has the salt in
        `salts`, or that of `load`, or a fresh one.
        """
        hashed = [name for part in self.parts for name, mode in part.modes.items() if mode == "hashed"]
        known_salts = {**self.whole.options.salts, **(salts or {})}
        used = {name: known_salts.get(name) or secrets.token_bytes(SALT_BYTES) for name in hashed}
        samples, batch = self.whole.named_samples(inputs), isinstance(inputs, Batch)
        known: list[dict[str, Array]] = samples
        for part in self.parts:
            needed = [port.name for port in part.inputs]
            given = [{name: values[name] for name in needed} for values in known]
            yield Stage(part.with_salts(used), Batch(given) if batch else given[0])
            known = [values | part.compute(each) for values, each in zip(known, given, strict=True)]

    def prove(self, inputs: Any, *, salts: Mapping[str, bytes] | None = None, **options: Any) -> ChainProof:
        """Prove all parts, one after the other; `options` are those of `Guest.prove`, but for a checkpoint, which is one part's."""
        if options.get("checkpoint") is not None:
            raise ConfigError(
                "a checkpoint is of one proof", hint="prove the parts of stages(...), each with a folder of its own"
            )
        return ChainProof(self, tuple(stage.prove(**options) for stage in self.stages(inputs, salts=salts)))

    def verify(
        self,
        receipts: Sequence[Receipt | str | os.PathLike[str]],
        *,
        policy: VerifyPolicy | None = None,
        allow_fake: bool | None = None,
    ) -> Inference:
        """Verify the receipts of all parts, in order, and return what they prove of the whole model.

        Raises VerificationError where one is not of its part, and ChainError where two parts are not of one run.
        """
        from zkhost.receipt.receipt import Receipt

        if len(receipts) != len(self.parts):
            raise ChainError(
                f"{len(receipts)} receipts of a model in {len(self.parts)} parts",
                hint="give one for each part, in order",
            )
        found = []
        for part, receipt in zip(self.parts, receipts, strict=True):
            loaded = receipt if isinstance(receipt, Receipt) else Receipt.load(receipt)
            found.append(part.verify(loaded, policy=policy, allow_fake=allow_fake))
        return self.join(found)

    def join(self, found: Sequence[Inference]) -> Inference:
        """Return what the parts' inferences state together. Raises ChainError, naming the tensor, where they are not of one run."""
        first = found[0]
        values: dict[str, bytes] = {}
        arrays: dict[str, Array] = {}
        for place, inference in enumerate(found):
            if inference.count != first.count:
                raise ChainError(
                    f"part {place + 1} is of {inference.count} samples, part 1 of {first.count}",
                    hint="give the receipts of one run",
                )
            shown = {**inference.inputs, **inference.outputs}
            arrays |= shown
            for name, value in {**{n: _raw(a) for n, a in shown.items()}, **inference.digests}.items():
                if values.setdefault(name, value) != value:
                    raise ChainError(
                        f"part {place + 1} is of another {name!r} than the parts before it",
                        hint="give the receipts of one run, in the order of the parts",
                        tensor=name,
                    )
        modes = self.whole.modes
        ports = [*self.whole.inputs, *self.whole.outputs]
        names = [*(port.name for port in ports), *self.whole.weights]
        outputs = {port.name: arrays[port.name] for port in self.whole.outputs if modes[port.name] == "public"}
        inputs = {n: arrays[n] for n in names if modes[n] == "public" and n not in outputs}
        digests = {n: values[n] for n in names if modes[n] == "hashed"}
        return Inference(outputs, inputs, digests, modes, first.count, None)


def _raw(array: Array) -> bytes:
    return str(array.shape).encode() + array.tobytes()


def split(
    model: Model | str | os.PathLike[str] | bytes | onnx.ModelProto,
    parts: int = 2,
    *,
    after: Sequence[str] = (),
    **options: Any,
) -> Chain:
    """Cut a model into parts of about equal cost, or after the layers that compute the tensors named in `after`.

    `model` is a Model, or what `load` takes with its `options`. Cuts lie where little passes from one part to the next, and
    not inside layers that one kernel does at once. Raises ConfigError where there are too few layers, or no such tensor.
    """
    whole = model if isinstance(model, Model) else load(model, **options)
    if whole.options.hidden:
        raise ConfigError(
            "a model that is hidden as a whole cannot be split", hint="hide its weights: hidden=['*weight*']"
        )
    cuts = _named_cuts(whole, after) if after else _even_cuts(whole, parts)
    edges = [0, *cuts, len(whole.graph.ops)]
    numbers = [f"{place} of {len(edges) - 1}" for place in range(1, len(edges))]
    made = [_part(whole, start, end, number) for (start, end), number in zip(pairwise(edges), numbers, strict=True)]
    return Chain(whole, made)


def verify_split(
    receipts: Sequence[Receipt | str | os.PathLike[str]],
    model: Model | str | os.PathLike[str] | bytes | onnx.ModelProto,
    parts: int = 2,
    *,
    after: Sequence[str] = (),
    policy: VerifyPolicy | None = None,
    allow_fake: bool | None = None,
    **options: Any,
) -> Inference:
    """Verify the receipts of a model's parts, in order, and return what they prove together, as `verify` does of the whole model's.

    The parts are recomputed, so `parts` or `after`, and the `options` of `load`, are those that the prover used. Raises
    VerificationError.
    """
    return split(model, parts, after=after, **options).verify(receipts, policy=policy, allow_fake=allow_fake)


def _named_cuts(whole: Model, after: Sequence[str]) -> list[int]:
    graph, places, cuts = whole.graph, whole.lowered.places, []
    for name in after:
        tensors = {tensor for tensor, names in places.items() if name in names} | {name}
        found = [place + 1 for place, op in enumerate(graph) if tensors.intersection(op.writes())]
        if not found or found[-1] == len(graph.ops):
            raise ConfigError(
                f"after={name!r}: no layer before the last computes it",
                hint=f"one of {', '.join(sorted(n for op in graph for t in op.writes() for n in places.get(t, ())))}",
            )
        cuts.append(found[-1])
    if sorted(set(cuts)) != cuts:
        raise ConfigError(
            f"after={list(after)}: these are not in the order of the layers", hint="name each once, in order"
        )
    return cuts


def _even_cuts(whole: Model, parts: int) -> list[int]:
    """Return the cheapest places: those where parts are most equal, and of them those where the fewest bytes pass."""
    costs = [layer.cycles for layer in whole.compiled.layers]
    # A fused operation has no cost of its own: a cut before it would take it out of its kernel.
    places = [at for at in range(1, len(costs)) if whole.compiled.layers[at].kind != "fused"]
    if not 2 <= parts <= len(places) + 1:
        raise ConfigError(f"parts={parts} of a model with {len(places) + 1} layers", hint=f"2 to {len(places) + 1}")
    total, spent = sum(costs), np.cumsum([0, *costs])
    cuts: list[int] = []
    for part in range(1, parts):
        wanted = total * part / parts
        left = [
            at
            for at in places
            if (not cuts or at > cuts[-1]) and len([p for p in places if p > at]) >= parts - 1 - part
        ]
        nearest = min(abs(int(spent[at]) - wanted) for at in left)
        close = [at for at in left if abs(int(spent[at]) - wanted) <= nearest + total / (10 * parts)]
        cuts.append(
            min(close, key=lambda at: (sum(whole.graph.tensors[name].nbytes for name in _live(whole.graph, at)), at))
        )
    return cuts


def _live(graph: Graph, at: int) -> list[str]:
    """Tensors that operations from `at` on read and others before it write."""
    before = {name for op in graph.ops[:at] for name in op.writes()}
    return list(dict.fromkeys(name for op in graph.ops[at:] for name in op.reads() if name in before))


def _part(whole: Model, start: int, end: int, place: str) -> Model:
    graph, steps = whole.graph, whole.graph.ops[start:end]
    written = {name for op in steps for name in op.writes()}
    read = dict.fromkeys(name for op in steps for name in op.reads())
    shared = tuple(name for name in graph.shared if name in read)
    inputs = tuple(name for name in read if name in graph.tensors and name not in written and name not in shared)
    later = {name for op in graph.ops[end:] for name in op.reads()}
    outputs = tuple(name for name in graph.tensors if name in written and (name in graph.outputs or name in later))
    outside = dict(zip(graph.outputs, whole.outputs, strict=True)) | {port.name: port for port in whole.inputs}
    part = Graph(
        f"{graph.name} ({place})", (*inputs, *shared), outputs,
        {name: graph.tensors[name] for name in graph.tensors if name in written or name in inputs or name in shared},
        {name: array for name, array in graph.constants.items() if name in read}, steps, shared,
    )  # fmt: skip

    def port(name: str) -> Port:
        tensor = graph.tensors[name]
        return outside.get(name) or Port(name, np.dtype(NUMPY[tensor.dtype]), tensor.shape)

    names = {name: port(name).name for name in (*inputs, *outputs)}
    modes: dict[str, Mode] = {names[name]: whole.modes.get(names[name], "hashed") for name in (*inputs, *outputs)}
    modes |= {name: whole.modes[name] for name in shared}
    twice = [
        name for name, mode in modes.items() if mode == "private" and sum(name in op.reads() for op in graph.ops[end:])
    ]
    if twice:
        raise ConfigError(
            f"{twice[0]!r} is private and read by several parts", hint="hashed binds them; or cut elsewhere"
        )
    weights = {name: whole.weights[name] for name in shared}
    ports = tuple(map(port, inputs)), tuple(map(port, outputs))
    lowered = Lowered(part, *ports, tuple((name, names[name]) for name in outputs), whole.lowered.places, weights)
    salts = {name: salt for name, salt in whole.options.salts.items() if name in shared}
    options = dataclasses.replace(whole.options, modes=MappingProxyType(modes), salts=salts)
    return Model(lowered, lowered, whole.model, options)
