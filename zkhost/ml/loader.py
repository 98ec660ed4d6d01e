"""`ml.load`, which makes a guest of a model file, and `ml.verify`, which verifies a receipt against one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from zkhost.errors import ConfigError
from zkhost.ml import gguf
from zkhost.ml.compile.budget import MAX_FLOAT_CYCLES, check_budget
from zkhost.ml.disclosure import Options, check_salts, matching, modes_of
from zkhost.ml.graph import Mode
from zkhost.ml.inference import Inference
from zkhost.ml.lower.lowering import Lowered, lower
from zkhost.ml.model import Model
from zkhost.ml.outputs import by_name, choose
from zkhost.ml.read.estimator import as_file
from zkhost.ml.read.gguf_file import is_gguf, read_gguf
from zkhost.ml.read.model_file import read_model
from zkhost.ml.tensors import SALT_BYTES, OutputMode

if TYPE_CHECKING:
    import onnx

    from zkhost.receipt.policy import VerifyPolicy
    from zkhost.receipt.receipt import Receipt


def load(
    model: str | os.PathLike[str] | bytes | onnx.ModelProto | Any,
    *,
    dims: Mapping[str, int] | None = None,
    outputs: Sequence[str] | None = None,
    input: Mode | Mapping[str, Mode] = "public",
    output: OutputMode | Mapping[str, OutputMode] = "all",
    k: int = 5,
    threshold: float | None = None,
    hidden: bool | str | Sequence[str] | Callable[[str], bool] = False,
    salt: bytes | None = None,
    salts: Mapping[str, bytes] | None = None,
    accelerate: bool = True,
    max_float_cycles: int = MAX_FLOAT_CYCLES,
) -> Model:
    """Load a model, to prove its inference: ONNX, GGUF, XGBoost's JSON, LightGBM's text, or a fitted model.

    Everything given here but `salts` is part of what identifies the model: a verifier who recomputes its image ID loads the
    same file with the same options.

    Args:
        model: The file, its bytes, or a ModelProto; or a fitted scikit-learn estimator or pipeline (exported by skl2onnx: pip
            install 'zkhost[sklearn]'), or a booster or estimator of XGBoost or LightGBM.
        dims: Sizes of dynamic axes by name, or by `input:axis`. The batch (the first axis) is 1 where nothing is given. Of a
            GGUF model: `tokens`, the length of the prompt.
        outputs: Tensors of the model to compute in place of its outputs, such as the logits before a Softmax. Of a GGUF model:
            `logits` behind the last token (the default), `prompt_logits` behind every token, or the name of one tensor, for
            its product with an input `x` of `vectors` rows.
        input: What the journal shows of the inputs: all of them (public), a SHA-256 with a salt of each (hashed), nothing
            (private); one mode, or one for each name (public where a mapping leaves one out).
        output: What it shows of the outputs: all, the index of the largest (argmax), the `k` largest and their indices
            (topk), whether each reaches `threshold`, or a SHA-256 with a salt (hashed); one mode, or one for each name.
        hidden: What of the model is not in the image but read as input, by the prover alone. True: all of it; the image is
            the bare interpreter's, and the journal has the model's digest with `salt`. Names or patterns of initialisers
            ("lora_*"), or a function that picks them: these weights, whose values come from the file, and of which the
            journal has digests (hashed), unless `input` says otherwise. Layers whose weights are inputs run on plain
            RISC-V instructions.
        salt: 32 bytes put into the image, so that a model that can be guessed is not recognised by its image ID; of a model
            that is hidden as a whole the salt of its digest (random if it is not given: `Model.salt`).
        salts: 32 bytes for each hashed input, weight or output, by name; random for each proof where there are none, and
            kept as `proof.salts`. A verifier who gives those of hidden weights checks that their values are the file's.
        accelerate: Use the bigint accelerator. False: plain RISC-V instructions only, at thirty times the cycles.
        max_float_cycles: Refuse a model whose f32 layers take more cycles than this: a million take about a minute to prove
            on two cores.

    Raises:
        UnsupportedModelError: What is not taken, with node, operator, opset, what was expected and what to do.
        ModelFormatError: No model, a truncated one, or one that contradicts itself.
        ConfigError: An option that does not fit the model.
    """
    model = as_file(model)
    whole = _graph(model, dims, outputs, hidden)
    check_budget(whole.graph, max_float_cycles)
    chosen = choose(whole, output, k, threshold)
    if salt is None and hidden is True:
        salt = secrets.token_bytes(SALT_BYTES)
    shown = by_name([port.name for port in whole.outputs], output)
    options = Options(
        modes_of(chosen, input, shown), MappingProxyType(shown), hidden is True, salt, dict(salts or {}), accelerate
    )
    check_salts(options)
    return Model(whole, chosen, model, options)


def _graph(
    model: str | os.PathLike[str] | bytes | onnx.ModelProto,
    dims: Mapping[str, int] | None,
    outputs: Sequence[str] | None,
    hidden: bool | str | Sequence[str] | Callable[[str], bool],
) -> Lowered:
    """Return the graph of a file."""
    if is_gguf(model):
        if hidden and hidden is not True:
            raise ConfigError("hidden names weights of a GGUF model", hint="hide all of it: hidden=True")
        return gguf.lower(read_gguf(model), dims, outputs)
    source = read_model(model)
    names = () if isinstance(hidden, bool) else matching(tuple(source.constants), hidden)
    return lower(source, dims, outputs, names)


def verify(
    receipt: Receipt | str | os.PathLike[str],
    model: Model | str | os.PathLike[str] | bytes | onnx.ModelProto | Any,
    *,
    policy: VerifyPolicy | None = None,
    allow_fake: bool | None = None,
    **options: Any,
) -> Inference:
    """Verify that a receipt proves an inference of this model, and return it: outputs, and the input or its digest.

    The image ID is recomputed from the model, with the `options` of `load` that the prover used. A verifier with
    the ID alone uses `Receipt.verify`. Raises VerificationError where the receipt does not prove it.
    """
    from zkhost.receipt.receipt import Receipt

    loaded = model if isinstance(model, Model) else load(model, **options)
    found = receipt if isinstance(receipt, Receipt) else Receipt.load(receipt)
    return loaded.verify(found, policy=policy, allow_fake=allow_fake)
