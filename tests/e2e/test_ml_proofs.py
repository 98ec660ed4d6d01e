"""Real proofs of inference: every form of program, and the attack that a proof must stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.ml.test_gguf import written
from tests.unit.ml_engine.graphs import Maker, attention, forms, raw, rescaled
from zkhost import ml
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ImageIDMismatchError, ProverError
from zkhost.ml import _native, ops, reference
from zkhost.ml.compile import compile_graph
from zkhost.ml.graph import Array, Graph
from zkhost.ml.read.gguf_file import read_gguf
from zkhost.provers.local import LocalProver

MODELS = Path(__file__).parents[1] / "unit" / "ml" / "models" / "gguf"
# Cells of the first convolution's lanes, and of those that are requantised.
LANES, USED = 14, 11


def env(stdin: bytes) -> ExecutorEnv:
    return ExecutorEnv.builder().write_slice(stdin).build()


def test_every_form_of_program_is_proved() -> None:
    """Convolutions with split signs, with sums, pointwise, depthwise, pooled, requantised by their program or after it, and a
    dense layer: one receipt, verified."""
    graph, inputs = forms()
    compiled = compile_graph(graph)
    assert set(rescaled(compiled.plan)) == {True, False}
    image, computed = compiled.image(), _native.compute(compiled.plan, raw(graph, inputs))
    receipt = LocalProver().prove(env(computed.stdin), image.program).receipt
    receipt.verify(image.image_id)
    outputs = reference.run(graph, inputs)["f"].tobytes()
    assert bytes(receipt.journal.bytes) == computed.journal
    assert computed.journal[-(len(outputs) + -len(outputs) % 4) :][: len(outputs)] == outputs
    other = compile_graph(graph, salt=bytes(32)).image()
    with pytest.raises(ImageIDMismatchError):
        receipt.verify(other.image_id)


@pytest.mark.parametrize("at", [0, 16 * 3 * LANES + 16 * 3 * USED])
def test_proving_refuses_a_changed_byte_of_advice(at: int) -> None:
    """A lane of the first convolution, and the byte that its program requantised."""
    graph, inputs = forms()
    compiled = compile_graph(graph)
    computed = _native.compute(compiled.plan, raw(graph, inputs))
    stdin = bytearray(computed.stdin)
    stdin[len(raw(graph, inputs)) + at] ^= 1
    with pytest.raises(ProverError):
        LocalProver().prove(env(bytes(stdin)), compiled.image().program)


def test_attention_is_proved() -> None:
    """Two products of tensors, each requantised by its program, sums of columns before the first one; and its twins that must fail: a
    byte of those sums, of lanes, of what was requantised."""
    make = attention(2, 12, 16)
    graph, inputs = make.graph("y"), raw(make.graph("y"), make.inputs)
    compiled = compile_graph(graph)
    assert rescaled(compiled.plan) == [True, True]
    image, computed = compiled.image(), _native.compute(compiled.plan, inputs)
    receipt = LocalProver().prove(env(computed.stdin), image.program).receipt
    receipt.verify(image.image_id)
    assert bytes(receipt.journal.bytes) == computed.journal
    assert computed.journal.endswith(reference.run(graph, make.inputs)["y"].tobytes())
    for at in (len(inputs) + 3, len(inputs) + 48 + 3, len(inputs) + 48 + 48 + 16 * 3 + 3):
        stdin = bytearray(computed.stdin)
        stdin[at] ^= 1
        with pytest.raises(ProverError):
            LocalProver().prove(env(bytes(stdin)), image.program)


def test_a_quantised_product_of_ggml_is_proved() -> None:
    """A tensor of a GGUF file times a vector, and the twin that fails: one weight changed, under the first image ID."""
    file = (MODELS / "dot_q8_0.gguf").read_bytes()
    weights = read_gguf(file).tensors["w"]
    assert weights.data is not None
    # Two blocks of four rows are enough.
    graph = product_graph(np.ascontiguousarray(weights.data[:4, : 2 * 34]))
    changed = weights.data[:4, : 2 * 34].copy()
    changed[3, 40] ^= 1
    x = np.load(MODELS / "dot_q8_0.npz")["x"][:1, :64]
    compiled = compile_graph(graph)
    image, computed = compiled.image(), _native.compute(compiled.plan, raw(graph, {"x": x}))
    receipt = LocalProver().prove(env(computed.stdin), image.program).receipt
    receipt.verify(image.image_id)
    assert bytes(receipt.journal.bytes)[-16:] == reference.run(graph, {"x": x})["y"].tobytes()
    with pytest.raises(ImageIDMismatchError):
        receipt.verify(compile_graph(product_graph(changed)).image().image_id)


def product_graph(weights: Array) -> Graph:
    make = Maker()
    make.input("x", "f32", (1, 64))
    make.constant("w", weights)
    make.write("y", "f32", (1, len(weights)))
    make.steps.append(ops.GgmlProduct("w", "y", "x", "w", "Q8_0"))
    return make.graph("y")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_next_token_of_a_llama_is_proved(tmp_path: Path) -> None:
    """A GGUF model of one layer, behind two tokens that the receipt hides; under another length or model it proves nothing."""
    path = written(tmp_path, narrow)
    tokens = np.array([1, 2], np.int32)
    model = ml.load(path, dims={"tokens": 2}, output="argmax", input="private")
    proof = model.prove(tokens).verify()
    (logits,) = reference.run(model.whole.graph, {"tokens": tokens}).values()
    assert proof.outputs["logits"].tolist() == logits.argmax(axis=-1).tolist()
    assert ml.verify(proof.receipt, path, dims={"tokens": 2}, output="argmax", input="private").outputs == proof.outputs
    with pytest.raises(ImageIDMismatchError):
        ml.verify(proof.receipt, path, dims={"tokens": 3}, output="argmax", input="private")
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    with pytest.raises(ImageIDMismatchError):
        ml.verify(proof.receipt, bytes(data), dims={"tokens": 2}, output="argmax", input="private")


def narrow(keys: dict[str, Any], tensors: dict[str, Any]) -> None:
    """32 in place of 64 wide."""
    keys |= {"embedding_length": 32, "feed_forward_length": 32}
    for name, tensor in tensors.items():
        rows = {"token_embd.weight": 11, "blk.0.attn_k.weight": 16, "blk.0.attn_v.weight": 16}.get(name, 32)
        tensors[name] = np.ascontiguousarray(tensor[:rows, :32] if tensor.ndim == 2 else tensor[:32])
