"""The prover that spreads one proof over a Dask cluster."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zkhost import _shim, _work
from zkhost._cancel import CancelToken
from zkhost.environment import serving
from zkhost.errors import (
    ConfigError,
    ProverUnavailableError,
    RecursionUnavailableError,
    ServerVersionError,
)
from zkhost.provers.dask import tasks
from zkhost.provers.dask.farm import Farm, FarmStats
from zkhost.provers.dask.pool import DaskPool
from zkhost.provers.dask.spread import OnJob, Spread
from zkhost.provers.engine.segment_prover import SegmentProver
from zkhost.provers.engine.segment_run import ProofRequest, SegmentRun
from zkhost.provers.engine.worker import InProcessWorker, no_recursion
from zkhost.provers.options import Provenance
from zkhost.provers.storage.checkpoint import SegmentStore
from zkhost.receipt.claim import ReceiptKind
from zkhost.session import Phase, SessionInfo

_CANCEL_S = 2.0  # how long Ctrl-C waits for the cluster to cancel the tasks


class DaskProver(SegmentProver):
    """Executes here and proves on the workers of a Dask cluster, segment by segment.

    cluster: a `distributed.Client`, or the address of a scheduler ("tcp://10.0.0.1:8786"). The workers need zkhost. A
    worker that dies costs what it was working on, no more; a slow one is overtaken by a second copy once others idle. A
    segment is in memory only while it is in flight: `in_flight` at most, else one and a half for each worker thread.

    `on_progress` is called on Dask's event loop: it should be quick. Ctrl-C or `cancel` returns control within seconds; a
    worker finishes its current segment, whose receipt is discarded. The connection does not survive a fork.

    Raises ProverUnavailableError where `distributed` is not installed, no scheduler answers, or no worker appears.
    """

    name = "dask"

    def __init__(
        self,
        cluster: Any,
        *,
        in_flight: int | None = None,
        tries: int = 4,
        worker_wait_s: float = 120.0,
        reason: str = "asked for in code",
    ) -> None:
        if in_flight is not None and in_flight < 1:
            raise ConfigError(f"in_flight is {in_flight}; it must be at least 1")
        self._client, self._is_ours = _client(cluster)
        self._in_flight, self._tries, self._worker_wait_s = in_flight, tries, worker_wait_s
        self.worker = InProcessWorker()
        self._pid = os.getpid()
        self.stats = FarmStats()
        """What the last proof took: jobs started, lost, run twice."""
        version = _shim.build_info()["risc0_version"]
        self.info = Provenance("dask", f"the Dask cluster at {self._client.scheduler.address}", version, reason)

    def __repr__(self) -> str:
        return f"<DaskProver at {self._client.scheduler.address}, risc0 {self.info.version}>"

    def __enter__(self) -> DaskProver:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster, where the prover made the connection itself."""
        if self._is_ours:
            self._client.close()

    @contextlib.contextmanager
    def run(self, request: ProofRequest, store: SegmentStore) -> Iterator[SegmentRun]:
        """Yield the run that proves a request on the cluster; a fake receipt needs none."""
        if os.getpid() != self._pid:
            raise ProverUnavailableError(
                "this DaskProver was made before a fork, and its connection belongs to the parent process",
                hint='make a DaskProver in the child, or start it with multiprocessing\'s "spawn" or "forkserver"',
            )
        yield DaskRun(self, request, store)

    async def workers(self) -> Mapping[str, dict[str, Any]]:
        """Return what each worker can do, by address. Raises ServerVersionError where one has another risc0 version."""
        found: dict[str, dict[str, Any]] = await self._client.run(tasks.facts, asynchronous=True)
        for address, facts in found.items():
            if facts["risc0_version"] != self.info.version:
                raise ServerVersionError(
                    f"the Dask worker {address} has risc0 {facts['risc0_version']}, this process {self.info.version}",
                    hint="install the same zkhost everywhere",
                    expected=self.info.version,
                    got=facts["risc0_version"],
                )
        return found


