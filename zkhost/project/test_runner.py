"""A guest package's own #[test] functions, run inside the zkVM's executor.

cargo's test harness is compiled for the zkVM and run once for its list; then each test runs in an executor of its own,
as `NAME --exact` does. So a test that panics ends only itself (in the zkVM a panic ends the program), and the cycles
are one test's. The harness itself costs some thousand cycles of each: `harness_cycles` returns how many.

The harness does not run tests marked should_panic there: nothing could check the panic. They are ignored.
"""

from __future__ import annotations

import enum
import io
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from zkhost import _shim
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import BuildError, GuestError, GuestPanicError
from zkhost.project.builder import package_request
from zkhost.provers.local import LocalProver
from zkhost.session import SessionInfo

_LISTED = re.compile(r"^(?P<name>.+): test$", re.MULTILINE)
_NO_SUCH_TEST = "-"


class Outcome(enum.StrEnum):
    """The outcome of a test."""

    PASSED = "ok"
    FAILED = "FAILED"
    IGNORED = "ignored"


@dataclass(frozen=True)
class TestProgram:
    """A compiled target with tests: `kind` is lib, bin or test; `name` is the target's; `package` is the crate's."""

    __test__ = False

    package: str
    kind: str
    name: str
    path: Path

    def __str__(self) -> str:
        return f"{self.package} {self.kind} {self.name}"


@dataclass(frozen=True)
class TestResult:
    """One test. `user_cycles` and `segments` are 0 where it did not finish; `output` is what it printed."""

    __test__ = False

    name: str
    outcome: Outcome
    user_cycles: int = 0
    segments: int = 0
    elapsed_s: float = 0.0
    message: str = ""
    output: str = ""


def build_tests(
    package: Path,
    *,
    features: tuple[str, ...] = (),
    env: Mapping[str, str] = MappingProxyType({}),
    locked: bool = False,
    output: Callable[[bytes], object] = lambda data: None,
    progress_width: int | None = None,
) -> list[TestProgram]:
    """Compile a package's tests for the zkVM. `output` receives what cargo prints. Raises a BuildError."""
    request = package_request(package, features, env) | {"locked": locked, "progress_width": progress_width}
    report = _shim.call("build_tests", request, _shim.Host(writers={2: output}))
    return [
        TestProgram(report["package"], found["kind"], found["name"], Path(found["program"]))
        for found in report["programs"]
    ]


class TestRunner:
    """A runner of one program's tests."""

    __test__ = False

    def __init__(self, program: TestProgram, *, session_limit: int | None = None) -> None:
        self.program = program
        self._binary = program.path.read_bytes()
        self._session_limit = session_limit
        self._prover = LocalProver("tests")

    def names(self) -> list[str]:
        """Return the program's tests, in its order. Raises BuildError where the program is not a test harness."""
        try:
            _, printed = self._run("--list", "--format", "terse")
        except GuestError as error:
            raise BuildError(
                f"the tests of {self.program} do not start: {error.message}",
                hint="a crate with `#![no_main]` has it in tests too: write `#![cfg_attr(not(test), no_main)]`, "
                "and `#[cfg(not(test))]` before risc0_zkvm::guest::entry!",
            ) from error
        return [found["name"] for found in _LISTED.finditer(printed)]

    def harness_cycles(self) -> int:
        """Return the harness's cycles when it runs no test."""
        session, _ = self._run(_NO_SUCH_TEST, "--exact")
        return session.user_cycles

    def run(self, names: list[str], *, include_ignored: bool = False) -> Iterator[TestResult]:
        """Run these tests one by one."""
        for name in names:
            yield self._test(name, include_ignored)

    def _test(self, name: str, include_ignored: bool) -> TestResult:
        started = time.monotonic()
        stdout, stderr = io.BytesIO(), io.BytesIO()
        flags = ["--include-ignored"] if include_ignored else []
        try:
            session = self._execute([name, "--exact", "--nocapture", *flags], stdout, stderr)
        except GuestError as error:
            message = error.panic if isinstance(error, GuestPanicError) else error.message
            text = stderr.getvalue().decode(errors="replace")
            elapsed_s = time.monotonic() - started
            return TestResult(name, Outcome.FAILED, elapsed_s=elapsed_s, message=message, output=text)
        printed = stdout.getvalue().decode(errors="replace")
        text = stderr.getvalue().decode(errors="replace")
        elapsed_s = time.monotonic() - started
        cycles = (session.user_cycles, len(session.segments), elapsed_s)
        if not session.exit_code.ok:
            return TestResult(name, Outcome.FAILED, *cycles, f"ended with {session.exit_code}", printed + text)
        if "; 1 ignored;" in printed:
            why = "should_panic does not work in the zkVM" if f"test {name} - should panic" in printed else ""
            return TestResult(name, Outcome.IGNORED, message=why)
        if "; 0 failed;" not in printed or " 1 passed;" not in printed:
            return TestResult(
                name, Outcome.FAILED, *cycles, "the harness did not report that it passed", printed + text
            )
        return TestResult(name, Outcome.PASSED, *cycles, output=text)

    def _run(self, *args: str) -> tuple[SessionInfo, str]:
        stdout = io.BytesIO()
        session = self._execute(list(args), stdout, io.BytesIO())
        return session, stdout.getvalue().decode(errors="replace")

    def _execute(self, args: list[str], stdout: io.BytesIO, stderr: io.BytesIO) -> SessionInfo:
        builder = ExecutorEnv.builder().args([self.program.name, *args]).stdout(stdout).stderr(stderr)
        builder.env_var("RUST_TEST_THREADS", "1").env_var("RUST_BACKTRACE", "0")
        if self._session_limit is not None:
            builder.session_limit(self._session_limit)
        return self._prover.execute(builder.build(), self._binary)
