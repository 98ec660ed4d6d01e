"""The one way to run work that takes long, and to stop it: by Ctrl-C, by a CancelToken, or by cancelling a task.

run        a blocking function, in a thread of its own; the caller's thread stays free for signals
arun       the same for asyncio
run_async  a coroutine, in an event loop that runs in another thread, for blocking callers
until      a coroutine, for asyncio, until a CancelToken is used
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from zkhost._cancel import CancelToken
from zkhost.errors import CancelledError

# asyncio is imported where it is used: it takes as long as everything that a blocking call imports.
if TYPE_CHECKING:
    import asyncio

E = TypeVar("E")
T = TypeVar("T")

# A signal that arrives just before a wait does not end it, so no wait is long.
_SIGNALS_EVERY_S = 0.25
# How long stopped work may take to end by itself before its caller goes on without it.
_GRACE_S = 0.5
# The same for a coroutine, which may have a server to tell.
_ASYNC_GRACE_S = 6.0

_loops: dict[int, asyncio.AbstractEventLoop] = {}


class _End(Generic[T]):
    """How work ended."""

    def __init__(self, value: T | None = None, error: BaseException | None = None) -> None:
        self.value, self.error = value, error

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # T may itself allow None


def run(work: Callable[[], T], cancel: CancelToken, *, name: str = "work") -> T:
    """Return the result of `work()`, run in a daemon thread.

    Once `cancel` is used, by the caller's signal handlers too, control returns within half a second: raises
    CancelledError unless the work has ended by then. `work` itself should look at the token.
    """
    ended: queue.SimpleQueue[_End[T] | None] = queue.SimpleQueue()

    def body() -> None:
        try:
            ended.put(_End(work()))
        except BaseException as error:  # handed to the waiting thread
            ended.put(_End(error=error))

    thread = threading.Thread(target=body, name=f"zkhost-{name}", daemon=True)
    with cancel.calling(lambda: ended.put(None)):
        cancel.check()
        try:
            thread.start()
            end = _next(ended)
        except BaseException:  # KeyboardInterrupt, or whatever a signal handler raises
            cancel.cancel()
            if thread.ident is not None:
                thread.join(_GRACE_S)
            raise
    if end is None:
        end = _end_within(ended, _GRACE_S)
    if end is None:
        raise CancelledError("cancelled by the caller")
    return end.result()


async def arun(work: Callable[[CancelToken], T], cancel: CancelToken | None = None) -> T:
    """Return the result of `work(token)`, run in a daemon thread while the event loop goes on.

    Cancelling the task, or using `cancel`, cancels the token.
    """
    import asyncio

    token, loop = CancelToken(), asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(end: _End[T]) -> None:
        if done.cancelled():
            return
        if end.error is not None:
            done.set_exception(end.error)
        else:
            done.set_result(end.result())

    def body() -> None:
        try:
            end = _End(work(token))
        except BaseException as error:
            end = _End(error=error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, end)

    with (cancel or CancelToken()).calling(token.cancel):
        threading.Thread(target=body, name="zkhost-work", daemon=True).start()
        try:
            return await done
        except asyncio.CancelledError:
            token.cancel()
            raise


def run_async(
    work: Callable[[Callable[[E], None]], Coroutine[Any, Any, T]],
    on_event: Callable[[E], object] | None = None,
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    grace_s: float | None = None,
) -> T:
    """Return the result of `work(emit)`, a coroutine run in `loop` (default: `event_loop()`).

    `on_event` receives what the coroutine emits, in the caller's thread. Whatever ends the wait early
    (KeyboardInterrupt, an error in `on_event`) cancels the coroutine and waits `grace_s` (default: 6 s) for its end.
    """
    events: queue.SimpleQueue[E | _End[T]] = queue.SimpleQueue()
    loop = loop or event_loop()
    task = _LoopTask(loop, work, events)
    try:
        loop.call_soon_threadsafe(task.begin)
        while not isinstance(event := _next(events), _End):
            if on_event is not None:
                on_event(event)
    except BaseException:
        loop.call_soon_threadsafe(task.cancel)
        _end_within(events, _ASYNC_GRACE_S if grace_s is None else grace_s)
        raise
    return event.result()


def start_async(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine in `event_loop()` without waiting for it."""
    import asyncio

    asyncio.run_coroutine_threadsafe(work, event_loop())


async def until(cancel: CancelToken | None, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`. Raises CancelledError, with the work cancelled, once the token is used."""
    import asyncio

    if cancel is None:
        return await work
    task, loop, used = asyncio.ensure_future(work), asyncio.get_running_loop(), asyncio.Event()
    used_up = asyncio.ensure_future(used.wait())

    def wake() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(used.set)

    try:
        with cancel.calling(wake):
            if not cancel.cancelled:
                await asyncio.wait([task, used_up], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        used_up.cancel()
        task.cancel()
        await asyncio.wait([task])
    raise CancelledError("cancelled by the caller")


def event_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of this process that runs in a daemon thread, for blocking callers of asynchronous code.

    A forked child has none of its parent's threads and gets its own. Concurrent threads agree on one without a
    lock, which a fork could leave locked.
    """
    import asyncio

    pid = os.getpid()
    if pid not in _loops:
        made = asyncio.new_event_loop()
        if _loops.setdefault(pid, made) is made:
            threading.Thread(target=made.run_forever, name="zkhost-loop", daemon=True).start()
        else:
            made.close()
    return _loops[pid]


class _LoopTask(Generic[E, T]):
    """A coroutine in the loop, which calls both methods. It exists before it is handed over, so that an interrupt that
    comes right after that can cancel it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[Callable[[E], None]], Coroutine[Any, Any, T]],
        events: queue.SimpleQueue[E | _End[T]],
    ) -> None:
        self._loop, self._work, self._events = loop, work, events
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = self._loop.create_task(self._body())
        # A task that is cancelled before its first step does not report its end itself.
        self._task.add_done_callback(lambda _: self._interrupted())

    def cancel(self) -> None:
        if self._task is None:
            self._interrupted()  # the interrupt came before the hand-over
        else:
            self._task.cancel()

    async def _body(self) -> None:
        try:
            self._events.put(_End(await self._work(self._events.put)))
        except BaseException as error:  # handed to the waiting thread
            self._events.put(_End(error=error))

    def _interrupted(self) -> None:
        import asyncio

        self._events.put(_End(error=asyncio.CancelledError()))


def _next(events: queue.SimpleQueue[T]) -> T:
    """Wait for the next event."""
    while True:
        with contextlib.suppress(queue.Empty):
            return events.get(timeout=_SIGNALS_EVERY_S)


def _end_within(events: queue.SimpleQueue[Any], limit_s: float) -> _End[Any] | None:
    """Return the end, if it comes within the limit."""
    deadline = time.monotonic() + limit_s
    with contextlib.suppress(queue.Empty):
        while (left_s := deadline - time.monotonic()) > 0:
            event = events.get(timeout=left_s)
            if isinstance(event, _End):
                return event
    return None
