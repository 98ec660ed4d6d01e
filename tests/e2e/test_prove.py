"""Real proofs, in process and on r0vm: made, verified, composed, cancelled."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from zkhost import _shim, errors
from zkhost._cancel import CancelToken
from zkhost.codec import U32, U64
from zkhost.environment.executor_env import ExecutorEnv, ExecutorEnvBuilder
from zkhost.image_id import ImageID, compute_image_id
from zkhost.provers.ipc import IpcProver
from zkhost.provers.local import LocalProver
from zkhost.provers.options import ProveInfo, ProverOpts
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import DevModeWarning, Receipt
from zkhost.session import ExitCode, Progress

pytestmark = pytest.mark.prove


def factors_env() -> ExecutorEnv:
    return ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()


def test_the_hello_world(proof: ProveInfo, guests: Mapping[str, bytes]) -> None:
    proof.receipt.verify(compute_image_id(guests["factors"]))
    assert int.from_bytes(proof.receipt.journal.bytes, "little") == 391
    assert proof.receipt.kind is ReceiptKind.COMPOSITE
    assert proof.stats.segments == 1
    assert (proof.prover.name, proof.prover.version) == ("local", _shim.build_info()["risc0_version"])


def test_on_r0vm_with_several_segments_and_progress(guests: Mapping[str, bytes]) -> None:
    seen: list[Progress] = []
    env = ExecutorEnv.builder().write(20_000, U64).segment_limit_po2(16).build()
    info = IpcProver().prove(env, guests["burn"], on_progress=seen.append)
    info.receipt.verify(compute_image_id(guests["burn"]))
    assert info.receipt.journal.decode(U64) == 2000
    assert info.prover.name == "ipc"
    assert info.stats.segments > 1
    proving = [now for now in seen if now.phase == "prove"]
    assert [now.segments_done for now in proving] == list(range(info.stats.segments + 1))
    assert {now.segments_total for now in proving} == {info.stats.segments}
    assert proving[1].remaining_s is not None


def relying_on(*claims: tuple[ImageID, bytes], code: int = 0) -> ExecutorEnvBuilder:
    """What the guest `compose` is given to verify these runs and end with that exit code."""
    builder = ExecutorEnv.builder().write((code, len(claims)), tuple[U32, U32])
    for program, journal in claims:
        builder.write_slice(program).write_frame(journal)
    return builder


def test_composition(proof: ProveInfo, guests: Mapping[str, bytes]) -> None:
    """A guest that verifies another's receipt, twice, proved together with it."""
    program, journal = guests["compose"], proof.receipt.journal.bytes
    claim = compute_image_id(guests["factors"]), journal
    info = LocalProver().prove(relying_on(claim, claim).add_assumption(proof.receipt).build(), program)
    info.receipt.verify(compute_image_id(program))
    assert info.receipt.journal.bytes == journal * 2
    assert info.receipt.assumption_kinds == (ReceiptKind.COMPOSITE,) * 2
    assert Receipt.from_bytes(info.receipt.to_bytes("borsh"), "borsh") == info.receipt


def test_a_failing_run_that_relies_on_another_is_proved_if_asked(proof: ProveInfo, guests: Mapping[str, bytes]) -> None:
    claim = compute_image_id(guests["factors"]), proof.receipt.journal.bytes
    env = relying_on(claim, code=1).add_assumption(proof.receipt).build()
    info = LocalProver().prove(env, guests["compose"], ProverOpts(prove_guest_errors=True))
    proved = info.receipt.verify_integrity()
    assert proved is not None
    assert (proved.exit_code, proved.assumptions) == (ExitCode.halted(1), ())
    with pytest.raises(errors.UnsuccessfulExitError):
        info.receipt.verify(compute_image_id(guests["compose"]))


