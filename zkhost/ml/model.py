"""`ml.load`: a model as a guest that takes arrays and returns arrays."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zkhost.errors import ConfigError, ModelMismatchError
from zkhost.guest.guest import Guest
from zkhost.image_id import ImageID
from zkhost.ml.compile.budget import MAX_FLOAT_CYCLES, check_budget
from zkhost.ml.inference import ModelProof, ModelRun
from zkhost.ml.journal import Inference, decode, input_digest
from zkhost.ml.lower.lowering import Lowered, lower
from zkhost.ml.outputs import choose
from zkhost.ml.read.estimator import as_file
from zkhost.ml.read.model_file import read_model
from zkhost.ml.read.onnx_file import Port, Source
from zkhost.ml.tensors import SALT_BYTES, InputMode, OutputMode, from_bytes, graph_inputs, named, to_bytes

if TYPE_CHECKING:
    import onnx

    from zkhost._cancel import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv, ExecutorEnvBuilder
    from zkhost.ml._native import Computed, Image
    from zkhost.ml.check import CheckReport
    from zkhost.ml.compile import Compiled
    from zkhost.ml.graph import Array, Graph
    from zkhost.ml.show import Layer
    from zkhost.provers.options import ProveInfo
    from zkhost.receipt.policy import VerifyPolicy
    from zkhost.receipt.receipt import Receipt
    from zkhost.session import SessionInfo


def load(
    model: str | os.PathLike[str] | bytes | onnx.ModelProto | Any,
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
    input_salt: bytes | None = None,
) -> Model:
    """Load a model, to prove its inference: ONNX, XGBoost's JSON, LightGBM's text, or a fitted model.

    Everything given here is part of the image ID: a verifier who recomputes it loads the same file with the same options.

    Args:
        model: The file, its bytes, or a ModelProto; or a fitted scikit-learn estimator or pipeline (exported by skl2onnx: pip
            install 'zkhost[sklearn]'), or a booster or estimator of XGBoost or LightGBM.
        dims: Sizes of dynamic axes by name, or by `input:axis`. The batch (the first axis) is 1 where nothing is given.
        outputs: Tensors of the model to compute in place of its outputs, such as the logits before a Softmax.
        input: What the journal shows of the input: all of it (public), its SHA-256 with a salt (hashed), nothing (private).
        output: What it shows of the outputs: all, the index of the largest (argmax), the `k` largest and their indices
            (topk), or whether each reaches `threshold`.
        salt: 32 bytes put into the image, so that a model that can be guessed is not recognised by its image ID.
        max_float_cycles: Refuse a model whose f32 layers take more cycles than this: a million take about a minute to prove
            on two cores.
        accelerate: Use the bigint accelerator. False: plain RISC-V instructions only, at thirty times the cycles.
        input_salt: 32 bytes for hashed inputs (default: random for each proof, kept as `proof.input_salt`). Not part of the
            image ID.

    Raises:
        UnsupportedModelError: What is not taken, with node, operator, opset, what was expected and what to do.
        ModelFormatError: No model, a truncated one, or one that contradicts itself.
    """
    if input not in ("public", "hashed", "private"):
        raise ConfigError(f"input={input!r}", hint="one of public, hashed, private")
    for name, given in (("salt", salt), ("input_salt", input_salt)):
        if given is not None and len(given) != SALT_BYTES:
            raise ConfigError(f"{name} has {len(given)} bytes", hint=f"use secrets.token_bytes({SALT_BYTES})")
    if input_salt is not None and input != "hashed":
        raise ConfigError(f"input_salt with input={input!r}", hint="it is for input='hashed'")
    model = as_file(model)
    source = read_model(model)
    whole = lower(source, dims, outputs)
    check_budget(whole.graph, max_float_cycles)
    chosen = choose(whole, output, k, threshold)
    return Model(source, whole, chosen, model, Options(input, output, salt, accelerate, input_salt))


def verify(
    receipt: Receipt | str | os.PathLike[str],
    model: Model | str | os.PathLike[str] | bytes | onnx.ModelProto | Any,
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


@dataclass(frozen=True)
class Options:
    """How a model was loaded; see `load`."""

    input: InputMode
    output: OutputMode
    salt: bytes | None
    accelerate: bool
    input_salt: bytes | None


class Model(Guest[Any, Inference]):
    """A model bound to its shapes: a guest whose input is arrays and whose journal is arrays.

    Wherever zkhost takes a program it takes a Model, and `env(inputs)` is the environment it runs in.
    """

    def __init__(
        self,
        source: Source,
        whole: Lowered,
        lowered: Lowered,
        model: str | os.PathLike[str] | bytes | onnx.ModelProto,
        options: Options,
    ) -> None:
        """Use `load`."""
        self.contract = None
        self.name = source.name
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
    def input_mode(self) -> InputMode:
        """What the journal shows of the input."""
        return self.options.input

    @property
    def output_mode(self) -> OutputMode:
        """What it shows of the outputs."""
        return self.options.output

    @cached_property
    def compiled(self) -> Compiled:
        """The plan: the model's canonical bytes, and what each layer costs."""
        from zkhost.ml.compile import compile_graph

        options = self.options
        return compile_graph(self.graph, input=options.input, salt=options.salt, accelerate=options.accelerate)

    @cached_property
    def program(self) -> bytes:  # type: ignore[override]
        """The program binary: the interpreter with the plan appended."""
        return self._image.program

    @cached_property
    def image_id(self) -> ImageID:
        """Commits to interpreter, model and options together; what a receipt is verified against."""
        return ImageID(self._image.image_id)

    @cached_property
    def _image(self) -> Image:
        return self.compiled.image()

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
        return self._outputs(self._prepared(inputs).outputs)

    def env(self, input: Any = None, builder: ExecutorEnvBuilder | None = None) -> ExecutorEnv:
        """The environment with those inputs and the accelerator's advice, computed here; see `Guest.env`.

        Raises ModelInputError, naming the input, and InferenceError where the model has no result.
        """
        from zkhost.environment.executor_env import ExecutorEnv

        if isinstance(input, ExecutorEnv):
            return input
        return (builder or ExecutorEnv.builder()).write_slice(self._prepared(input).stdin).build()

    def decode_journal(self, data: bytes) -> Inference:
        """Outputs and inputs of a journal. Raises DecodeError for one that this model does not commit."""
        return decode(data, self.graph, self.inputs, self.outputs, self.input_mode)

    if TYPE_CHECKING:

        def execute(self, *args: Any, **options: Any) -> ModelRun:
            """As `Guest.execute`: exact cycles, and outputs that are unverified."""

        def prove(self, *args: Any, **options: Any) -> ModelProof:
            """As `Guest.prove`. First each segment is checked, which takes about 0.3 s each: see `_to_prove`."""

    def verify(
        self, receipt: Receipt, *, policy: VerifyPolicy | None = None, allow_fake: bool | None = None
    ) -> Inference:
        """What the receipt proves of this model. Raises VerificationError where it does not."""
        receipt.verify(self.image_id, policy=policy, allow_fake=allow_fake)
        return self.decode_journal(receipt.journal.bytes)

    def input_digest(self, inputs: Any, salt: bytes) -> bytes:
        """What a journal of a hashed input has for these inputs and this salt: SHA-256, 32 bytes."""
        arrays = graph_inputs(self.graph, named(self.inputs, inputs))
        return input_digest(salt, to_bytes(self.graph, arrays))

    def check(self, samples: Any) -> CheckReport:
        """Compare with onnxruntime on samples: an array with the samples on its first axis, or a sequence of inputs."""
        from zkhost.ml.check import check

        return check(self.whole, self.model, samples)

    # -- within -------------------------------------------------------------------------------------------------------

    def _prepared(self, inputs: Any) -> Computed:
        """The outputs, and all that the guest reads."""
        from zkhost.ml._native import compute

        data = to_bytes(self.graph, graph_inputs(self.graph, named(self.inputs, inputs)))
        salt = None
        if self.input_mode == "hashed":
            salt = self.options.input_salt or secrets.token_bytes(SALT_BYTES)
            self._salts[input_digest(salt, data)] = salt
        return compute(self.compiled.plan, data, salt=salt)

    def _outputs(self, data: bytes) -> dict[str, Array]:
        return from_bytes(self.graph, self.graph.outputs, self.outputs, data)

    def _to_prove(self, input: Any, segment_limit_po2: int | None, cancel: CancelToken | None) -> ExecutorEnv:
        """Executing does not check the accelerator's products, so each segment is checked as its proof will be: what cannot be
        proved costs no proving. Raises ModelMismatchError where the guest computed something else than was computed here.
        """
        from zkhost.environment.executor_env import ExecutorEnv
        from zkhost.ml._native import preflight

        if isinstance(input, ExecutorEnv):
            return self._limited(input, segment_limit_po2)
        done = self._prepared(input)
        limit = segment_limit_po2
        found = preflight(self.program, done.stdin, segment_limit_po2=limit, cancel=cancel)
        if found.journal != done.journal:
            raise ModelMismatchError(
                f"the guest of {self.name} computed something else than the native library",
                hint="they are of different builds: reinstall zkhost",
            )
        return self._limited(ExecutorEnv.builder().write_slice(done.stdin).build(), segment_limit_po2)

    def _run(self, session: SessionInfo) -> ModelRun:
        return ModelRun(self, session)

    def _proof(self, info: ProveInfo) -> ModelProof:
        proof = ModelProof(self, info)
        digest = proof.journal.input_digest
        proof.input_salt = None if digest is None else self._salts.get(digest)
        return proof
