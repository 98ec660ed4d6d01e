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

import zkhost
import zkhost.guest.proof
from zkhost._cancel import CancelToken
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import CancelledError, ConfigError, GuestPanicError
from zkhost.provers.interface import Prover


class FakeProver(Prover):
    """Proves numbers; odd ones slowly; 3 panics."""

    name = "fake"

    def __init__(self) -> None:
        self.running, self.most, self.lock = 0, 0, threading.Lock()
        self.cancelled: list[int] = []

    def prove(self, env: ExecutorEnv, program: Any, opts: Any = None, **options: Any) -> Any:
        cancel: CancelToken = options["cancel"]
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

    def execute(self, env: ExecutorEnv, program: Any, **options: Any) -> Any:
        raise AssertionError("nothing is executed")

    def compress(self, receipt: Any, opts: Any, **options: Any) -> Any:
        raise AssertionError("nothing is compressed")


def inputs(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_results_are_in_order_and_failures_their_own(concurrency: int) -> None:
    prover = FakeProver()
    results = list(prover.map(inputs(20), b"program", concurrency=concurrency))
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

    results = FakeProver().map(endless(), b"program", concurrency=2)
    assert [next(results).index for _ in range(5)] == list(range(5))
    results.close()  # type: ignore[attr-defined]
    assert len(taken) < 20


def test_leaving_the_loop_cancels_what_is_under_way() -> None:
    prover = FakeProver()
    for result in prover.map(inputs(100), b"program", concurrency=4):
        if result.index == 4:
            break
    assert prover.running == 0


def test_cancel_raises() -> None:
    token = CancelToken()
    results = FakeProver().map(inputs(100), b"program", concurrency=2, cancel=token)
    next(results)
    token.cancel()
    with pytest.raises(CancelledError):
        list(results)


def test_environments_and_encoded_values_are_taken_too() -> None:
    env = ExecutorEnv.builder().write_slice(b"8").build()
    guest = SimpleNamespace(
        program=b"program", env=lambda value: ExecutorEnv.builder().write_slice(value.digits).build()
    )
    results = FakeProver().map([env, SimpleNamespace(digits=b"6")], guest)
    assert [result.unwrap().number for result in results] == [8, 6]  # type: ignore[attr-defined]


def test_for_asyncio() -> None:
    async def main() -> list[int]:
        return [result.index async for result in FakeProver().amap(inputs(6), b"program", concurrency=3)]

    assert asyncio.run(main()) == list(range(6))


def test_concurrency_is_checked_at_once() -> None:
    with pytest.raises(ConfigError, match="concurrency is 0"):
        FakeProver().map([], b"program", concurrency=0)


def test_a_token_cancels_the_map_for_asyncio() -> None:
    token = CancelToken()

    async def main() -> None:
        async for result in FakeProver().amap(inputs(100), b"program", concurrency=2, cancel=token):
            if result.index == 2:
                token.cancel()

    with pytest.raises(CancelledError):
        asyncio.run(main())


def test_the_callers_token_is_not_used_up() -> None:
    token = CancelToken()

    async def main() -> list[int]:
        return [result.index async for result in FakeProver().amap(inputs(3), b"program", cancel=token)]

    assert asyncio.run(main()) == [0, 1, 2]
    assert not token.cancelled


def test_a_guest_maps_its_own_inputs_to_proofs() -> None:
    guest: zkhost.Guest[Any, bytes] = zkhost.Guest(b"program")
    envs = [ExecutorEnv.builder().write_slice(digits).build() for digits in (b"2", b"3")]
    good, bad = guest.map(envs, prover=FakeProver())
    assert isinstance(good.unwrap(), zkhost.guest.proof.Proof)
    assert good.unwrap().info.number == 2  # type: ignore[attr-defined]
    with pytest.raises(GuestPanicError):
        bad.unwrap()
