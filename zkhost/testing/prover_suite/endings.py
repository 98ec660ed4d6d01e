"""How runs end: exit codes, panics, limits, invalid programs, cancelling."""

from __future__ import annotations

import threading
import time

import pytest

from zkhost._cancel import CancelToken
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import CancelledError, GuestPanicError, InvalidProgramError, SessionLimitError
from zkhost.provers.features import Feature
from zkhost.provers.interface import Executor
from zkhost.session import ExitCode, Phase, Progress
from zkhost.testing.prover_suite.common import Guests, Suite, u32

LONG_RUN_CYCLES = 300_000_000
"""Half a minute of executing."""


def burn(cycles: int) -> ExecutorEnv:
    """Return the input of the guest `burn`."""
    return ExecutorEnv.builder().write_slice(cycles.to_bytes(8, "little")).build()


class Endings(Suite):
    """Every run ends, and reports how."""

    @pytest.mark.parametrize("code", [0, 1, 2, 255])
    def test_exit_codes(self, prover: Executor, guests: Guests, code: int) -> None:
        session = prover.execute(ExecutorEnv.builder().write_slice(u32(code)).build(), guests["exit"])
        assert session.journal.bytes == b"*"
        if Feature.EXIT_CODE in prover.lacks:
            assert session.exit_code.ok
        else:
            assert session.exit_code == ExitCode.halted(code)
            assert session.exit_code.ok == (code == 0)

    def test_a_panic(self, prover: Executor, guests: Guests) -> None:
        with pytest.raises(GuestPanicError) as caught:
            prover.execute(ExecutorEnv.builder().write_slice(u32(77)).build(), guests["panic"])
        assert "the guest panicked on purpose with 77" in caught.value.panic
        if Feature.OUTPUT not in prover.lacks:
            assert "last words: 77" in caught.value.stderr

    @pytest.mark.parametrize("by_env", [0, 1])
    def test_the_end_of_input_is_no_wait(self, prover: Executor, guests: Guests, by_env: int) -> None:
        data = u32(by_env) + b"".join(number.to_bytes(8, "little") for number in (2, 10, 20))
        with pytest.raises(GuestPanicError):
            prover.execute(ExecutorEnv.builder().write_slice(data).build(), guests["starve"])

    def test_the_session_limit(self, prover: Executor, guests: Guests) -> None:
        needed = prover.execute(burn(100_000), guests["burn"]).user_cycles
        for limit, enough in ((needed + 200_000, True), (needed // 2, False)):
            env = ExecutorEnv.builder().write_slice(burn(100_000).input).session_limit(limit).build()
            if enough:
                assert prover.execute(env, guests["burn"]).exit_code.ok
            else:
                with pytest.raises(SessionLimitError):
                    prover.execute(env, guests["burn"])

    def test_the_segment_limit(self, prover: Executor, guests: Guests) -> None:
        env = ExecutorEnv.builder().write_slice(burn(400_000).input).segment_limit_po2(17).build()
        session = prover.execute(env, guests["burn"])
        assert session.exit_code.ok
        if session.segments:  # the remote prover reports none
            assert len(session.segments) > 2
            assert max(segment.po2 for segment in session.segments) == 17

    @pytest.mark.parametrize("program", [b"", b"not a program", b"\x7fELF" + bytes(100), b"R0BF" + bytes(100)])
    def test_what_is_no_program(self, prover: Executor, program: bytes) -> None:
        with pytest.raises(InvalidProgramError):
            prover.execute(ExecutorEnv.builder().build(), program)

    def test_progress(self, prover: Executor, guests: Guests) -> None:
        seen: list[Progress] = []
        env = ExecutorEnv.builder().write_slice(burn(400_000).input).segment_limit_po2(17).build()
        prover.execute(env, guests["burn"], on_progress=seen.append)
        assert seen
        assert all(isinstance(now.phase, Phase) for now in seen)
        assert sorted(now.user_cycles for now in seen) == [now.user_cycles for now in seen]

    def test_cancelled_before_the_start(self, prover: Executor, guests: Guests) -> None:
        token = CancelToken()
        token.cancel()
        with pytest.raises(CancelledError):
            prover.execute(burn(1000), guests["burn"], cancel=token)

    @pytest.mark.usefixtures("temporary_folder")
    def test_cancelled_midway(self, prover: Executor, guests: Guests) -> None:
        token, cancelled = CancelToken(), []

        def cancel() -> None:
            cancelled.append(time.monotonic())
            token.cancel()

        timer = threading.Timer(0.5, cancel)
        timer.start()
        with pytest.raises(CancelledError):
            prover.execute(burn(LONG_RUN_CYCLES), guests["burn"], cancel=token)
        assert time.monotonic() - cancelled[0] < self.patience_s
        assert prover.execute(burn(1000), guests["burn"]).exit_code.ok, "the prover is as good as before"
