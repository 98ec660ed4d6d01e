"""One proof in the making: a segment that fails once is proved again, a wrong receipt is found at once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import (
    CancelledError,
    GuestExitError,
    InvalidSealError,
    OutOfMemoryError,
    ProverError,
    VerificationError,
    ZkhostError,
)
from zkhost.provers.engine.segment_run import ProofRequest, ProofRetryWarning, SegmentRun
from zkhost.provers.engine.worker import InProcessWorker, verify_job
from zkhost.provers.options import ProverOpts
from zkhost.provers.storage.checkpoint import ProofJob, SegmentStore
from zkhost.receipt.receipt import Receipt
from zkhost.session import Phase, Progress

RECEIPT = Path(__file__).parents[1] / "receipt" / "factors.bincode"
JOB = ProofJob("segment", 0, "00", 0)
REQUEST = ProofRequest(ExecutorEnv(), b"", ProverOpts())


class Failing(InProcessWorker):
    """Fails with these errors, one a try, then returns a receipt."""

    def __init__(self, *errors: ZkhostError) -> None:
        self.errors, self.tries = list(errors), 0

    def prove_job(self, job: ProofJob, path: Path, cancel: Any) -> bytes:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return b"receipt"


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was verified; whatever it is, it is believed."""
    seen: list[bytes] = []
    monkeypatch.setattr("zkhost.provers.engine.segment_run.verify_job", lambda job, path, receipt: seen.append(receipt))
    return seen


def prove(worker: InProcessWorker, request: ProofRequest = REQUEST) -> bytes:
    with SegmentStore.temporary() as store:
        return SegmentRun(request, worker, store)._prove_job(JOB, store.spool / JOB.file_name)


def test_a_segment_that_fails_once_is_proved_again_and_said_so(verified: list[bytes]) -> None:
    worker = Failing(ProverError("cosmic ray"))
    with pytest.warns(ProofRetryWarning, match=r"the proof of segment 0 failed and is made again \(cosmic ray\)"):
        assert prove(worker) == b"receipt"
    assert (worker.tries, verified) == (2, [b"receipt"])


@pytest.mark.filterwarnings("ignore::zkhost.provers.engine.segment_run.ProofRetryWarning")
def test_a_segment_that_fails_twice_is_an_error(verified: list[bytes]) -> None:
    worker = Failing(ProverError("once"), ProverError("twice"))
    with pytest.raises(ProverError, match="twice"):
        prove(worker)
    assert (worker.tries, verified) == (2, [])


@pytest.mark.parametrize("error", [OutOfMemoryError("no memory"), CancelledError("cancelled")])
def test_what_a_second_try_would_not_change_is_not_tried(error: ZkhostError, verified: list[bytes]) -> None:
    worker = Failing(error)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(type(error)):
            prove(worker)
    assert worker.tries == 1


def test_a_cancelled_run_does_not_try_again(verified: list[bytes]) -> None:
    request = ProofRequest(ExecutorEnv(), b"", ProverOpts())
    request.cancel.cancel()
    worker = Failing(ProverError("cosmic ray"))
    with pytest.raises(CancelledError):
        prove(worker, request)
    assert worker.tries == 1


def test_a_receipt_that_does_not_verify_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts: list[ZkhostError] = [InvalidSealError("bad seal")]

    def verify(job: ProofJob, path: Path, receipt: bytes) -> None:
        if verdicts:
            raise verdicts.pop()

    monkeypatch.setattr("zkhost.provers.engine.segment_run.verify_job", verify)
    worker = Failing()
    with pytest.warns(ProofRetryWarning, match="bad seal"):
        prove(worker)
    assert worker.tries == 2


def segment_receipt() -> bytes:
    """The one segment's receipt of a composite receipt: what is between its count and its assumptions."""
    receipt = Receipt.load(RECEIPT)
    after = 8 + 32 + 8 + len(receipt.journal.bytes) + 32
    return receipt.to_bytes()[4 + 8 : -after]


def test_a_segment_receipt_is_verified(tmp_path: Path, guests: Mapping[str, bytes]) -> None:
    """For its seal, its place in the session, and the very execution."""
    from zkhost import _shim

    good = segment_receipt()
    _shim.call("verify_segment", {"receipt": good, "index": 0})
    with pytest.raises(VerificationError, match="the receipt of segment 0, not of segment 1"):
        _shim.call("verify_segment", {"receipt": good, "index": 1})
    damaged = bytearray(good)
    damaged[5000] ^= 1
    with pytest.raises(InvalidSealError):
        _shim.call("verify_segment", {"receipt": bytes(damaged), "index": 0})

    with SegmentStore.temporary() as store:
        store.begin_execution()
        env = ExecutorEnv.builder().write_slice((5).to_bytes(8, "little") + (7).to_bytes(8, "little")).build()
        host = serving.host(env, on_progress=lambda event: store.take(*event["job"]))
        store.end_execution(InProcessWorker().execute(env, guests["factors"], host, store.spool))
        (job,) = store.jobs
        path = store.path(job)
        assert path is not None
        with pytest.raises(VerificationError, match="proves another segment 0 than the one in"):
            verify_job(job, path, good)


def test_a_run_is_checked_before_the_first_segment_is_proved(
    guests: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `preflight` each segment is, in order; what it finds ends the run."""
    checked: list[int] = []
    seen: list[Progress] = []

    def check(job: ProofJob, path: Path, cancel: Any) -> None:
        assert path.exists()
        checked.append(job.index)
        if job.index == 2:
            raise ProverError("segment 2 has no witness")

    monkeypatch.setattr("zkhost.provers.engine.segment_run.check_job", check)
    env = ExecutorEnv.builder().write_slice((1000).to_bytes(8, "little")).segment_limit_po2(14).build()
    request = ProofRequest(env, guests["burn"], ProverOpts(preflight=True), seen.append)
    worker = Failing()
    with SegmentStore.temporary() as store, pytest.raises(ProverError, match="no witness"):
        SegmentRun(request, worker, store).prove()
    assert (checked, worker.tries) == ([0, 1, 2], 0)
    assert [now.segments_done for now in seen if now.phase is Phase.PREFLIGHT] == [0, 1, 2]


def test_an_honest_run_passes_the_preflight(guests: Mapping[str, bytes]) -> None:
    seen: list[Progress] = []
    env = ExecutorEnv.builder().write_slice((1000).to_bytes(8, "little")).segment_limit_po2(14).build()
    request = ProofRequest(env, guests["burn"], ProverOpts(preflight=True), seen.append)
    worker = Failing(OutOfMemoryError("this is where proving begins"))
    with SegmentStore.temporary() as store, pytest.raises(OutOfMemoryError, match="proving begins"):
        SegmentRun(request, worker, store).prove()
    phases = [now.phase for now in seen]
    assert phases.count(Phase.PREFLIGHT) > 1
    assert phases.index(Phase.PREFLIGHT) < phases.index(Phase.PROVE)


def test_a_failed_run_is_not_proved(guests: Mapping[str, bytes]) -> None:
    env = ExecutorEnv.builder().write_slice((3).to_bytes(4, "little")).build()
    worker = Failing()
    with SegmentStore.temporary() as store, pytest.raises(GuestExitError):
        SegmentRun(ProofRequest(env, guests["exit"], ProverOpts()), worker, store).prove()
    assert worker.tries == 0
