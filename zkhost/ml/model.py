"""`ml.load`: a model as a guest that takes arrays and returns arrays."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zkhost.errors import ConfigError, ModelMismatchError
from zkhost.guest.guest import Guest
from zkhost.ml.inference import ModelProof, ModelRun
from zkhost.ml.journal import Inference, decode
from zkhost.ml.lower.budget import MAX_FLOAT_CYCLES, check_budget
from zkhost.ml.lower.lowering import Lowered, lower
from zkhost.ml.outputs import choose
from zkhost.ml.read.onnx_file import Port, Source, read_onnx
from zkhost.ml.tensors import SALT_BYTES, InputMode, OutputMode, graph_inputs, named, to_bytes

if TYPE_CHECKING:
    import onnx

    from zkhost._shim import CancelToken
    from zkhost.environment.builder import ExecutorEnvBuilder
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.ml.check import CheckReport
    from zkhost.ml.compile import Compiled
    from zkhost.ml.graph import Array, Graph
    from zkhost.ml.show import Layer
    from zkhost.provers.interface import Executor, OnProgress, Prover, ProverOpts
    from zkhost.provers.planning.estimate import Estimate
    from zkhost.receipt.image_id import ImageID
    from zkhost.receipt.policy import VerifyPolicy
    from zkhost.receipt.receipt import Receipt

ModelSource = "str | os.PathLike[str] | bytes | onnx.ModelProto"


def load(
    model: str | os.PathLike[str] | bytes | onnx.ModelProto,
    *,
    dims: Mapping[str, int] | None = None,
    outputs: Sequence[str] | None = None,
    input: InputMode = "public",
    output: OutputMode = "all",
    k: int = 5,
    threshold: float | None = None,
    salt: bytes | None = None,
    accelerate: bool = True,
    max_float_cycles: int = MAX_FLOAT_CYCLES,
) -> Model:
    """Load an ONNX model, to prove its inference.

    Everything given here is part of the image ID: a verifier who recomputes it loads the same file with the same options.

    Args:
        model: The file, its bytes, or a ModelProto.
        dims: Sizes of dynamic axes by name, or by `input:axis`. The batch (the first axis) is 1 where nothing is given.
        outputs: Tensors of the model to compute in place of its outputs, such as the logits before a Softmax.
        input: What the journal shows of the input: all of it (public), its SHA-256 with a salt (hashed), nothing (private).
        output: What it shows of the outputs: all, the index of the largest (argmax), the `k` largest and their indices
            (topk), or whether each reaches `threshold`.
        salt: 32 bytes put into the image, so that a model that can be guessed is not recognised by its image ID.
        max_float_cycles: Refuse a model whose f32 layers take more cycles than this: a million take about a minute to prove
            on two cores.
        accelerate: Use the bigint accelerator. False: plain RISC-V instructions only, at thirty times the cycles.

    Raises:
        UnsupportedModelError: What is not taken, with node, operator, opset, what was expected and what to do.
        ModelFormatError: No model, a truncated one, or one that contradicts itself.
    """
    if input not in ("public", "hashed", "private"):
        raise ConfigError(f"input={input!r}", hint="one of public, hashed, private")
    if salt is not None and len(salt) != SALT_BYTES:
        raise ConfigError(
            f"salt has {len(salt)} bytes", hint=f"give {SALT_BYTES} random bytes: secrets.token_bytes({SALT_BYTES})"
        )
    source = read_onnx(model)
    whole = lower(source, dims, outputs)
    check_budget(whole.graph, max_float_cycles)
    chosen = choose(whole, output, k, threshold)
    return Model(source, whole, chosen, model=model, input=input, output=output, salt=salt, accelerate=accelerate)


def verify(
    receipt: Receipt | str | os.PathLike[str],
    model: Model | str | os.PathLike[str] | bytes | onnx.ModelProto,
    *,
    policy: VerifyPolicy | None = None,
    allow_fake: bool | None = None,
    **options: Any,
) -> Inference:
    """What a receipt proves that this model computes: outputs, and the input or its digest.

    The image ID is recomputed from the model, with the `options` of `load` that the prover used. Who has only the ID
    uses `Receipt.verify`. Raises VerificationError where the receipt does not prove it.
    """
    from zkhost.receipt.receipt import Receipt

    loaded = model if isinstance(model, Model) else load(model, **options)
    found = receipt if isinstance(receipt, Receipt) else Receipt.load(receipt)
    return loaded.verify(found, policy=policy, allow_fake=allow_fake)


class Model(Guest[Any, Inference]):
    """A model bound to its shapes: a guest whose input is arrays and whose journal is arrays.

    Wherever zkhost takes a program it takes a Model, and `env(inputs)` is the environment it runs in.
    """

    def __init__(
        self,
        source: Source,
        whole: Lowered,
        lowered: Lowered,
        *,
        model: str | os.PathLike[str] | bytes | onnx.ModelProto,
        input: InputMode,
        output: OutputMode,
        salt: bytes | None,
        accelerate: bool,
    ) -> None:
        """Use `load`."""
        self.contract = None
        self.name = source.name
        self.source = source
        self.whole = whole
        self.lowered = lowered
        self.model = model
        self.input_mode = input
        self.output_mode = output
        self.salt = salt
        self.accelerate = accelerate

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

    @cached_property
    def compiled(self) -> Compiled:
        """The plan: the model's canonical bytes, and what each layer costs."""
        from zkhost.ml.compile import compile_graph

        return compile_graph(self.graph, input=self.input_mode, salt=self.salt, accelerate=self.accelerate)

    @cached_property
    def program(self) -> bytes:  # type: ignore[override]
        """The program binary: the interpreter with the plan appended."""
        return self._image[0]

    @cached_property
    def image_id(self) -> ImageID:
        """Commits to interpreter, model and options together; what a receipt is verified against."""
        from zkhost.receipt.image_id import parse_image_id

        return parse_image_id(self._image[1])

    @cached_property
    def _image(self) -> tuple[bytes, bytes]:
        image = self.compiled.image()
        return image.program, image.image_id

    def show(self) -> list[Layer]:
        """The layers in order: node, shape, multiply-adds, cycles and their share."""
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
        """The outputs, computed here by the guest's own kernels. Proves nothing; microseconds."""
        stdin, predicted = self._prepare(inputs, None)
        del stdin
        return dict(predicted.outputs)

    def env(
        self, input: Any = None, builder: ExecutorEnvBuilder | None = None, *, input_salt: bytes | None = None
    ) -> ExecutorEnv:
        """The environment with those inputs and the accelerator's advice, computed here; see `Guest.env`.

        Raises ModelInputError, naming the input, and InferenceError where the model has no result.
        """
        from zkhost.environment.executor_env import ExecutorEnv

        if isinstance(input, ExecutorEnv):
            return input
        stdin, _ = self._prepare(input, self._salt(input_salt))
        return (builder or ExecutorEnv.builder()).write_slice(stdin).build()

    def decode_journal(self, data: bytes) -> Inference:
        """Outputs and inputs of a journal. Raises DecodeError for one that this model does not commit."""
        return decode(data, self.graph, self.inputs, self.outputs)

    def estimate(self, inputs: Any, **options: Any) -> Estimate:
        """Segments, memory and time of a proof on this machine; see `zkhost.estimate`."""
        from zkhost.provers.planning.estimate import estimate

        return estimate(self.program, self.env(inputs), **options)

    def execute(
        self,
        input: Any = None,
        *,
        executor: Executor | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> ModelRun:
        """Run it without a proof: exact cycles, and outputs that are unverified."""
        from zkhost.provers.select import default_executor

        chosen = executor or default_executor()
        return ModelRun(self, chosen.execute(self.env(input), self.program, on_progress=on_progress, cancel=cancel))

    def prove(
        self,
        input: Any = None,
        *,
        opts: ProverOpts | None = None,
        prover: Prover | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        input_salt: bytes | None = None,
        builder: ExecutorEnvBuilder | None = None,
        **storage: Any,
    ) -> ModelProof:
        """Prove that the model computes its outputs from this input.

        First the outputs are computed here and each segment is checked (about 0.3 s each), so that what cannot be proved
        costs no proving. `input_salt`: 32 bytes for a hashed input (default: random; kept in the proof). `storage` goes to
        the prover: checkpoint=..., cache=....

        Raises ModelInputError and InferenceError for the input, ModelMismatchError where the run differs from what was
        computed here, and a ProverError where proving fails.
        """
        from zkhost.environment.executor_env import ExecutorEnv
        from zkhost.ml import _native
        from zkhost.provers.interface import ProverOpts
        from zkhost.provers.select import default_prover

        salt = self._salt(input_salt)
        stdin, predicted = self._prepare(input, salt)
        self._same(_native.preflight(self.program, stdin)["journal"], predicted)
        env = (builder or ExecutorEnv.builder()).write_slice(stdin).build()
        chosen: Any = prover or default_prover()
        info = chosen.prove(env, self.program, opts or ProverOpts(), on_progress=on_progress, cancel=cancel, **storage)
        self._same(info.receipt.journal.bytes, predicted)
        return ModelProof(self, info, salt)

    def verify(
        self, receipt: Receipt, *, policy: VerifyPolicy | None = None, allow_fake: bool | None = None
    ) -> Inference:
        """What the receipt proves of this model. Raises VerificationError where it does not."""
        receipt.verify(self.image_id, policy=policy, allow_fake=allow_fake)
        return self.decode_journal(receipt.journal.bytes)

    def check(self, samples: Any) -> CheckReport:
        """Compare with onnxruntime on samples: an array with the samples on its first axis, or a sequence of inputs."""
        from zkhost.ml.check import check

        return check(self, samples)

    # -- within -------------------------------------------------------------------------------------------------------

    def _salt(self, given: bytes | None) -> bytes | None:
        if self.input_mode != "hashed":
            if given is not None:
                raise ConfigError(
                    f"input_salt with input={self.input_mode!r}", hint="load the model with input='hashed'"
                )
            return None
        if given is not None and len(given) != SALT_BYTES:
            raise ConfigError(f"input_salt has {len(given)} bytes", hint=f"give {SALT_BYTES} random bytes")
        return secrets.token_bytes(SALT_BYTES) if given is None else given

    def _prepare(self, inputs: Any, salt: bytes | None) -> tuple[bytes, Inference]:
        """All that the guest reads, and what its journal will say of the outputs."""
        from zkhost.ml import _native
        from zkhost.ml.tensors import from_bytes

        arrays = graph_inputs(self.graph, named(self.inputs, inputs))
        salt = bytes(SALT_BYTES) if self.input_mode == "hashed" and salt is None else salt
        done = _native.compute(self.compiled.plan, to_bytes(self.graph, arrays), salt)
        outputs = from_bytes(self.graph, self.graph.outputs, self.outputs, done.outputs)
        return done.stdin, Inference(outputs, None, None, self.input_mode)

    def _same(self, journal: bytes, predicted: Inference) -> None:
        found = self.decode_journal(journal)
        for name, array in predicted.outputs.items():
            if found.outputs[name].tobytes() != array.tobytes():
                raise ModelMismatchError(
                    f"the guest's {name!r} differs from what was computed here",
                    hint="the guest and the native library are of different builds: reinstall zkhost",
                    tensor=name,
                )
