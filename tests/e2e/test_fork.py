"""Forks of a process that has used the library, as web servers and multiprocessing make them: the child works."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from zkhost._cancel import CancelToken
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import CancelledError, ProverUnavailableError
from zkhost.methods import FACTORS_ELF, FACTORS_ID
from zkhost.provers.local import LocalProver
from zkhost.provers.options import ProverOpts
from zkhost.receipt.receipt import Receipt

RECEIPT = Path(__file__).parents[1] / "unit" / "receipt" / "factors.bincode"
CHILD_S = 120.0


def factors() -> ExecutorEnv:
    return ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()


def use_the_library() -> None:
    """Executes, verifies and compresses; all that a child may do in milliseconds."""
    assert int.from_bytes(LocalProver().execute(factors(), FACTORS_ELF).journal.bytes, "little") == 391
    receipt = Receipt.load(RECEIPT)
    receipt.verify_integrity(allow_fake=False)
    assert LocalProver().compress(receipt, ProverOpts.composite()) == receipt


def prove() -> None:
    LocalProver().prove(factors(), FACTORS_ELF).receipt.verify(FACTORS_ID, allow_fake=False)


def in_a_forked_child(work: Callable[[], object]) -> None:
    """Fails where the child fails, or has not ended in time."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    ended: list[int] = []
    waiting = threading.Thread(target=lambda: ended.append(os.waitpid(pid, 0)[1]))
    waiting.start()
    waiting.join(CHILD_S)
    if not ended:
        os.kill(pid, 9)
        pytest.fail("the child hangs")
    assert ended == [0]


@pytest.fixture(autouse=True)
def _parent_has_used_the_library() -> None:
    use_the_library()


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    process = context.Process(target=use_the_library)
    process.start()
    process.join(CHILD_S)
    assert process.exitcode == 0


def test_a_fork_in_the_main_thread() -> None:
    in_a_forked_child(use_the_library)


def test_a_fork_in_a_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_a_forked_child, use_the_library).result()


def test_a_fork_of_a_fork() -> None:
    def child() -> None:
        use_the_library()
        in_a_forked_child(use_the_library)

    in_a_forked_child(child)


def test_a_fork_while_another_thread_runs_in_the_library() -> None:
    """It holds whatever it holds, and its thread is not in the child; the parent's run goes on."""
    token, running = CancelToken(), threading.Event()

    class Endless:
        def read(self, size: int) -> bytes:
            running.set()
            return bytes(size)

    def run() -> None:
        from zkhost.methods import SHA256_ELF

        with pytest.raises(CancelledError):
            LocalProver().execute(ExecutorEnv.builder().stdin(Endless()).build(), SHA256_ELF, cancel=token)

    with ThreadPoolExecutor(1) as pool:
        endless = pool.submit(run)
        assert running.wait(60)
        in_a_forked_child(use_the_library)
        assert not endless.done()
        token.cancel()
        endless.result(60)


def test_a_token_from_before_the_fork_cancels_in_the_child() -> None:
    token = CancelToken()

    def child() -> None:
        class Cancelling:
            def read(self, size: int) -> bytes:
                token.cancel()
                return b""

        with pytest.raises(CancelledError):
            LocalProver().execute(ExecutorEnv.builder().stdin(Cancelling()).build(), FACTORS_ELF, cancel=token)

    in_a_forked_child(child)
    assert not token.cancelled


def test_many_children_at_once() -> None:
    """As a web server that loads its application before it forks its workers."""
    with ThreadPoolExecutor(4) as pool:
        for ended in [pool.submit(in_a_forked_child, use_the_library) for _ in range(4)]:
            ended.result()


def test_a_child_that_cannot_load_the_library_again_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def child() -> None:
        monkeypatch.setenv("TMPDIR", "/nonexistent")
        monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
        with pytest.raises(ProverUnavailableError, match="after a fork") as caught:
            use_the_library()
        assert "spawn" in str(caught.value.hint)

    in_a_forked_child(child)


def test_no_copy_of_the_library_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    in_a_forked_child(use_the_library)
    assert list(tmp_path.iterdir()) == []


NATIVE_CHILD = """
import os, sys
from zkhost import _shim
_shim.call("image_id", {"program": open(sys.argv[1], "rb").read()})
pid = os.fork()
if pid == 0:
    _shim._library._inherited = False  # as where the process was forked behind Python's back
    try:
        _shim.call("image_id", {"program": b""})
    except Exception as error:
        print(type(error).__name__, error, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""


def test_the_library_itself_refuses_a_forked_process() -> None:
    from zkhost.methods import FACTORS_PATH

    command = [sys.executable, "-c", NATIVE_CHILD, str(FACTORS_PATH)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.startswith("ProverUnavailableError process ")
    assert "spawn" in said


# What pytest-forked does: each test runs in a fork of the process that has collected them all.
FORKING = """
import os
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item):
    pid = os.fork()
    if pid == 0:
        reports = runtestprotocol(item, log=False)
        os._exit(0 if all(report.passed for report in reports) else 1)
    status = os.waitpid(pid, 0)[1]
    print(item.name, "passed" if status == 0 else f"failed with {status}")
    return True
"""
FORKED_TESTS = """
import pytest
from tests.e2e.test_fork import use_the_library

use_the_library()

@pytest.mark.parametrize("number", range(3))
def test_in_a_child(number):
    use_the_library()
"""


def test_pytest_that_forks_for_each_test(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(FORKING)
    (tmp_path / "test_child.py").write_text(FORKED_TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(tmp_path)]
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    printed = subprocess.run(
        command, check=False, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300
    ).stdout
    assert [f"test_in_a_child[{number}] passed" in printed for number in range(3)] == [True] * 3, printed


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_proving_in_a_forked_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the parent has proved, so that the library's thread pools exist there."""
    monkeypatch.setattr(f"{__name__}.CHILD_S", 900.0)
    prove()
    in_a_forked_child(prove)
