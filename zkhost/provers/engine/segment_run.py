"""One proof in the making, job by job: execute into a store, prove what is missing, assemble, verify.

Provers differ in the worker, and in how jobs reach it (`SegmentRun.prove_jobs`); progress, cancelling, retries and
checkpoints do not.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkhost import _shim
from zkhost._cancel import CancelToken
from zkhost.environment import serving
from zkhost.environment.assumption import Assumption
from zkhost.errors import (
    CancelledError,
    MissingAssumptionError,
    OutOfMemoryError,
    ProverError,
    ReceiptError,
    RecursionUnavailableError,
    ShimError,
    UnsupportedError,
    WorkerLostError,
)
from zkhost.provers.engine.progress_meter import ProgressMeter
from zkhost.provers.engine.worker import Worker, check_job, no_recursion, verify_job
from zkhost.provers.options import ProverOpts
from zkhost.provers.planning import calibration
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import DevModeWarning, Receipt
from zkhost.session import OnProgress, Phase, SessionInfo

if TYPE_CHECKING:
    from zkhost._shim import Host
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.checkpoint import ProofJob, SegmentStore

_COMPRESSED = (ReceiptKind.SUCCINCT, ReceiptKind.GROTH16)
_TRIES = 2
# A second try would end the same way.
_FINAL = (CancelledError, OutOfMemoryError, RecursionUnavailableError, UnsupportedError, WorkerLostError)


class ProofRetryWarning(UserWarning):
    """The proof of a segment failed, or did not verify, and is made again."""


@dataclass(frozen=True)
class ProofRequest:
    """What a caller asked for: one run of one program, proved."""

    env: ExecutorEnv
    program: bytes
    opts: ProverOpts
    on_progress: OnProgress | None = None
    cancel: CancelToken = field(default_factory=CancelToken)


class SegmentRun:
    """Makes one proof. What `store` has of an earlier try is not done again.

    `calibrate` is the prover's name, under which the times of its segments are recorded; None: they are not.
    """

    def __init__(
        self, request: ProofRequest, worker: Worker, store: SegmentStore, *, calibrate: str | None = None
    ) -> None:
        self.request, self.worker, self.store = request, worker, store
        self._calibrate = calibrate
        self.meter = ProgressMeter(request.on_progress)

    def prove(self) -> tuple[Receipt, SessionInfo]:
        """Return a verified receipt, and the run it proves."""
        kind, store = self.request.opts.receipt_kind, self.store
        if self.request.opts.fake:
            session = self.session()
            return fake_receipt(session), session
        if kind in _COMPRESSED:
            self.require_recursion(f"a {kind} receipt")
        session = self.prove_jobs()
        data = self.assemble(session)
        if kind in _COMPRESSED:
            self.meter.report(Phase.COMPRESS, len(store.jobs), len(store.jobs))
            data = self.worker.compress(data, kind, self.request.cancel)
        self.meter.report(Phase.VERIFY, len(store.jobs), len(store.jobs))
        receipt = Receipt(data)
        verify_made(receipt, session)
        store.finish(data)
        return receipt, session

    def prove_jobs(self) -> SessionInfo:
        """Execute, unless the store has the run, and prove every job into the store; return the run."""
        session = self.session()
        store, seconds = self.store, dict[int, list[float]]()
        while missing := store.missing():
            self.meter.disk_bytes = store.shown_bytes()
            self.meter.proving(store.jobs, missing)
            self.request.cancel.check()
            path = store.path(missing[0])
            if path is None:
                session = self._execute()
            else:
                started = time.monotonic()
                store.store(missing[0], self._prove_job(missing[0], path))
                if missing[0].kind == "segment":
                    po2 = session.segments[missing[0].index].po2
                    seconds.setdefault(po2, []).append(time.monotonic() - started)
        self.meter.proving(store.jobs, [])
        if self._calibrate is not None:
            calibration.record(self._calibrate, seconds)
        return session

    def session(self) -> SessionInfo:
        """Return the run, executed unless the store has it, checked as the options ask before anything is proved."""
        if self.store.execution is None:
            return self._execute()
        session = SessionInfo.from_reply(self.store.execution)
        self.meter.ran(session)
        self.check(session)
        return session

    def assemble(self, session: SessionInfo) -> bytes:
        """Return one composite receipt, in bincode, of the receipts of all jobs."""
        receipts: dict[str, list[bytes]] = {"segment": [], "keccak": []}
        for job in self.store.jobs:
            receipt = self.store.receipt(job)
            assert receipt is not None, "missing() found every job proved"
            receipts[job.kind].append(receipt)
        request = {"session": session.record, **{f"{kind}_receipts": each for kind, each in receipts.items()}}
        host = _shim.Host(cancel=self.request.cancel)
        assembled: bytes = _shim.call("assemble_composite", request, host)["receipt"]
        return assembled

    def check(self, session: SessionInfo) -> None:
        """Refuse a run that is not to be proved, or cannot be, before the first job is proved."""
        opts, store = self.request.opts, self.store
        opts.require_success(session.exit_code)
        if opts.fake:
            return
        self.require_assumptions(session)
        if any(job.kind == "keccak" for job in store.jobs):
            self.require_recursion("a guest that uses the keccak accelerator")
        if opts.preflight:
            jobs = [job for job in store.missing() if job.kind == "segment"]
            for done, job in enumerate(jobs):
                self.meter.report(Phase.PREFLIGHT, done, len(jobs))
                self.request.cancel.check()
                if (path := store.path(job)) is not None:
                    check_job(job, path, self.request.cancel)

    def require_assumptions(self, session: SessionInfo) -> None:
        """Raise MissingAssumptionError where the run relies on a claim of which the environment has no receipt.

        risc0 reports it only once every segment is proved.
        """
        bare = {_digest(item): item for item in self.request.env.assumptions if isinstance(item, Assumption)}
        if not bare:
            return
        # The receipt that dev mode would make has the claim that the segments prove, with what it leaves unresolved.
        claim = Receipt(_shim.call("fake_receipt", {"session": session.record})["receipt"]).claim
        for digest in (claim and claim.assumptions) or ():
            missing = bare[digest].claim.hex() if digest in bare else digest.hex()
            raise MissingAssumptionError(
                f"the guest relies on the claim {missing}, and no receipt for it was supplied",
                hint="a bare Assumption suffices to execute; to prove, add_assumption(receipt) with the receipt that proves it",
                claim=missing,
            )

    def require_recursion(self, what: str) -> None:
        """Raise RecursionUnavailableError, saying how to rebuild, where `what` cannot be made."""
        if not self.worker.has_recursion():
            raise no_recursion(what)

    def _prove_job(self, job: ProofJob, path: Path) -> bytes:
        """Return the verified receipt of a job, made again where the first try failed."""
        for attempt in range(1, _TRIES + 1):
            try:
                receipt = self.worker.prove_job(job, path, self.request.cancel)
                verify_job(job, path, receipt)
                return receipt
            except _FINAL:
                raise
            except (ProverError, ReceiptError, ShimError) as error:
                self.request.cancel.check()
                if attempt == _TRIES:
                    raise
                warnings.warn(
                    f"the proof of {job} failed and is made again ({error.message})", ProofRetryWarning, stacklevel=2
                )
        raise AssertionError("the last try returns or raises")

    def _execute(self) -> SessionInfo:
        request, store = self.request, self.store
        lock = threading.Lock()  # the executor hands over segments and keccak batches from two threads
        copies = made_folder(request.env.segment_path)

        def take(event: dict[str, Any]) -> None:
            kind, index = event["job"]
            with lock:
                if copies is not None and kind == "segment":
                    shutil.copy(store.spool / f"{index}.bincode", copies)
                store.take(kind, index)
            if kind == "segment":
                self.meter.executed(event["segments"], event["user_cycles"])

        store.begin_execution()
        host = serving.host(request.env, cancel=request.cancel, on_progress=take)
        return self.executed(self.worker.execute(request.env, request.program, host, store.spool))

    def executed(self, reply: dict[str, Any]) -> SessionInfo:
        """Return the run that the executor's reply describes, recorded in the store and checked."""
        self.store.end_execution(reply)
        session = SessionInfo.from_reply(reply)
        self.meter.ran(session)
        self.check(session)
        return session


