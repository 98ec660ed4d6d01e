"""One proof spread over a farm: segments go out while the guest still runs, receipts come back into the store.

For a composite receipt every piece is proved, and that is all. For a succinct one each segment is proved and lifted on
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
from zkhost.provers.dask.farm import Farm, Job
from zkhost.provers.dask.tree import JoinTree, Node
from zkhost.provers.storage.checkpoint import Piece, SegmentStore

_LOOK_S = 0.1  # how soon a cancellation is seen


class Cancel(Protocol):
    """A CancelToken, as far as it is needed here."""

    @property
    def cancelled(self) -> bool: ...


OnPiece = Callable[[str, int], object]
"""Called with kind and index when the executor has written a piece into the spool; what it raises ends the run."""

Execute = Callable[[Path, OnPiece], Mapping[str, Any]]
"""Runs the guest, its pieces written into the folder; gives the reply of the shim's `execute`."""

Check = Callable[[str, bytes], None]
"""Verifies what a worker answered to an operation; raises where it is not right."""


@dataclass
class Spread:
    """Proves what is missing in a store. `on_done(done, total)` is told after each piece; total is None until known."""

    store: SegmentStore
    farm: Farm
    check: Check
    succinct: bool = False
    on_done: Callable[[int, int | None], object] | None = None
    starve_s: float = 120.0
    """How long to wait while there is no worker at all."""
    _tree: JoinTree = field(default_factory=JoinTree)
    _done: int = 0
    _ended: bool = False
    _stopped: bool = False

    async def run(self, execute: Execute, cancel: Cancel) -> None:
        """Executes, unless the store has the run already, and proves every piece. `cancel` raises CancelledError."""
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

                def on_piece(kind: str, index: int) -> None:
                    piece = self.store.take(kind, index)
                    loop.call_soon_threadsafe(self._add, group, piece)

                reply = await asyncio.to_thread(execute, self.store.spool, on_piece)
                await asyncio.to_thread(self.store.end_execution, reply)
            else:
                for piece in self.store.pieces:
                    self._add(group, piece)
            self._ended = True
            self._tell()
            if self.succinct:
                segments = sum(piece.kind == "segment" for piece in self.store.pieces)
                self._join(group, self._tree.end(segments))

    def root(self) -> bytes:
        """The receipt that joins all segments, after `run`."""
        node = self._tree.root()
        receipt = None if node is None else self.store.load(node.name)
        if receipt is None:
            raise ProverError("the joined receipt is missing", hint="the disk lost it; prove again")
        return receipt

    def _add(self, group: asyncio.TaskGroup, piece: Piece) -> None:
        # The guest may run on for a moment after its proof has failed or was cancelled.
        if not self._stopped:
            group.create_task(self._until_stopped(functools.partial(self._prove, group, piece)))

    async def _until_stopped(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except BaseException:
            self._stopped = True
            raise

    async def _prove(self, group: asyncio.TaskGroup, piece: Piece) -> None:
        operation = "lifted" if self.succinct and piece.kind == "segment" else piece.kind
        if self.store.receipt(piece) is None:
            job = Job(
                f"{piece.kind} {piece.index}", operation, functools.partial(self._read, piece), rank=1
            )  # joins go first
            await self.farm.run(job, functools.partial(self._keep, operation, piece))
        self._done += 1
        self._tell()
        if operation == "lifted":
            self._join(group, self._tree.add(Node(0, piece.index, piece.digest)))

    def _join(self, group: asyncio.TaskGroup, joins: list[tuple[Node, Node, Node]]) -> None:
        for left, right, joined in joins:
            group.create_task(self._until_stopped(functools.partial(self._make, group, left, right, joined)))

    async def _make(self, group: asyncio.TaskGroup, left: Node, right: Node, joined: Node) -> None:
        if self.store.load(joined.name) is None:
            job = Job(f"join {joined.level} {joined.index}", "join", functools.partial(self._load, left, right))
            await self.farm.run(job, functools.partial(self._save, joined.name))
        self._join(group, self._tree.add(joined))

    def _read(self, piece: Piece) -> tuple[bytes, ...]:
        path = self.store.path(piece)
        if path is None:
            raise ProverError(
                f"{piece.kind} {piece.index} is missing or damaged on disk", hint="prove again: it starts afresh"
            )
        return (path.read_bytes(),)

    def _load(self, left: Node, right: Node) -> tuple[bytes, ...]:
        receipts = [self.store.load(node.name) for node in (left, right)]
        found = tuple(receipt for receipt in receipts if receipt is not None)
        if len(found) != len(receipts):
            raise ProverError("a receipt to join is missing or damaged on disk", hint="prove again: it is made again")
        return found

    async def _keep(self, operation: str, piece: Piece, receipt: bytes) -> None:
        def keep() -> None:
            self.check(operation, receipt)
            self.store.keep(piece, receipt)

        await asyncio.to_thread(keep)

    async def _save(self, name: str, receipt: bytes) -> None:
        def save() -> None:
            self.check("join", receipt)
            self.store.save(name, receipt)

        await asyncio.to_thread(save)

    def _tell(self) -> None:
        if self.on_done:
            self.on_done(self._done, len(self.store.pieces) if self._ended else None)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show: the first of zkhost's own, else the first."""
    flat: list[BaseException] = []
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop(0)
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions)
        else:
            flat.append(error)
    return next((error for error in flat if isinstance(error, ZkhostError)), flat[0])
