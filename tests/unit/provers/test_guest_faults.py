"""What stops a guest because the host lacks something: each names what, and the call that supplies it."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest

from zkhost.codec import U32
from zkhost.environment.assumption import Assumption
from zkhost.environment.executor_env import ExecutorEnv, ExecutorEnvBuilder
from zkhost.errors import FaultReason, GuestFaultError, MissingAssumptionError
from zkhost.image_id import ImageID, compute_image_id
from zkhost.provers.interface import Prover
from zkhost.provers.ipc import IpcProver
from zkhost.provers.local import LocalProver
from zkhost.session import ExitCode, Phase, Progress

Run = tuple[ImageID, bytes, Assumption]


@pytest.fixture(params=[LocalProver, IpcProver], ids=["local", "ipc"])
def prover(request: pytest.FixtureRequest) -> Prover:
    made: Prover = request.param()
    return made


@pytest.fixture(scope="module")
def runs(guests: Mapping[str, bytes]) -> tuple[Run, Run]:
    """Two runs of another guest: its image ID, the journal, and the claim as a bare assumption."""

    def run(data: bytes) -> Run:
        session = LocalProver().execute(ExecutorEnv.builder().write_slice(data).build(), guests["echo"])
        assert session.claim is not None
        return compute_image_id(guests["echo"]), data, Assumption(session.claim)

    return run(b"first"), run(b"second, and longer")


def relying_on(*runs: Run, code: int = 0) -> ExecutorEnvBuilder:
    """The input of the guest `compose`."""
    builder = ExecutorEnv.builder().write((code, len(runs)), tuple[U32, U32])
    for image_id, journal, _ in runs:
        builder.write_slice(image_id).write_frame(journal)
    return builder


def test_an_assumption_that_was_not_given_is_named(
    prover: Prover, guests: Mapping[str, bytes], runs: tuple[Run, Run]
) -> None:
    first, second = runs
    for missing, given in ((first, []), (second, [first])):
        builder = relying_on(first, second)
        for run in given:
            builder.add_assumption(run[2])
        with pytest.raises(GuestFaultError, match="no assumption was given") as caught:
            prover.execute(builder.build(), guests["compose"])
        assert missing[2].claim.hex() in caught.value.message
        assert caught.value.reason is FaultReason.MISSING_ASSUMPTION
        assert "add_assumption(receipt)" in str(caught.value.hint)


@pytest.mark.parametrize("code", [0, 1])
def test_assumptions_in_any_order_and_number(
    prover: Prover, guests: Mapping[str, bytes], runs: tuple[Run, Run], code: int
) -> None:
    first, second = runs
    env = relying_on(first, second, first, code=code).add_assumption(second[2]).add_assumption(first[2]).build()
    session = prover.execute(env, guests["compose"])
    assert session.journal.bytes == first[1] + second[1] + first[1]
    assert session.exit_code == ExitCode.halted(code)


def test_a_bare_assumption_is_refused_before_anything_is_proved(
    prover: Prover, guests: Mapping[str, bytes], runs: tuple[Run, Run]
) -> None:
    """risc0 proves all segments first, and then has no receipt for it."""
    seen: list[Progress] = []
    env = relying_on(runs[0]).add_assumption(runs[0][2]).build()
    with pytest.raises(MissingAssumptionError) as caught:
        prover.prove(env, guests["compose"], on_progress=seen.append)
    assert caught.value.claim == runs[0][2].claim.hex()
    assert "add_assumption(receipt)" in str(caught.value.hint)
    assert {now.phase for now in seen} == {Phase.EXECUTE}


def test_a_descriptor_that_is_not_served_to_read(prover: Prover, guests: Mapping[str, bytes]) -> None:
    with pytest.raises(GuestFaultError, match="reads file descriptor 10, which") as caught:
        prover.execute(ExecutorEnv.builder().build(), guests["streams"])
    assert caught.value.reason is FaultReason.UNSERVED
    assert "read_fd(10, stream)" in str(caught.value.hint)


def test_a_descriptor_that_is_not_served_to_write(prover: Prover, guests: Mapping[str, bytes]) -> None:
    env = ExecutorEnv.builder().read_fd(10, io.BytesIO(b"data")).build()
    with pytest.raises(GuestFaultError, match="writes file descriptor 11, which") as caught:
        prover.execute(env, guests["streams"])
    assert caught.value.reason is FaultReason.UNSERVED
    assert "write_fd(11, stream)" in str(caught.value.hint)


def test_a_channel_that_is_not_served(prover: Prover, guests: Mapping[str, bytes]) -> None:
    with pytest.raises(GuestFaultError, match='the channel "slice_io::zkhost_test::SYS_DOUBLE"') as caught:
        prover.execute(ExecutorEnv.builder().write_frame(b"?").build(), guests["slice_io"])
    assert caught.value.reason is FaultReason.UNSERVED
    assert 'slice_io("slice_io::zkhost_test::SYS_DOUBLE", handler)' in str(caught.value.hint)
