"""A model as a guest that takes arrays and returns arrays; `zkhost.ml.loader` makes one of a file."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import os
import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from zkhost import methods
from zkhost.errors import ConfigError, ModelInputError, ModelMismatchError
from zkhost.image_id import ImageID
from zkhost.ml import _native, guest_input
from zkhost.ml.computed import ComputedGuest
from zkhost.ml.disclosure import Options, require_digest
from zkhost.ml.graph import Mode
from zkhost.ml.inference import Inference, ModelProof, ModelRun, decode
from zkhost.ml.lower.lowering import Lowered
from zkhost.ml.read.onnx_file import Port
from zkhost.ml.tensors import (
    SALT_BYTES,
    Batch,
    OutputMode,
    batch_of,
    graph_inputs,
    label_indices,
    named,
    output_arrays,
    tensor_digest,
)

if TYPE_CHECKING:
    import onnx

    from zkhost.environment.executor_env import ExecutorEnv, ExecutorEnvBuilder
    from zkhost.guest.guest import Guest
    from zkhost.ml._native import Computed, Image
    from zkhost.ml.check import CheckReport
    from zkhost.ml.compile import Compiled
    from zkhost.ml.graph import Array, Graph
    from zkhost.ml.show import Layer
    from zkhost.provers.options import ProveInfo
    from zkhost.receipt.policy import VerifyPolicy
    from zkhost.receipt.receipt import Receipt
    from zkhost.session import SessionInfo

I = TypeVar("I")  # noqa: E741


class Model(ComputedGuest[Any, Inference]):
    """A model bound to its shapes: a guest whose input is arrays and whose journal is arrays.

    Wherever zkhost takes a program it takes a Model, and `env(inputs)` is the environment it runs in. An input is one array,
    a mapping with an array for each name, or a `Batch` of many of these, to be proved at once.
    """

    def __init__(
        self,
        whole: Lowered,
        lowered: Lowered,
        model: str | os.PathLike[str] | bytes | onnx.ModelProto,
        options: Options,
    ) -> None:
        """Use `load`."""
        self.contract = None
        self.name = whole.graph.name
        self.whole = whole
        self.lowered = lowered
        self.model = model
        self.options = options
        self._salts: dict[bytes, bytes] = {}

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The integer graph that is proved."""
        return self.lowered.graph

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Names, dtypes and shapes of the inputs."""
        return self.lowered.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Names, dtypes and shapes of what is proved of the outputs."""
        return self.lowered.outputs

    @property
    def weights(self) -> Mapping[str, Array]:
        """The weights that are not in the image, from the file."""
        return self.lowered.weights

    @property
    def modes(self) -> Mapping[str, Mode]:
        """What the journal shows of each input, weight that is an input, and output (of what `output_modes` leave of it)."""
        return self.options.modes

    @property
    def output_modes(self) -> Mapping[str, OutputMode]:
        """What is shown of each output."""
        return self.options.outputs

    @property
    def salt(self) -> bytes | None:
        """The salt in the image, or that of the digest of a hidden model: keep it, a verifier with the file needs it."""
        return self.options.salt

    @cached_property
    def model_digest(self) -> bytes | None:
        """What the journal has of a model that is hidden as a whole: SHA-256 of salt and plan. None of one in the image."""
        if not self.options.hidden:
            return None
        assert self.salt is not None
        return hashlib.sha256(self.salt + self.compiled.plan).digest()

    @cached_property
    def compiled(self) -> Compiled:
        """The plan: the model's canonical bytes, and what each layer costs."""
        from zkhost.ml.compile import compile_graph

        options = self.options
        salt = None if options.hidden else options.salt
        return compile_graph(
            self.graph,
            modes=self._tensor_modes,
            salt=salt,
            accelerate=options.accelerate,
            hidden=options.hidden,
        )

    @cached_property
    def program(self) -> bytes:  # type: ignore[override]
        """The program binary: the interpreter with the plan appended, or alone where the model is hidden."""
        return methods.ML_ELF if self.options.hidden else self._image.program

    @cached_property
    def image_id(self) -> ImageID:
        """Commits to interpreter, model and options together; of a hidden model to the interpreter alone."""
        return methods.ML_ID if self.options.hidden else ImageID(self._image.image_id)

    @cached_property
    def _image(self) -> Image:
        return self.compiled.image()

    @property
    def _tensor_modes(self) -> dict[str, Mode]:
        """The modes by the graph's names."""
        names = zip(self.graph.outputs, (port.name for port in self.outputs), strict=True)
        return {name: self.modes[name] for name in self.graph.inputs} | {name: self.modes[port] for name, port in names}

    @property
    def _ports(self) -> tuple[Port, ...]:
        """Those of all the graph's inputs."""
        return (*self.inputs, *(Port(name, array.dtype, array.shape) for name, array in self.weights.items()))

    def show(self) -> list[Layer]:
        """Return the layers in order: node, shape, multiply-adds, cycles and their share."""
        from zkhost.ml.show import layers

        return layers(self)

    def __repr__(self) -> str:
        ports = ", ".join(f"{port.name} {port.dtype}{list(port.axes)}" for port in self.inputs)
        return f"<Model {self.name}: {ports}, {len(self.graph.ops)} operations>"

    def __str__(self) -> str:
        from zkhost.ml.show import text

        return text(self)

    def _repr_html_(self) -> str:
        from zkhost.ml.show import html_table

        return html_table(self)

    # -- running ------------------------------------------------------------------------------------------------------

    def compute(self, inputs: Any) -> dict[str, Array]:
        """Compute the outputs, hashed ones too, by the guest's own kernels. Proves nothing; takes microseconds."""
        return output_arrays(self.graph, self.outputs, self._prepared(inputs).outputs)

    def advice(self, inputs: Any) -> bytes:
        """Return what a guest of one's own that has this model reads when it runs it on these inputs (a Batch: one by one).

        That is what `run` of the crate zkhost_nn reads: the inputs, which it compares with the guest's, and the accelerator's
        advice. Raises ModelInputError, naming the input, InferenceError, and ConfigError for a model with hidden weights.
        """
        if self.weights:
            raise ConfigError(
                "hidden weights are inputs, and a guest of one's own has none", hint="load it without hidden"
            )
        salts = {name: bytes(SALT_BYTES) for name, mode in self._tensor_modes.items() if mode == "hashed"}
        parts = []
        for sample in self.samples(inputs):
            given = guest_input.inference(self.graph, self._tensor_modes, {}, [sample], salts)
            done = _native.compute(self.compiled.plan, given)
            parts.append(done.stdin[len(given) - len(guest_input.sample(self.graph, sample)) :])
        return b"".join(parts)

    def guest_env(
        self, guest: Guest[I, Any], input: I | None, inputs: Any, builder: ExecutorEnvBuilder | None = None
    ) -> ExecutorEnv:
        """Return the environment of a guest that has this model: its own input, then `advice` for the inputs that it runs the model on.

        To prove it, use `ProverOpts(preflight=True)`: executing does not check the accelerator's products. Raises as `advice`
        and `Guest.builder` do, and ModelMismatchError where the guest was built with another model.
        """
        if self.compiled.plan not in guest.program:
            raise ModelMismatchError(
                f"the guest {guest.name} was not built with the model {self.name} as it is loaded here",
                hint="run `zkhost build`, and load the model with the options of its [tool.zkhost.models.NAME]",
            )
        return guest.builder(input, builder).write_slice(self.advice(inputs)).build()

    def decode_journal(self, data: bytes) -> Inference:
        """Decode a journal. Raises DecodeError for one that this model does not commit, and DigestMismatchError for one of
        another hidden model, or of other hidden weights than those whose salts are known.
        """
        found = decode(data, self.graph, self._ports, self.outputs, self._tensor_modes)
        self.check_digests(found.model_digest, found.digests)
        return found

    if TYPE_CHECKING:

        def execute(self, *args: Any, **options: Any) -> ModelRun:
            """Execute as `Guest.execute` does: exact cycles, and outputs that are unverified."""

        def prove(self, *args: Any, **options: Any) -> ModelProof:
            """Prove as `Guest.prove` does. First each segment is checked, which takes about 0.3 s each: see `_native.checked_env`."""

    def verify(
        self, receipt: Receipt, *, policy: VerifyPolicy | None = None, allow_fake: bool | None = None
    ) -> Inference:
        """Verify that the receipt proves an inference of this model, and return it. Raises VerificationError where it does not."""
        receipt.verify(self.image_id, policy=policy, allow_fake=allow_fake)
        return self.decode_journal(receipt.journal.bytes)

    def digest(self, name: str, value: Any, salt: bytes) -> bytes:
        """Return what a journal has of a hashed input, weight or output with this value and this salt: SHA-256, 32 bytes.

        The value is an array in the model's dtype, of one sample, or a Batch of many. Raises ModelInputError.
        """
        ports = {port.name: port for port in (*self._ports, *self.outputs)}
        if name not in ports:
            raise ModelInputError(f"there is no {name!r}", hint=f"one of {', '.join(ports)}", expected=", ".join(ports))
        port = ports[name]
        samples = batch_of([port], value.samples) if isinstance(value, Batch) else [value]
        if port.labels:
            return tensor_digest([label_indices(port, sample) for sample in samples], salt)
        return tensor_digest([named([port], sample)[name] for sample in samples], salt)

    def check(self, samples: Any) -> CheckReport:
        """Compare with onnxruntime on samples: an array with the samples on its first axis, or a sequence of inputs."""
        from zkhost.ml.check import check

        return check(self.whole, self.model, samples)

    # -- within -------------------------------------------------------------------------------------------------------

    def samples(self, inputs: Any) -> list[dict[str, Array]]:
        """Return the samples of one input or a Batch, checked, in the graph's dtypes. Raises ModelInputError, naming the input."""
        return [graph_inputs(self.graph, sample) for sample in self.named_samples(inputs)]

    def named_samples(self, inputs: Any) -> list[dict[str, Array]]:
        """Return the same in the model's dtypes."""
        given = batch_of(self.inputs, inputs.samples) if isinstance(inputs, Batch) else [inputs]
        if not given:
            raise ModelInputError("a batch without samples", hint="give one or more")
        return [named(self.inputs, sample) for sample in given]

    def with_salts(self, salts: Mapping[str, bytes]) -> Model:
        """Return the same model whose proofs have these salts, of those that it has use for."""
        made = copy.copy(self)
        made._salts = {}
        used = {name: salt for name, salt in salts.items() if self.modes.get(name) == "hashed"}
        made.options = dataclasses.replace(self.options, salts=used)
        return made

    def run(self, given: bytes) -> Computed:
        """Run the plan natively on what the guest is to read (`zkhost.ml.guest_input`)."""
        return _native.compute(self.compiled.plan, given, model_salt=self.salt if self.options.hidden else None)

    def fresh_salts(self) -> dict[str, bytes]:
        """Return a salt for everything that is hashed, by the model's names."""
        hashed = [name for name, mode in self.modes.items() if mode == "hashed"]
        return {name: self.options.salts.get(name) or secrets.token_bytes(SALT_BYTES) for name in hashed}

    @property
    def graph_weights(self) -> dict[str, Array]:
        """The weights that are inputs, in the graph's dtypes."""
        return graph_inputs(self.graph, self.weights)

    def check_digests(self, model_digest: bytes | None, digests: Mapping[str, bytes]) -> None:
        """Raise DigestMismatchError where the model is another hidden one, or a hidden weight whose salt is known another."""
        hint = "load it with hidden=True and the prover's salt"
        require_digest("the model", self.model_digest, model_digest, hint)
        for name, array in self.weights.items():
            if name in self.options.salts:
                expected = tensor_digest(array, self.options.salts[name])
                require_digest(f"the weight {name!r}", expected, digests[name], "the file has another, or the salt is")

    def _prepared(self, input: Any) -> Computed:
        """Return the outputs, and all that the guest reads."""
        salts = self.fresh_salts()
        outputs = zip(self.graph.outputs, (port.name for port in self.outputs), strict=True)
        by_tensor = salts | {name: salts[port] for name, port in outputs if port in salts}
        samples = self.samples(input)
        given = guest_input.inference(self.graph, self._tensor_modes, self.graph_weights, samples, by_tensor)
        done = self.run(given)
        for name, digest in self.decode_journal(done.journal).digests.items():
            self._salts[digest] = salts[name]
        return done

    def _run(self, session: SessionInfo) -> ModelRun:
        return ModelRun(self, session)

    def _proof(self, info: ProveInfo) -> ModelProof:
        digests = self.decode_journal(info.receipt.journal.bytes).digests
        salts = {name: self._salts[digest] for name, digest in digests.items() if digest in self._salts}
        return ModelProof(self, info, salts)
