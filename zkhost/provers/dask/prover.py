"""The prover that spreads one proof over a Dask cluster."""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zkhost import _config, _shim
from zkhost.environment import serving
from zkhost.errors import (
    ConfigError,
    ProverUnavailableError,
    RecursionUnavailableError,
    ServerVersionError,
)
from zkhost.provers.dask import work as worker
from zkhost.provers.dask.farm import Farm, FarmStats
from zkhost.provers.dask.pool import DaskPool
from zkhost.provers.dask.spread import OnPiece, Spread
from zkhost.provers.engine import resumable, segments
from zkhost.provers.engine.meter import Meter
from zkhost.provers.engine.workbench import LocalBench
from zkhost.provers.engine.workbench_prover import BenchProver
from zkhost.provers.interface import (
    OnProgress,
    Program,
    ProveInfo,
    ProverInfo,
    ProverOpts,
    program_bytes,
    require_success,
)
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import Receipt
from zkhost.session import SessionInfo

if TYPE_CHECKING:
    from zkhost._shim import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.checkpoint import SegmentStore
    from zkhost.provers.storage.receipt_cache import ReceiptCache

T = TypeVar("T")

_DEFAULT_OPTS = ProverOpts()
_GOODBYE_S = 2.0  # how long Ctrl-C waits for the cluster to be told


class DaskProver(BenchProver):
    """Executes here and proves on the workers of a Dask cluster, segment by segment.

    cluster: a `distributed.Client`, or the address of a scheduler ("tcp://10.0.0.1:8786"). The workers need zkhost. A
    worker that dies costs what it was working on, no more; a slow one is overtaken by a second copy once others idle. A
    segment is in memory only while it is in flight: `in_flight` at most, else one and a half for each worker thread.

    Raises ProverUnavailableError where `distributed` is not installed, no scheduler answers, or no worker comes.
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
        self._bench = LocalBench()
        self.stats = FarmStats()
        """What the last proof took: jobs started, lost, run twice."""
        version = _shim.build_info()["risc0_version"]
        self.info = ProverInfo("dask", f"the Dask cluster at {self._client.scheduler.address}", version, reason)

    def __repr__(self) -> str:
        return f"<DaskProver at {self._client.scheduler.address}, risc0 {self.info.version}>"

    def __enter__(self) -> DaskProver:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the cluster, where the prover made the connection itself."""
        if self._is_ours:
            self._client.close()

    def prove(
        self,
        env: ExecutorEnv,
        program: Program,
        opts: ProverOpts = _DEFAULT_OPTS,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        checkpoint: Path | str | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> ProveInfo:
        """Run a guest and prove the run on the cluster; `checkpoint` and `cache` as for LocalProver.

        `on_progress` is called on Dask's event loop: it should be quick. Ctrl-C or `cancel` gives control back within
        seconds; a worker ends the segment it is at, for nobody.
        """
        binary = program_bytes(program)
        token = cancel or _shim.CancelToken()

        def work(env: ExecutorEnv, store: SegmentStore) -> tuple[Receipt, SessionInfo]:
            run = segments.Run(self._bench, env, binary, opts, store, on_progress, token)
            fake = opts.receipt_kind is ReceiptKind.FAKE or _config.dev_mode()
            if fake:
                return run.prove()
            proof = _Proof(self, run, Meter(on_progress))
            self._await(proof.spread(), token)
            return proof.finish()

        return resumable.prove(work, self.info, env, binary, opts, checkpoint=checkpoint, cache=cache)

    async def workers(self) -> Mapping[str, dict[str, Any]]:
        """What each worker can do, by address. Raises ServerVersionError where one has another risc0 version."""
        found: dict[str, dict[str, Any]] = await self._client.run(worker.facts, asynchronous=True)
        for address, facts in found.items():
            if facts["risc0_version"] != self.info.version:
                raise ServerVersionError(
                    f"the Dask worker {address} has risc0 {facts['risc0_version']}, this process {self.info.version}",
                    hint="install the same zkhost everywhere",
                    expected=self.info.version,
                    got=facts["risc0_version"],
                )
        return found

    def _await(self, work: Coroutine[Any, Any, T], cancel: CancelToken) -> T:
        """Runs a coroutine on the client's event loop; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._client.loop.asyncio_loop)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                cancel.cancel()
                concurrent.futures.wait([future], timeout=_GOODBYE_S)
            raise


@dataclass
class _Proof:
    prover: DaskProver
    run: segments.Run
    meter: Meter

    def __post_init__(self) -> None:
        self._since = time.monotonic()
        pool = DaskPool(self.prover._client, worker.work)
        farm = Farm(pool, tries=self.prover._tries, max_in_flight=self.prover._in_flight)
        self.prover.stats = farm.stats
        succinct = self.run.opts.receipt_kind is not ReceiptKind.COMPOSITE
        self.work = Spread(
            self.run.store,
            farm,
            worker.check,
            succinct=succinct,
            on_done=self._tell,
            starve_s=self.prover._worker_wait_s,
        )

    async def spread(self) -> None:
        facts = await self.prover.workers()
        lacking = [address for address, fact in facts.items() if not fact["recursion"]]
        if self.work.succinct and lacking:
            error = segments.no_recursion(f"a {self.run.opts.receipt_kind} receipt")
            raise RecursionUnavailableError(f"{error.message} (worker {lacking[0]})", hint=error.hint)
        await self.work.run(self._execute, self.run.cancel)

    def _execute(self, spool: Path, on_piece: OnPiece) -> Mapping[str, Any]:
        def note(event: dict[str, Any]) -> None:
            kind, index = event["piece"]
            on_piece(kind, index)
            if kind == "segment":
                self.meter.executed(event["segments"], event["user_cycles"])

        host = serving.host(self.run.env, cancel=self.run.cancel, on_progress=note)
        reply = self.run.bench.execute(self.run.env, self.run.program, host, spool)
        require_success(SessionInfo.from_reply(reply).exit_code, self.run.opts)
        return reply

    def _tell(self, done: int, total: int | None) -> None:
        self.meter.disk_bytes = self.run.store.shown_bytes()
        spent = time.monotonic() - self._since
        remaining = None if not done or total is None else spent / done * (total - done)
        self.meter.tell("prove", done, total, remaining)

    def finish(self) -> tuple[Receipt, SessionInfo]:
        """Everything is proved: one verified receipt of it."""
        run, store = self.run, self.run.store
        if not self.work.succinct:
            return run.prove()  # which finds nothing left to prove, and assembles
        execution = store.execution
        if execution is None:
            raise ProverUnavailableError("the run has ended without an outcome")
        session = SessionInfo.from_reply(execution)
        keccaks = [store.receipt(piece) for piece in store.pieces if piece.kind == "keccak"]
        request = {"session": session.record, "joined": self.work.root(), "keccak_receipts": keccaks}
        data: bytes = _shim.call("assemble_succinct", request, _shim.Host(cancel=run.cancel))["receipt"]
        if run.opts.receipt_kind is ReceiptKind.GROTH16:
            self.meter.tell("compress", len(store.pieces), len(store.pieces))
            data = run.bench.compress(data, ReceiptKind.GROTH16, run.cancel)
        receipt = Receipt(data)
        segments.verify_made(receipt, session)
        store.finish(data)
        return receipt, session


def _client(cluster: Any) -> tuple[Any, bool]:
    """A synchronous `distributed.Client`, and whether it was made here."""
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
        return Client(cluster, set_as_default=False), True  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise ProverUnavailableError(
            f"no Dask scheduler answers at {cluster}: {error}",
            hint="start one with `dask scheduler`, or check the address",
        ) from error
