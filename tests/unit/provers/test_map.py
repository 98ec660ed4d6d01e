"""`map`: order, laziness, isolation, cancellation."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from zkhost._shim import CancelToken
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import CancelledError, ConfigError, GuestPanicError
from zkhost.provers.batch import Bulk


class FakeProver(Bulk):
    """Proves numbers; odd ones slowly; 3 panics."""

    def __init__(self) -> None:
        self.running, self.most, self.lock = 0, 0, threading.Lock()
        self.cancelled: list[int] = []

    def prove(self, env: ExecutorEnv, program: Any, opts: Any, *, cancel: CancelToken) -> Any:
        number = int(env.input)
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            deadline = time.monotonic() + (0.03 if number % 2 else 0.0)
            while time.monotonic() < deadline:
                if cancel.cancelled:
                    self.cancelled.append(number)
                    cancel.check()
                time.sleep(0.001)
            if number == 3:
                raise GuestPanicError("three")
            return SimpleNamespace(number=number)
        finally:
            with self.lock:
                self.running -= 1


def inputs(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_results_are_in_order_and_failures_their_own(concurrency: int) -> None:
    prover = FakeProver()
    results = list(prover.map(b"program", inputs(20), concurrency=concurrency))
    assert [result.index for result in results] == list(range(20))
    assert [result.index for result in results if not result.ok] == [3]
    assert [result.unwrap().number for result in results if result.ok] == [n for n in range(20) if n != 3]  # type: ignore[attr-defined]
    with pytest.raises(GuestPanicError):
        results[3].unwrap()
    assert prover.most <= concurrency


def test_inputs_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        for number in itertools.count(4):
            taken.append(number)
            yield b"%d" % number

    results = FakeProver().map(b"program", endless(), concurrency=2)
    assert [next(results).index for _ in range(5)] == list(range(5))
    results.close()  # type: ignore[attr-defined]
    assert len(taken) < 20


def test_leaving_the_loop_cancels_what_is_under_way() -> None:
    prover = FakeProver()
    for result in prover.map(b"program", inputs(100), concurrency=4):
        if result.index == 4:
            break
    assert prover.running == 0


def test_cancel_raises() -> None:
    token = CancelToken()
    results = FakeProver().map(b"program", inputs(100), concurrency=2, cancel=token)
    next(results)
    token.cancel()
    with pytest.raises(CancelledError):
        list(results)


def test_environments_and_encoded_values_are_taken_too() -> None:
    env = ExecutorEnv.builder().write_slice(b"8").build()
    guest = SimpleNamespace(
        program=b"program", env=lambda value: ExecutorEnv.builder().write_slice(value.digits).build()
    )
    results = FakeProver().map(guest, [env, SimpleNamespace(digits=b"6")])  # type: ignore[arg-type]
    assert [result.unwrap().number for result in results] == [8, 6]  # type: ignore[attr-defined]


def test_for_asyncio() -> None:
    async def main() -> list[int]:
        return [result.index async for result in FakeProver().amap(b"program", inputs(6), concurrency=3)]

    assert asyncio.run(main()) == list(range(6))


def test_concurrency_is_checked_at_once() -> None:
    with pytest.raises(ConfigError, match="concurrency is 0"):
        FakeProver().map(b"program", [], concurrency=0)
