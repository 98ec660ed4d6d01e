"""What the test runner makes of what the harness prints and how the guest ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zkhost.errors import BuildError, GuestFaultError, GuestPanicError, SessionLimitError
from zkhost.project import test_runner
from zkhost.project.test_runner import Outcome, TestProgram, TestResult, TestRunner
from zkhost.session import ExitCode, ExitKind, Journal, SegmentInfo, SessionInfo

_END = "\ntest result: ok. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 4 filtered out\n"


class _Harness:
    """Stands for the prover: behaves as a program with these tests would."""

    def __init__(self, *_: object) -> None:
        self.starts = True

    def execute(self, env: Any, program: bytes) -> SessionInfo:
        name, *flags = env.args[1:]
        write = env.writers[1].write
        if not self.starts:
            raise GuestFaultError("the guest was stopped: illegal instruction")
        if name == "--list":
            write(b"tests::adds: test\ntests::slow: test\nbenches::b: benchmark\n\n2 tests, 1 benchmark\n")
        elif name == "tests::slow" and "--include-ignored" not in flags:
            write(b"running 1 test\ntest tests::slow ... ignored\n" + _end(ignored=1))
        elif name == "tests::panics":
            write(b"running 1 test\ntest tests::panics ... ")
            raise GuestPanicError("the guest panicked: no", panic="no", stderr="", input_read=0, input_left=0)
        elif name == "tests::should":
            write(b"running 1 test\ntest tests::should - should panic ... ignored\n" + _end(ignored=1))
        elif name == "tests::loops":
            write(b"running 1 test\ntest tests::loops ... ")
            raise SessionLimitError("Session limit exceeded")
        elif name == "tests::gone":
            write(b"running 0 tests\n" + _end())
        else:
            env.writers[2].write(b"hello\n")
            write(b"running 1 test\ntest tests::adds ... ok\n" + _end(passed=1))
        code = 3 if name == "tests::exits" else 0
        return SessionInfo(
            ExitCode(ExitKind.HALTED, code), Journal(b""), 5_000, 32_768, 0, 0, (SegmentInfo(0, 15, 5_000, 0),), 0.1
        )


def _end(passed: int = 0, failed: int = 0, ignored: int = 0) -> bytes:
    return _END.format(passed=passed, failed=failed, ignored=ignored).encode()


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TestRunner:
    monkeypatch.setattr(test_runner, "LocalProver", _Harness)
    (tmp_path / "t.bin").write_bytes(b"program")
    return TestRunner(TestProgram("pkg", "lib", "t", tmp_path / "t.bin"))


def _run(runner: TestRunner, name: str, **options: bool) -> TestResult:
    (result,) = runner.run([name], **options)
    return result


def test_the_list_has_tests_and_no_benchmarks(runner: TestRunner) -> None:
    assert runner.names() == ["tests::adds", "tests::slow"]


def test_a_test_that_passes_has_its_cycles_and_output(runner: TestRunner) -> None:
    result = _run(runner, "tests::adds")
    assert (result.outcome, result.user_cycles, result.segments) == (Outcome.PASSED, 5_000, 1)
    assert result.output == "hello\n"


@pytest.mark.parametrize(
    ("name", "outcome", "message"),
    [
        ("tests::panics", Outcome.FAILED, "no"),
        ("tests::should", Outcome.IGNORED, "should_panic does not work in the zkVM"),
        ("tests::loops", Outcome.FAILED, "Session limit exceeded"),
        ("tests::exits", Outcome.FAILED, "ended with Halted(3)"),
        ("tests::gone", Outcome.FAILED, "the harness did not report that it passed"),
        ("tests::slow", Outcome.IGNORED, ""),
    ],
)
def test_how_a_test_went(runner: TestRunner, name: str, outcome: Outcome, message: str) -> None:
    result = _run(runner, name)
    assert (result.outcome, result.message) == (outcome, message)


def test_ignored_tests_run_when_asked_for(runner: TestRunner) -> None:
    assert _run(runner, "tests::slow", include_ignored=True).outcome is Outcome.PASSED


def test_a_program_that_does_not_start_says_what_to_write(runner: TestRunner) -> None:
    assert isinstance(runner._prover, _Harness)
    runner._prover.starts = False
    with pytest.raises(BuildError, match="do not start") as caught:
        runner.names()
    assert "cfg_attr(not(test), no_main)" in str(caught.value.hint)