def _digest(assumption: Assumption) -> bytes:
    """Return risc0's digest: `tagged_struct("risc0.Assumption", [claim, control_root], [])` of risc0-binfmt."""
    tag = hashlib.sha256(b"risc0.Assumption").digest()
    return hashlib.sha256(tag + assumption.claim + assumption.control_root + (2).to_bytes(2, "little")).digest()


def run_guest(
    worker: Worker,
    env: ExecutorEnv,
    program: bytes,
    *,
    on_progress: OnProgress | None = None,
    cancel: CancelToken | None = None,
) -> SessionInfo:
    """Execute without proving."""
    meter = ProgressMeter(on_progress)

    def report(event: dict[str, Any]) -> None:
        meter.executed(event["segments"], event["user_cycles"])

    folder = made_folder(env.segment_path)
    host: Host = serving.host(env, cancel=cancel, on_progress=report)
    return SessionInfo.from_reply(worker.execute(env, program, host, folder))


def verify_made(receipt: Receipt, session: SessionInfo) -> None:
    """Verify what was made, for the program and journal that were run."""
    if session.exit_code.ok:
        assert session.image_id is not None, "provers that prove segments report it"
        receipt.verify(session.image_id, allow_fake=False)
    else:
        receipt.verify_integrity(allow_fake=False)


def fake_receipt(session: SessionInfo) -> Receipt:
    """Return what dev mode makes instead of a proof, and warn."""
    receipt = Receipt(_shim.call("fake_receipt", {"session": session.record})["receipt"])
    warnings.warn("dev mode: this receipt is fake and proves nothing", DevModeWarning, stacklevel=5)
    return receipt


def made_folder(folder: Path | None) -> Path | None:
    """Create the folder where it is missing, and return it."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder
