"""Real proofs of inference: every form of program, and the attack that a proof must stop."""

from __future__ import annotations

import pytest

from tests.unit.ml_engine.graphs import forms, raw
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ImageIDMismatchError, ProverError
from zkhost.ml import _native, reference
from zkhost.ml.compile import compile_graph
from zkhost.provers.local import LocalProver


def env(stdin: bytes) -> ExecutorEnv:
    return ExecutorEnv.builder().write_slice(stdin).build()


def test_every_form_of_program_is_proved() -> None:
    """Convolutions with split signs, with sums, pointwise, depthwise, pooled, and a dense layer: one receipt, verified."""
    graph, inputs = forms()
    compiled = compile_graph(graph)
    image, computed = compiled.image(), _native.compute(compiled.plan, raw(graph, inputs))
    receipt = LocalProver().prove(env(computed.stdin), image.program).receipt
    receipt.verify(image.image_id)
    outputs = reference.run(graph, inputs)["f"].tobytes()
    assert bytes(receipt.journal.bytes) == computed.journal
    assert computed.journal[4 + 36 :][: len(outputs)] == outputs
    other = compile_graph(graph, salt=bytes(32)).image()
    with pytest.raises(ImageIDMismatchError):
        receipt.verify(other.image_id)


def test_proving_refuses_a_changed_byte_of_advice() -> None:
    graph, inputs = forms()
    compiled = compile_graph(graph)
    computed = _native.compute(compiled.plan, raw(graph, inputs))
    stdin = bytearray(computed.stdin)
    stdin[40] ^= 1
    with pytest.raises(ProverError):
        LocalProver().prove(env(bytes(stdin)), compiled.image().program)
