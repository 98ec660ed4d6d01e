"""From blocking code into asyncio: one event loop for the process, in a daemon thread of its own.

The blocking prover is the asyncio one, run here. The caller's thread stays free to be interrupted: it waits for events
and calls the progress callback itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from zkhost.errors import CancelledError

E = TypeVar("E")
T = TypeVar("T")
_LOOK_AT_TOKEN_S = 0.05
_LOOK_FOR_SIGNALS_S = 0.25
_GRACE_S = 6.0

Work = Callable[[Callable[[E], None]], Coroutine[Any, Any, T]]
_loops: dict[int, asyncio.AbstractEventLoop] = {}


class Token(Protocol):
    """What can cancel: zkhost's CancelToken."""

    @property
    def cancelled(self) -> bool:
        """Whether it was used."""


def _loop(pid: int) -> asyncio.AbstractEventLoop:
    """The loop of this process; a forked child has none of its parent's threads and gets its own.

    Threads that come at once agree on one without a lock, which a fork could leave locked.
    """
    if pid not in _loops:
        made = asyncio.new_event_loop()
        if _loops.setdefault(pid, made) is made:
            threading.Thread(target=made.run_forever, name="zkhost-remote", daemon=True).start()
        else:
            made.close()
    return _loops[pid]


def run(work: Work[E, T], on_event: Callable[[E], object] | None = None) -> T:
    """The result of `work(emit)`, a coroutine run in the loop; `on_event` gets what it emits, in the caller's thread.

    Whatever ends the wait early (KeyboardInterrupt, an error in `on_event`) cancels the work and gives it 6 s to say
    goodbye to the server.
    """
    loop = _loop(os.getpid())
    events: queue.SimpleQueue[E | _End[T]] = queue.SimpleQueue()
    job = _Job(loop, work, events)
    try:
        loop.call_soon_threadsafe(job.begin)
        while not isinstance(event := _next(events), _End):
            if on_event is not None:
                on_event(event)
    except BaseException:
        loop.call_soon_threadsafe(job.cancel)
        _wait_for_end(events)
        raise
    return event.result()


def start(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine in the loop without waiting for it."""
    asyncio.run_coroutine_threadsafe(work, _loop(os.getpid()))


async def unless(cancel: Token | None, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. Raises CancelledError, the work cancelled, at most 50 ms after the token was used."""
    if cancel is None:
        return await work
    task = asyncio.ensure_future(work)
    try:
        while not cancel.cancelled:
            await asyncio.wait([task], timeout=_LOOK_AT_TOKEN_S)
            if task.done():
                return task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])
    raise CancelledError("cancelled by the caller")


class _End(Generic[T]):
    """The last event: how the work ended."""

    def __init__(self, value: T | None = None, error: BaseException | None = None) -> None:
        self.value, self.error = value, error

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # T may itself allow None


class _Job(Generic[E, T]):
    """Work in the loop, which calls both methods. It is there to be cancelled before it is handed over: an interrupt may
    come right after that, and would leave a task that nobody knows.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, work: Work[E, T], events: queue.SimpleQueue[E | _End[T]]
    ) -> None:
        self._loop, self._work, self._events = loop, work, events
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = self._loop.create_task(_work(self._work, self._events))
        # A task that is cancelled before its first step tells of no end itself.
        self._task.add_done_callback(lambda _: self._end())

    def cancel(self) -> None:
        if self._task is None:
            self._end()  # the interrupt came before the hand-over
        else:
            self._task.cancel()

    def _end(self) -> None:
        self._events.put(_End(error=asyncio.CancelledError()))


async def _work(work: Work[E, T], events: queue.SimpleQueue[E | _End[T]]) -> None:
    try:
        events.put(_End(await work(events.put)))
    except BaseException as exc:  # handed to the waiting thread
        events.put(_End(error=exc))


def _next(events: queue.SimpleQueue[T]) -> T:
    """The next event. A signal that comes just before a wait does not end it, so no wait is long."""
    while True:
        with contextlib.suppress(queue.Empty):
            return events.get(timeout=_LOOK_FOR_SIGNALS_S)


def _wait_for_end(events: queue.SimpleQueue[Any]) -> None:
    """Until the cancelled work has ended, 6 s at most."""
    deadline = time.monotonic() + _GRACE_S
    with contextlib.suppress(queue.Empty):
        while not isinstance(events.get(timeout=max(0.0, deadline - time.monotonic())), _End):
            pass
