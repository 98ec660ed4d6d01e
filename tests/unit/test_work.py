"""Long work: results, errors, events, cancellation, Ctrl-C, threads, forks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from zkhost import _work
from zkhost._cancel import CancelToken
from zkhost.errors import CancelledError

Emit = Callable[[Any], None]

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour to say goodbye: a wait that the work's end does not end is a test that does not end."""
    monkeypatch.setattr(_work, "_ASYNC_GRACE_S", 3600.0)


async def three(emit: Emit) -> str:
    for number in range(3):
        emit(number)
        await asyncio.sleep(0)
    return "done"


def test_result_and_events() -> None:
    events: list[int] = []
    assert _work.run_async(three, events.append) == "done"
    assert events == [0, 1, 2]


def test_events_come_in_the_callers_thread() -> None:
    threads: set[int] = set()
    _work.run_async(three, lambda _: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_errors_come_through_at_once() -> None:
    async def fail(emit: Emit) -> None:
        raise KeyError("why")

    with pytest.raises(KeyError, match="why"):
        _work.run_async(fail)


class Endless:
    """Work that never ends by itself, and says goodbye when cancelled."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.said_goodbye = False

    async def __call__(self, emit: Emit) -> None:
        emit("started")
        self.started.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            self.said_goodbye = True
            raise


def test_token() -> None:
    work, token = Endless(), CancelToken()

    def cancel(_: object) -> None:
        token.cancel()

    with pytest.raises(CancelledError):
        _work.run_async(lambda emit: _work.until(token, work(emit)), cancel)
    assert work.said_goodbye


def test_token_used_before() -> None:
    work, token = Endless(), CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        _work.run_async(lambda emit: _work.until(token, work(emit)))
    assert not work.said_goodbye


def test_token_not_used() -> None:
    assert _work.run_async(lambda emit: _work.until(CancelToken(), three(emit))) == "done"


def test_a_task_with_a_token_is_cancelled_like_any_other() -> None:
    work = Endless()

    async def main() -> None:
        task = asyncio.create_task(_work.until(CancelToken(), work(lambda _: None)))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert work.said_goodbye


def test_an_error_in_the_callback_ends_the_work() -> None:
    work = Endless()

    def fail(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _work.run_async(work, fail)
    assert work.said_goodbye


def test_ctrl_c() -> None:
    work = Endless()

    def interrupt() -> None:
        work.started.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        _work.run_async(work)
    assert work.said_goodbye


@pytest.mark.parametrize("begun", [True, False])
def test_ctrl_c_as_the_work_begins(monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    """It comes right after the work was handed to the loop, whose side may have begun with it or not."""
    work = Endless()
    loop = _work.event_loop()
    hand_over = loop.call_soon_threadsafe
    handed: list[object] = []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        handle = hand_over(*args, **kwargs)
        if not handed:
            handed.append(handle)
            if begun:
                work.started.wait()
            raise KeyboardInterrupt
        return handle

    monkeypatch.setattr(loop, "call_soon_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _work.run_async(work)
    assert work.said_goodbye == work.started.is_set()
    assert not [task for task in asyncio.all_tasks(loop) if not task.done()]


def test_many_threads_at_once() -> None:
    """Each waits for all the others."""
    inside = 0

    async def meet(emit: Emit) -> int:
        nonlocal inside
        inside += 1
        while inside < 50:
            await asyncio.sleep(0.01)
        return threading.get_ident()

    with ThreadPoolExecutor(50) as pool:
        threads = set(pool.map(lambda _: _work.run_async(meet), range(50)))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_threads_that_come_first_and_at_once_agree_on_one_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[asyncio.AbstractEventLoop] = []
    all_made, new_event_loop = threading.Barrier(4), asyncio.new_event_loop

    def make() -> asyncio.AbstractEventLoop:
        loop = new_event_loop()
        made.append(loop)
        all_made.wait()
        return loop

    monkeypatch.setattr(_work, "_loops", {})
    monkeypatch.setattr(asyncio, "new_event_loop", make)
    with ThreadPoolExecutor(4) as pool:
        loops = set(pool.map(lambda _: _work.event_loop(), range(4)))
    assert len(made) == 4
    assert len(loops) == 1
    (loop,) = loops
    assert [one.is_closed() for one in made].count(False) == 1
    loop.call_soon_threadsafe(loop.stop)


def test_a_forked_child_has_a_loop_of_its_own() -> None:
    _work.run_async(three)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if _work.run_async(three) == "done" else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_blocking_work_runs_in_another_thread() -> None:
    assert _work.run(threading.get_ident, CancelToken()) != threading.get_ident()


def test_errors_of_blocking_work_come_through() -> None:
    def fail() -> None:
        raise KeyError("why")

    with pytest.raises(KeyError, match="why"):
        _work.run(fail, CancelToken())


def test_cancelling_returns_control_though_the_work_goes_on() -> None:
    token, over, started = CancelToken(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        over.wait(60)

    def cancel() -> None:
        started.wait()
        token.cancel()

    threading.Thread(target=cancel).start()
    with pytest.raises(CancelledError):
        _work.run(work, token)
    over.set()


def test_work_that_ends_despite_a_cancellation_has_its_result() -> None:
    token = CancelToken()

    def work() -> str:
        token.cancel()
        return "done"

    assert _work.run(work, token) == "done"


def test_a_token_used_before_starts_nothing() -> None:
    token, begun = CancelToken(), threading.Event()
    token.cancel()
    with pytest.raises(CancelledError):
        _work.run(begun.set, token)
    assert not begun.is_set()


def test_a_token_used_as_the_work_begins_starts_nothing() -> None:
    """After the caller's look at the token, and before it would wake the wait."""

    class Used(CancelToken):
        def calling(self, callback: Callable[[], object]) -> Any:
            self.cancel()
            return super().calling(callback)

    begun = threading.Event()
    with pytest.raises(CancelledError):
        _work.run(begun.set, Used())
    assert not begun.is_set()


def test_cancelling_a_task_cancels_the_token_of_its_thread() -> None:
    seen: list[bool] = []
    ended = threading.Event()

    def work(token: CancelToken) -> None:
        deadline = time.monotonic() + 60
        while not token.cancelled and time.monotonic() < deadline:
            time.sleep(0.001)
        seen.append(token.cancelled)
        ended.set()

    async def main() -> None:
        task = asyncio.create_task(_work.arun(work))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended.wait(60)
    assert seen == [True]


def test_the_callers_token_cancels_the_work_and_is_not_used_by_it() -> None:
    """Two tasks share a token: cancelling one of them leaves the other alone, using the token ends both."""
    token = CancelToken()

    def work(own: CancelToken) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            own.check()
            time.sleep(0.001)

    async def main() -> None:
        first, second = (asyncio.create_task(_work.arun(work, token)) for _ in range(2))
        await asyncio.sleep(0.02)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not token.cancelled
        assert not second.done()
        token.cancel()
        with pytest.raises(CancelledError):
            await second

    asyncio.run(main())


def test_making_a_token_loads_nothing() -> None:
    program = "import sys, zkhost; zkhost.CancelToken().cancel(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"cffi", "_cffi_backend", "msgpack", "zkhost._shim", "zkhost._native", "asyncio"} & set(loaded)
