"""Sizes, threads, and what is left after many runs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from zkhost._cancel import CancelToken
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import CancelledError, GuestPanicError
from zkhost.provers.interface import Executor
from zkhost.testing.prover_suite.common import Guests, Level, Suite, u32

MIB = 1 << 20
THREADS = 50
CALLS = 200


def factors(more: bytes = b"") -> ExecutorEnv:
    """Return the input of the guest `factors`: 17 and 23, whose product is 391; it ignores the rest."""
    return ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little") + more).build()


class Load(Suite):
    """Large journals and inputs, many calls at once, many one after another."""

    @pytest.mark.parametrize("size", [0, 1, 100_000, pytest.param(8 * MIB, marks=pytest.mark.slow)])
    def test_journals(self, prover: Executor, guests: Guests, size: int) -> None:
        session = prover.execute(ExecutorEnv.builder().write_slice(u32(size)).build(), guests["journal"])
        assert session.journal.bytes == (bytes(range(256)) * (size // 256 + 1))[:size]

    @pytest.mark.parametrize("mib", [16, pytest.param(256, marks=pytest.mark.slow)])
    def test_large_inputs(self, prover: Executor, guests: Guests, mib: int) -> None:
        """Sent whole, and copied only a few times, though the guest reads 16 bytes only."""
        env = factors(bytes(min(mib, self.input_mib) * MIB - 16))
        session = prover.execute(env, guests["factors"])
        assert int.from_bytes(session.journal.bytes, "little") == 391

    def test_a_large_stream(self, prover: Executor, guests: Guests) -> None:
        class Endless:
            given = 0

            def read(self, size: int, /) -> bytes:
                size = min(size, 2 * MIB - self.given)
                self.given += size
                return bytes(size)

        stream = Endless()
        session = prover.execute(ExecutorEnv.builder().stdin(stream).build(), guests["sha256"])
        assert session.journal.bytes.hex().startswith("5647f05ec18958947d32874eeb788fa3")
        assert stream.given == 2 * MIB

    def test_many_threads_at_once(self, prover: Executor, guests: Guests) -> None:
        """Each gets its own result, whatever happens to the others."""
        started = threading.Barrier(THREADS)

        def work(number: int) -> object:
            started.wait()
            data, token = f"run {number}".encode(), CancelToken()
            if number % 5 == 1:
                with pytest.raises(GuestPanicError, match=f"on purpose with {number}"):
                    prover.execute(ExecutorEnv.builder().write_slice(u32(number)).build(), guests["panic"])
                return data
            if number % 5 == 2:
                token.cancel()
                with pytest.raises(CancelledError):
                    prover.execute(ExecutorEnv.builder().write_slice(data).build(), guests["echo"], cancel=token)
                return data
            session = prover.execute(ExecutorEnv.builder().write_slice(data).build(), guests["echo"], cancel=token)
            return session.journal.bytes

        with ThreadPoolExecutor(THREADS) as pool:
            assert list(pool.map(work, range(THREADS))) == [f"run {number}".encode() for number in range(THREADS)]

    @pytest.mark.usefixtures("temporary_folder")
    @pytest.mark.slow
    def test_nothing_is_left_after_many_calls(self, prover: Executor, guests: Guests) -> None:
        """Memory, files, threads and child processes return to their level, whether runs succeed or fail."""
        panicking = ExecutorEnv.builder().write_slice(u32(1)).build()

        def calls(count: int) -> None:
            for number in range(count):
                if number % 4 == 3:
                    with pytest.raises(GuestPanicError):
                        prover.execute(panicking, guests["panic"])
                else:
                    prover.execute(factors(bytes(MIB)), guests["factors"])

        calls(40)
        before = Level.now()
        calls(CALLS)
        before.check(memory_bytes=16 * MIB)
