"""Real proofs of inference: every form of program, and the attack that a proof must stop."""

from __future__ import annotations

import pytest

from tests.unit.ml_engine.graphs import forms, raw, rescaled
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ImageIDMismatchError, ProverError
from zkhost.ml import _native, reference
from zkhost.ml.compile import compile_graph
from zkhost.provers.local import LocalProver

# Cells of the first convolution's lanes, and of those that are requantised.
LANES, USED = 6, 3


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
    assert computed.journal[4 + 36 :][: len(outputs)] == outputs
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