class DaskRun(SegmentRun):
    """A run whose jobs are proved on the workers, from the moment the executor makes them."""

    def __init__(self, prover: DaskProver, request: ProofRequest, store: SegmentStore) -> None:
        super().__init__(request, prover.worker, store)
        self._prover = prover
        self._stop = CancelToken()
        self._since = time.monotonic()
        pool = DaskPool(prover._client, tasks.run_task)
        farm = Farm(pool, tries=prover._tries, max_in_flight=prover._in_flight)
        prover.stats = farm.stats
        self._spread = Spread(
            store,
            farm,
            tasks.verify_answer,
            succinct=request.opts.receipt_kind is not ReceiptKind.COMPOSITE,
            on_done=self._report,
            starve_s=prover._worker_wait_s,
        )

    def prove_jobs(self) -> SessionInfo:
        """Execute here and prove on the workers, at the same time unless the options ask for a check in between."""
        cancel = self.request.cancel
        cancel.check()
        if self.store.execution is not None or self.request.opts.preflight:
            self.session()
        loop = self._prover._client.loop.asyncio_loop
        try:
            with cancel.calling(self._stop.cancel):
                _work.run_async(lambda _: self._prove_on_workers(), loop=loop, grace_s=_CANCEL_S)
        except BaseException:
            self._stop.cancel()  # the executor, which an interrupted coroutine does not wait for
            raise
        assert self.store.execution is not None, "the workers have proved a run that has ended"
        return SessionInfo.from_reply(self.store.execution)

    def assemble(self, session: SessionInfo) -> bytes:
        """Return one receipt, in bincode: succinct where the workers joined those of the segments, else composite."""
        if not self._spread.succinct:
            return super().assemble(session)
        keccaks = [self.store.receipt(job) for job in self.store.jobs if job.kind == "keccak"]
        request = {"session": session.record, "joined": self._spread.root(), "keccak_receipts": keccaks}
        assembled: bytes = _shim.call("assemble_succinct", request, _shim.Host(cancel=self.request.cancel))["receipt"]
        return assembled

    async def _prove_on_workers(self) -> None:
        facts = await self._prover.workers()
        lacking = [address for address, fact in facts.items() if not fact["recursion"]]
        if self._spread.succinct and lacking:
            error = no_recursion(f"a {self.request.opts.receipt_kind} receipt")
            raise RecursionUnavailableError(f"{error.message} (worker {lacking[0]})", hint=error.hint)
        await self._spread.run(self._execute_into, self.request.cancel)

    def _execute_into(self, spool: Path, on_job: OnJob) -> Mapping[str, Any]:
        def take(event: dict[str, Any]) -> None:
            kind, index = event["job"]
            on_job(kind, index)
            if kind == "segment":
                self.meter.executed(event["segments"], event["user_cycles"])

        request = self.request
        host = serving.host(request.env, cancel=self._stop, on_progress=take)
        reply = self.worker.execute(request.env, request.program, host, spool)
        request.opts.require_success(SessionInfo.from_reply(reply).exit_code)
        return reply

    def _report(self, done: int, total: int | None) -> None:
        self.meter.disk_bytes = self.store.shown_bytes()
        spent = time.monotonic() - self._since
        remaining = None if not done or total is None else spent / done * (total - done)
        self.meter.report(Phase.PROVE, done, total, remaining)


def _client(cluster: Any) -> tuple[Any, bool]:
    """Return a synchronous `distributed.Client`, and whether it was made here."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ProverUnavailableError(
            "the Dask prover needs the package `distributed`", hint="pip install 'zkhost[dask]'"
        ) from error
    if isinstance(cluster, Client):
        if cluster.asynchronous:
            raise ConfigError("DaskProver needs a Client made without asynchronous=True", hint="Client(address)")
        return cluster, False
    try:
        return Client(cluster, set_as_default=False), True
    except (OSError, TimeoutError, ValueError) as error:
        raise ProverUnavailableError(
            f"no Dask scheduler answers at {cluster}: {error}",
            hint="start one with `dask scheduler`, or check the address",
        ) from error