def test_a_failing_guest_is_proved_only_if_asked(guests: Mapping[str, bytes]) -> None:
    env = ExecutorEnv.builder().write_slice((3).to_bytes(4, "little")).build()
    with pytest.raises(errors.GuestExitError) as caught:
        LocalProver().prove(env, guests["exit"])
    assert caught.value.exit_code == 3
    info = LocalProver().prove(env, guests["exit"], ProverOpts(prove_guest_errors=True))
    claim = info.receipt.verify_integrity()
    assert claim is not None
    assert (claim.exit_code.kind, claim.exit_code.code) == ("Halted", 3)
    with pytest.raises(errors.UnsuccessfulExitError):
        info.receipt.verify(compute_image_id(guests["exit"]))


@pytest.mark.parametrize("kind", [ReceiptKind.SUCCINCT, ReceiptKind.GROTH16])
def test_smaller_receipts(proof: ProveInfo, guests: Mapping[str, bytes], kind: ReceiptKind) -> None:
    """Without the recursion programs they are refused at once; with them they are made and verify."""
    if _shim.build_info()["recursion"]:
        if kind is ReceiptKind.SUCCINCT:
            smaller = LocalProver().compress(proof.receipt, ProverOpts(kind))
            smaller.verify(compute_image_id(guests["factors"]))
            assert smaller.kind is kind
        return
    begun: list[Progress] = []
    for work in (
        lambda: LocalProver().prove(factors_env(), guests["factors"], ProverOpts(kind), on_progress=begun.append),
        lambda: LocalProver().compress(proof.receipt, ProverOpts(kind)),
    ):
        with pytest.raises(errors.RecursionUnavailableError, match="recursion programs") as caught:
            work()
        assert "RECURSION_SRC_PATH" in (caught.value.hint or "")
    assert begun == []


@pytest.mark.parametrize("where", ["local", "ipc"])
def test_dev_mode_fails_closed(guests: Mapping[str, bytes], where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prover = LocalProver() if where == "local" else IpcProver()
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    with pytest.warns(DevModeWarning, match="fake"):
        info = prover.prove(factors_env(), guests["factors"])
    assert info.receipt.kind is ReceiptKind.FAKE
    with pytest.warns(DevModeWarning):
        info.receipt.verify(compute_image_id(guests["factors"]))
    monkeypatch.delenv("RISC0_DEV_MODE")
    with pytest.raises(errors.FakeReceiptError):
        info.receipt.verify(compute_image_id(guests["factors"]))


@pytest.mark.parametrize("where", ["local", "ipc"])
def test_cancelling_gives_control_back_and_leaves_nothing(
    proof: ProveInfo, guests: Mapping[str, bytes], where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the proof could be done, going by how long another took."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    prover = LocalProver() if where == "local" else IpcProver()
    token = CancelToken()
    cancelled_at: list[float] = []

    def on_progress(now: Progress) -> None:
        if now.phase == "prove":
            threading.Timer(1, lambda: (cancelled_at.append(time.monotonic()), token.cancel())).start()

    with pytest.raises(errors.CancelledError):
        prover.prove(factors_env(), guests["factors"], on_progress=on_progress, cancel=token)
    assert time.monotonic() - cancelled_at[0] < max(1.0, proof.elapsed_s / 3)
    deadline = time.monotonic() + 10
    while any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


PROVE = """
import sys
from zkhost.codec import U32, U64
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.provers.local import LocalProver
env = ExecutorEnv.builder().write_slice(bytes([17] + [0] * 7 + [23] + [0] * 7)).build()
program = sys.stdin.buffer.read()
LocalProver().prove(env, program, on_progress=lambda now: print(now.phase, flush=True))
"""


def test_ctrl_c_during_a_proof(proof: ProveInfo, guests: Mapping[str, bytes], tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", PROVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    assert child.stdin
    assert child.stdout
    assert child.stderr
    child.stdin.write(guests["factors"])
    child.stdin.close()
    while child.stdout.readline().strip() != b"prove":
        assert child.poll() is None
    time.sleep(1)
    started = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.wait(60)
    stderr = child.stderr.read()
    assert time.monotonic() - started < max(2.5, proof.elapsed_s / 3), "long before the proof could be done"
    assert b"KeyboardInterrupt" in stderr
    assert child.returncode in (130, -signal.SIGINT), stderr
    assert list(tmp_path.iterdir()) == []
    child.stdout.close()
    child.stderr.close()
