"""Runs many tasks on machines that may vanish: bounded in flight, retried when lost, run twice when slow.

It does not depend on Dask: a `Pool` starts a task somewhere and returns a handle to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from zkhost.errors import RecursionUnavailableError, ShimError, UnsupportedError, WorkerLostError, ZkhostError

_LOOK_S = 0.25  # how often running tasks are compared with each other, and the slots counted
_SAMPLES = 101  # durations remembered for each kind of task
_ENOUGH = 3  # durations needed before a task can count as slow


@dataclass(frozen=True)
class FarmTask:
    """One call of the worker's function: operation, inputs. `load` reads the inputs when the task's turn comes."""

    name: str
    operation: str
    load: Callable[[], tuple[bytes, ...]]
    rank: int = 0
    """Lower goes first."""


class Handle(Protocol):
    """A task that was started."""

    place: str | None
    """The worker where it failed, as far as known."""

    async def result(self) -> bytes:
        """Return the worker's answer. Raises what it raised, or anything else where the task was lost."""

    async def find(self) -> str | None:
        """Return the worker that has the task now, as far as known."""

    async def cancel(self) -> None:
        """Abandon the task."""


class Pool(Protocol):
    """Machines that run tasks."""

    async def slots(self) -> int:
        """Return how many tasks run at once, now."""

    def start(self, task: FarmTask, inputs: tuple[bytes, ...], avoid: frozenset[str]) -> Handle:
        """Start a task, on none of the workers in `avoid` where there are others."""


@dataclass
class FarmStats:
    """What happened: `started` counts every try, `lost` those without an answer, `doubled` second copies."""

    started: int = 0
    done: int = 0
    lost: int = 0
    doubled: int = 0
    most_in_flight: int = 0


@dataclass(eq=False)
class _Attempt:
    """A task in flight: its one or two copies."""

    task: FarmTask
    inputs: tuple[bytes, ...]
    places: set[str]
    """Where a copy of it failed."""
    start: float = field(default_factory=time.monotonic)
    copies: dict[asyncio.Task[bytes], Handle] = field(default_factory=dict)
    ended: asyncio.Queue[asyncio.Task[bytes]] = field(default_factory=asyncio.Queue)


@dataclass
class Farm:
    """Hands tasks to a pool; use it as an async context manager.

    `ahead` tasks a slot are in flight, so that no machine waits for its next one.
    """

    pool: Pool
    tries: int = 4
    ahead: float = 1.5
    slow_factor: float = 3.0
    """A task that takes this many times as long as usual is started a second time elsewhere, once slots are free."""
    max_in_flight: int | None = None
    stats: FarmStats = field(default_factory=FarmStats)
    _in_flight: set[_Attempt] = field(default_factory=set)
    _turns_taken: int = 0
    _durations: dict[str, deque[float]] = field(default_factory=dict)
    _waiting: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _slots: int = 0
    _starved_since: float | None = None
    _watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Farm:
        self._slots = await self.pool.slots()
        self._watch = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch

    async def run(self, task: FarmTask, accept: Callable[[bytes], Awaitable[None]]) -> None:
        """Run a task and hand its answer to `accept` while it still counts as in flight.

        What `accept` refuses (by raising) counts as lost. Raises WorkerLostError when all tries are used up.
        """
        async with self._turn(task.rank):
            inputs = task.load()
            places: set[str] = set()
            for attempt in itertools.count(1):
                try:
                    await accept(await self._attempt(_Attempt(task, inputs, places)))
                    break
                except _FINAL:
                    raise
                except Exception as error:  # whatever became of the worker, the task is still to be done
                    self.stats.lost += 1
                    if attempt >= self.tries:
                        raise WorkerLostError(
                            f"{task.name} failed {attempt} times; last: {_reason(error)}",
                            hint="look at the workers' logs and memory; zkhost.estimate predicts what a segment needs",
                            job=task.name,
                            attempts=attempt,
                        ) from error
        self.stats.done += 1

    def starved_s(self) -> float:
        """Return how long there has been nowhere to run a task, in seconds."""
        return 0.0 if self._starved_since is None else time.monotonic() - self._starved_since

    async def _attempt(self, attempt: _Attempt) -> bytes:
        """Return the answer of the first copy to succeed."""
        self._begin(attempt, frozenset(attempt.places))
        self._in_flight.add(attempt)
        try:
            while True:
                task = await attempt.ended.get()
                handle = attempt.copies.pop(task)
                if task.exception() is None:
                    durations = self._durations.setdefault(attempt.task.operation, deque(maxlen=_SAMPLES))
                    durations.append(time.monotonic() - attempt.start)
                    return task.result()
                if handle.place:
                    attempt.places.add(handle.place)
                if not attempt.copies:
                    return task.result()  # raises
        finally:
            self._in_flight.discard(attempt)
            for task, handle in attempt.copies.items():
                task.cancel()
                with contextlib.suppress(Exception):
                    await handle.cancel()

    def _begin(self, attempt: _Attempt, avoid: frozenset[str]) -> None:
        handle = self.pool.start(attempt.task, attempt.inputs, avoid)
        self.stats.started += 1
        task = asyncio.ensure_future(handle.result())
        attempt.copies[task] = handle
        task.add_done_callback(attempt.ended.put_nowait)

    async def _look(self) -> None:
        """Count the pool's slots, and start copies of slow tasks once there are more slots than tasks."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._slots = await self.pool.slots()
            if self._slots > 0:
                self._starved_since = None
            elif self._starved_since is None:
                self._starved_since = time.monotonic()
            self._open()
            spare = self._slots - len(self._in_flight)
            for attempt in sorted(self._in_flight, key=lambda attempt: attempt.start)[: max(0, spare)]:
                durations = self._durations.get(attempt.task.operation, ())
                if len(durations) >= _ENOUGH and len(attempt.copies) == 1:
                    usual = statistics.median(durations)
                    if time.monotonic() - attempt.start > self.slow_factor * usual + _LOOK_S:
                        slow = {place for copy in attempt.copies.values() if (place := await copy.find())}
                        if attempt.copies:
                            self.stats.doubled += 1
                            self._begin(attempt, frozenset(attempt.places | slow))

    @contextlib.asynccontextmanager
    async def _turn(self, rank: int) -> AsyncIterator[None]:
        """Wait until one more may be in flight; the lowest rank first, then in order of arrival."""
        gate = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._order), gate))
        self._open()
        try:
            await gate
            yield
        finally:
            if gate.done() and not gate.cancelled():
                self._turns_taken -= 1
                self._open()

    def _open(self) -> None:
        limit = max(1, int(self._slots * self.ahead))
        if self.max_in_flight is not None:
            limit = min(limit, self.max_in_flight)
        while self._waiting and self._turns_taken < limit:
            _, _, gate = heapq.heappop(self._waiting)
            if not gate.done():
                self._turns_taken += 1
                self.stats.most_in_flight = max(self.stats.most_in_flight, self._turns_taken)
                gate.set_result(None)


# Another machine would answer the same: not retried.
_FINAL = (RecursionUnavailableError, ShimError, UnsupportedError)


def _reason(error: Exception) -> str:
    if isinstance(error, ZkhostError):
        return f"{type(error).__name__}: {error.message}"
    return f"{type(error).__name__}: {error}"
