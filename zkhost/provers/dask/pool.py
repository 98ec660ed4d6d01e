"""A Dask cluster as a pool of machines for `farm`."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from zkhost.errors import ProverError
from zkhost.provers.dask.farm import FarmTask

Work = Callable[[str, Sequence[bytes]], bytes]
"""The worker's function: from operation and inputs to an answer. Sent to the workers by pickle, so importable there."""

_BATCH_S = 0.01  # tasks that start within this time go to the scheduler in one message,
_BATCH_BYTES = 4 << 20  # of about this size at most


@dataclass(eq=False)
class DaskHandle:
    """A task of the cluster, or one about to be."""

    pool: DaskPool
    key: str
    answer: asyncio.Future[bytes]
    future: Any = None
    place: str | None = None

    async def result(self) -> bytes:
        """Return the task's answer, which the cluster then forgets."""
        return await self.answer

    async def find(self) -> str | None:
        """Return the address of the worker that has the task."""
        processing = await self.pool.client.scheduler.processing(workers=None)
        return next((str(address) for address, keys in processing.items() if self.key in keys), None)

    async def cancel(self) -> None:
        """Abandon the task. A segment that is already being proved is proved to its end; its receipt is discarded."""
        self.answer.cancel()
        if self.future is not None:
            await self.pool.client.cancel([self.future], asynchronous=True, force=True)


@dataclass
class DaskPool:
    """Runs tasks on the workers of a `distributed.Client`. All of it is called on the client's event loop.

    Inputs travel inside the task (through the scheduler), so Dask itself reruns a task whose worker dies. Starting
    tasks and fetching answers is batched: with thousands of short tasks, what counts is the scheduler's time per message.
    """

    client: Any
    work: Work
    _starting: list[tuple[FarmTask, tuple[bytes, ...], DaskHandle]] = field(default_factory=list)
    _handles: dict[str, DaskHandle] = field(default_factory=dict)
    _finished: Any = None
    _fetching: asyncio.Task[None] | None = None

    async def slots(self) -> int:
        """Return the number of threads of all workers, now."""
        threads: dict[str, int] = await self.client.scheduler.ncores()
        return sum(threads.values())

    def start(self, task: FarmTask, inputs: tuple[bytes, ...], avoid: frozenset[str]) -> DaskHandle:
        """Start a task; `avoid` are addresses of workers that failed at it or are slow with it."""
        loop = asyncio.get_running_loop()
        key = f"{task.operation}-{task.name.replace(' ', '-')}-{uuid.uuid4().hex}"
        handle = DaskHandle(self, key, loop.create_future())
        if avoid:
            self._submit([(task, inputs, handle)], avoid)
        else:
            if not self._starting:
                loop.call_later(_BATCH_S, self._flush)
            self._starting.append((task, inputs, handle))
        return handle

    def _flush(self) -> None:
        waiting, self._starting = self._starting, []
        for rank in sorted({task.rank for task, _, _ in waiting}):
            batch: list[tuple[FarmTask, tuple[bytes, ...], DaskHandle]] = []
            size = 0
            for start in waiting:
                if start[0].rank == rank and not start[2].answer.done():
                    batch.append(start)
                    size += sum(map(len, start[1]))
                    if size > _BATCH_BYTES:
                        self._submit(batch, frozenset())
                        batch, size = [], 0
            self._submit(batch, frozenset())

    def _submit(self, batch: list[tuple[FarmTask, tuple[bytes, ...], DaskHandle]], avoid: frozenset[str]) -> None:
        if not batch:
            return
        others = [address for address in self._addresses() if address not in avoid] if avoid else []
        futures = self.client.map(
            self.work,
            [task.operation for task, _, _ in batch],
            [inputs for _, inputs, _ in batch],
            key=[handle.key for _, _, handle in batch],
            pure=False,
            priority=-batch[0][0].rank,
            workers=others or None,
            allow_other_workers=bool(others),
        )
        for (_, _, handle), future in zip(batch, futures, strict=True):
            handle.future = future
            self._handles[handle.key] = handle
        if self._finished is None:
            from distributed import as_completed

            self._finished = as_completed(loop=self.client.loop)
        self._finished.update(futures)
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch())

    def _addresses(self) -> list[str]:
        return list(self.client.scheduler_info(n_workers=-1)["workers"])

    async def _fetch(self) -> None:
        """Fetch answers as tasks end, many at a time, until no task is left."""
        while self._handles:
            with contextlib.suppress(StopAsyncIteration):
                first = await self._finished.__anext__()
                ended = [first, *self._finished.next_batch(block=False)]
                await self._answer([future for future in ended if future.key in self._handles])

    async def _answer(self, futures: list[Any]) -> None:
        good = [future for future in futures if future.status == "finished"]
        try:
            answers = await self.client.gather(good, asynchronous=True)
        except Exception:  # one of them was lost after it had ended: fetch one by one
            good = []
        else:
            for future, answer in zip(good, answers, strict=True):
                self._settle(future, answer, None)
        for future in futures:
            if future not in good:
                try:
                    self._settle(future, await future.result(), None)
                except Exception as error:
                    self._settle(future, b"", error)

    def _settle(self, future: Any, answer: bytes, error: Exception | None) -> None:
        handle = self._handles.pop(future.key)
        future.release()
        if handle.answer.done():
            return
        if error is None:
            handle.answer.set_result(answer)
        elif "Cancelled" in type(error).__name__:
            handle.answer.set_exception(ProverError(f"the Dask scheduler cancelled or lost the task: {error}"))
        else:
            handle.place = getattr(getattr(error, "last_worker", None), "address", None)
            handle.answer.set_exception(error)
