"""One proof spread over a farm of machines: segments go out while the guest still runs, receipts come back into the store.

For a composite receipt every job is proved, and that is all. For a succinct one each segment is proved and lifted on
a worker, and neighbours are joined there as soon as both are done, until one receipt is left.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from zkhost.errors import CancelledError, ProverError, ProverUnavailableError, ZkhostError
from zkhost.provers.dask.farm import Farm, FarmTask
from zkhost.provers.dask.join_tree import JoinTree, Node
from zkhost.provers.storage.checkpoint import ProofJob, SegmentStore

_LOOK_S = 0.1  # how soon a cancellation is seen


class Cancel(Protocol):
    """A CancelToken, as far as it is needed here."""

    @property
    def cancelled(self) -> bool: ...


OnJob = Callable[[str, int], object]
"""Called with kind and index when the executor has written a job into the spool; what it raises ends the run."""

Execute = Callable[[Path, OnJob], Mapping[str, Any]]
"""Runs the guest, its jobs written into the folder; returns the reply of the shim's `execute`."""

Check = Callable[[str, bytes], None]
"""Verifies what a worker answered to an operation; raises where it is wrong."""


@dataclass
class Spread:
    """Proves what is missing in a store. `on_done(done, total)` is called after each job; total is None until known."""

    store: SegmentStore
    farm: Farm
    check: Check
    succinct: bool = False
    on_done: Callable[[int, int | None], object] | None = None
    starve_s: float = 120.0
    """How long to wait while there is no worker."""
    _tree: JoinTree = field(default_factory=JoinTree)
    _done: int = 0
    _ended: bool = False
    _stopped: bool = False

    async def run(self, execute: Execute, cancel: Cancel) -> None:
        """Execute, unless the store has the run already, and prove every job. `cancel` raises CancelledError."""
        async with self.farm:
            work = asyncio.create_task(self._work(execute))
            try:
                while not (await asyncio.wait({work}, timeout=_LOOK_S))[0]:
                    if cancel.cancelled:
                        raise CancelledError("cancelled by the caller")
                    if self.farm.starved_s() > self.starve_s:
                        raise ProverUnavailableError(
                            f"the cluster has had no worker for {self.starve_s:.0f} s", hint="start workers"
                        )
                work.result()
            except BaseExceptionGroup as group:
                raise _first(group) from group
            finally:
                self._stopped = True
                work.cancel()
                await asyncio.wait({work})

    async def _work(self, execute: Execute) -> None:
        async with asyncio.TaskGroup() as group:
            if self.store.execution is None:
                self.store.begin_execution()
                loop = asyncio.get_running_loop()

                def on_job(kind: str, index: int) -> None:
                    job = self.store.take(kind, index)
                    loop.call_soon_threadsafe(self._add, group, job)

                reply = await asyncio.to_thread(execute, self.store.spool, on_job)
                await asyncio.to_thread(self.store.end_execution, reply)
            else:
                for job in self.store.jobs:
                    self._add(group, job)
            self._ended = True
            self._report()
            if self.succinct:
                segments = sum(job.kind == "segment" for job in self.store.jobs)
                self._join(group, self._tree.end(segments))

    def root(self) -> bytes:
        """Return the receipt that joins all segments, after `run`."""
        node = self._tree.root()
        receipt = None if node is None else self.store.load(node.name)
        if receipt is None:
            raise ProverError("the joined receipt is missing", hint="the disk lost it; prove again")
        return receipt

    def _add(self, group: asyncio.TaskGroup, job: ProofJob) -> None:
        # The guest may run on for a moment after its proof has failed or was cancelled.
        if not self._stopped:
            group.create_task(self._until_stopped(functools.partial(self._prove, group, job)))

    async def _until_stopped(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except BaseException:
            self._stopped = True
            raise

    async def _prove(self, group: asyncio.TaskGroup, job: ProofJob) -> None:
        operation = "lifted" if self.succinct and job.kind == "segment" else job.kind
        if self.store.receipt(job) is None:
            task = FarmTask(str(job), operation, functools.partial(self._read, job), rank=1)  # joins go first
            await self.farm.run(task, functools.partial(self._store, operation, job))
        self._done += 1
        self._report()
        if operation == "lifted":
            self._join(group, self._tree.add(Node(0, job.index, job.digest)))

    def _join(self, group: asyncio.TaskGroup, joins: list[tuple[Node, Node, Node]]) -> None:
        for left, right, joined in joins:
            group.create_task(self._until_stopped(functools.partial(self._make, group, left, right, joined)))

    async def _make(self, group: asyncio.TaskGroup, left: Node, right: Node, joined: Node) -> None:
        if self.store.load(joined.name) is None:
            load = functools.partial(self._load, left, right)
            task = FarmTask(f"join {joined.level} {joined.index}", "join", load)
            await self.farm.run(task, functools.partial(self._save, joined.name))
        self._join(group, self._tree.add(joined))

    def _read(self, job: ProofJob) -> tuple[bytes, ...]:
        path = self.store.path(job)
        if path is None:
            raise ProverError(f"{job} is missing or damaged on disk", hint="prove again: it starts afresh")
        return (path.read_bytes(),)

    def _load(self, left: Node, right: Node) -> tuple[bytes, ...]:
        receipts = [self.store.load(node.name) for node in (left, right)]
        found = tuple(receipt for receipt in receipts if receipt is not None)
        if len(found) != len(receipts):
            raise ProverError("a receipt to join is missing or damaged on disk", hint="prove again: it is made again")
        return found

    async def _store(self, operation: str, job: ProofJob, receipt: bytes) -> None:
        def store() -> None:
            self.check(operation, receipt)
            self.store.store(job, receipt)

        await asyncio.to_thread(store)

    async def _save(self, name: str, receipt: bytes) -> None:
        def save() -> None:
            self.check("join", receipt)
            self.store.save(name, receipt)

        await asyncio.to_thread(save)

    def _report(self) -> None:
        if self.on_done:
            self.on_done(self._done, len(self.store.jobs) if self._ended else None)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error to show: the first of zkhost's own, else the first."""
    flat: list[BaseException] = []
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop(0)
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions)
        else:
            flat.append(error)
    return next((error for error in flat if isinstance(error, ZkhostError)), flat[0])
