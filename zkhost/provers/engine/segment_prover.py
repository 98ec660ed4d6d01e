"""The body of every prover that works job by job: in this process, on r0vm, on a Dask cluster."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zkhost._cancel import CancelToken
from zkhost.errors import FaultReason, GuestFaultError, HostIOError, OutOfMemoryError, StorageError
from zkhost.provers.arguments import Program, program_bytes
from zkhost.provers.engine.segment_run import ProofRequest, SegmentRun, run_guest, verify_made
from zkhost.provers.engine.worker import Worker, no_recursion
from zkhost.provers.interface import Prover
from zkhost.provers.options import ProveInfo, Provenance, ProverOpts, is_as_small
from zkhost.provers.planning.calibration import SMALLEST_SEGMENT_PO2
from zkhost.provers.storage.checkpoint import SegmentStore
from zkhost.provers.storage.request_key import request_key
from zkhost.receipt.receipt import Receipt
from zkhost.session import OnProgress, SessionInfo, SessionStats

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.receipt_cache import ReceiptCache


class SegmentProver(Prover):
    """Executes with a worker, and proves the segments it makes. Subclasses set `worker` and `info`."""

    worker: Worker
    info: Provenance
    """What ProveInfo reports for proofs made here."""

    def execute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> SessionInfo:
        """Run a guest, on this machine. Raises a GuestError where it panics or is stopped; other exit codes are in the
        result. What is not reported, as r0vm reports user cycles only, is None in the result.
        """
        return run_guest(self.worker, env, program_bytes(program), on_progress=on_progress, cancel=cancel)

    def prove(
        self,
        env: ExecutorEnv,
        program: Program,
        opts: ProverOpts | None = None,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        checkpoint: Path | str | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> ProveInfo:
        """Run a guest and prove the run, segment by segment. A segment whose proof fails is proved once more,
        with a ProofRetryWarning.

        Ctrl-C or `cancel` returns control within a second and leaves no file behind, other than in `checkpoint`.

        checkpoint: a folder that stores segments and their receipts. After a crash, whatever its cause, the same call
        proves only what is missing; where memory runs out, the run starts again with segments half the size, down to
        2**14, with a warning. cache: receipts of earlier requests, verified again when they are used.
        """
        request = ProofRequest(env, program_bytes(program), opts or ProverOpts(), on_progress, cancel or CancelToken())
        if request.opts.fake:  # fake receipts are never stored
            return self._prove(request, None)
        if cache is None:
            return self._prove(request, checkpoint)
        from zkhost.provers.storage.receipt_cache import proved_once  # SQLite, which executing does not need

        return proved_once(cache, env, request.program, request.opts, lambda: self._prove(request, checkpoint))

    def compress(self, receipt: Receipt, opts: ProverOpts, *, cancel: CancelToken | None = None) -> Receipt:
        """Return the same claim in a receipt of `opts.receipt_kind`, made here; a no-op where it is already as small.

        Raises RecursionUnavailableError, at once, where the recursion programs are lacking.
        """
        if not is_as_small(receipt, opts.receipt_kind) and not self.worker.has_recursion():
            raise no_recursion(f"a {opts.receipt_kind} receipt")
        smaller = Receipt(self.worker.compress(receipt.to_bytes(), opts.receipt_kind, cancel or CancelToken()))
        smaller.verify_integrity(allow_fake=False)
        return smaller

    @abstractmethod
    def run(self, request: ProofRequest, store: SegmentStore) -> contextlib.AbstractContextManager[SegmentRun]:
        """Return the run that proves a request into the store; its resources last until the block ends."""

    def _prove(self, request: ProofRequest, checkpoint: Path | str | None) -> ProveInfo:
        started, info = time.monotonic(), self.info
        with self._store(request, checkpoint) as store:
            if (finished := store.finished()) is not None:
                assert store.execution is not None, "a finished store has its run"
                receipt, session = Receipt(finished), SessionInfo.from_reply(store.execution)
                verify_made(receipt, session)
                info = Provenance("checkpoint", str(checkpoint), info.version, "an earlier run had finished it")
            else:
                receipt, session = self._within_memory(request, store)
        return ProveInfo(receipt, SessionStats.of(session), info, time.monotonic() - started)

    @contextlib.contextmanager
    def _store(self, request: ProofRequest, checkpoint: Path | str | None) -> Iterator[SegmentStore]:
        if checkpoint is None:
            opened = SegmentStore.temporary()
        else:
            opened = SegmentStore.durable(checkpoint, request_key(request.env, request.program, request.opts))
        with opened as store:
            yield store

    def _within_memory(self, request: ProofRequest, store: SegmentStore) -> tuple[Receipt, SessionInfo]:
        """Prove, with ever smaller segments while memory runs out."""
        while True:
            limit = store.segment_limit_po2
            env = request.env if limit is None else dataclasses.replace(request.env, segment_limit_po2=limit)
            try:
                with self.run(dataclasses.replace(request, env=env), store) as run:
                    return run.prove()
            except OutOfMemoryError as error:
                if store.execution is None:
                    raise
                biggest = max(segment.po2 for segment in SessionInfo.from_reply(store.execution).segments)
                if biggest <= SMALLEST_SEGMENT_PO2:
                    raise _no_smaller(biggest) from error
                store.note(
                    f"out of memory with segments of 2**{biggest}: starting again with segment_limit_po2 {biggest - 1} "
                    f"({error.message})"
                )
                store.lower_limit(biggest - 1)
            except GuestFaultError as error:
                if limit is None or error.reason is not FaultReason.SEGMENT_LIMIT:
                    raise
                raise _no_smaller(limit) from error
            except HostIOError as error:
                if isinstance(error.__cause__, StorageError):  # the store's own, raised while the guest ran
                    raise error.__cause__ from None
                raise


def _no_smaller(segment_limit_po2: int) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"even segments of 2**{segment_limit_po2} need more memory than there is, or are too small for this guest",
        hint="prove on a machine with more memory, or on r0vm, Dask or a remote prover there",
        segment_limit_po2=segment_limit_po2,
    )
