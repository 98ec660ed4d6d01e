"""The ipc prover on a real r0vm, and on ones that misbehave: typed errors, nothing left behind.

What it has in common with other provers is tested in tests/e2e/test_provers.py.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from zkhost import _shim, errors
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.provers.ipc import IpcProver
from zkhost.provers.local import LocalProver
from zkhost.provers.r0vm import find

OURS = _shim.build_info()["risc0_version"]


def children() -> set[int]:
    """The processes that this one has started and not waited for."""
    mine: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            mine.add(int(stat.parent.name))
    return mine


@pytest.fixture(autouse=True)
def nothing_left(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process, zombie or temporary file more than before."""
    folder, before = tmp_path_factory.mktemp("tmp"), children()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (children() - before or any(folder.iterdir())):
        time.sleep(0.02)
    assert children() <= before
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def prover() -> IpcProver:
    return IpcProver(find().path)


def test_executes_as_the_local_one_does(prover: IpcProver, guests: Mapping[str, bytes]) -> None:
    env = ExecutorEnv.builder().write_slice(b"abc" * 1000).build()
    ours, theirs = LocalProver().execute(env, guests["echo"]), prover.execute(env, guests["echo"])
    assert ours.journal == theirs.journal
    assert (ours.exit_code, ours.claim, ours.image_id) == (theirs.exit_code, theirs.claim, theirs.image_id)
    assert ours.user_cycles == theirs.user_cycles
    assert [(s.po2, s.cycles) for s in ours.segments] == [(s.po2, s.cycles) for s in theirs.segments]


def test_progress_tells_each_segment(prover: IpcProver, guests: Mapping[str, bytes]) -> None:
    seen: list[int] = []
    env = ExecutorEnv.builder().write_slice(b"x" * 200_000).segment_limit_po2(17).build()
    session = prover.execute(env, guests["echo"], on_progress=lambda now: seen.append(now.segments_done))
    assert len(session.segments) > 1
    assert seen == list(range(1, len(session.segments) + 1))


class Blocking:
    """A reader that tells when it is asked, and then waits."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def read(self, size: int) -> bytes:
        self.asked.set()
        time.sleep(2)
        return b""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_server(prover: IpcProver, guests: Mapping[str, bytes], number: signal.Signals) -> None:
    before, reader = children(), Blocking()

    def shoot() -> None:
        reader.asked.wait()
        for pid in children() - before:
            os.kill(pid, number)

    threading.Thread(target=shoot, daemon=True).start()
    with pytest.raises(errors.ServerError, match="ended or broke the protocol"):
        prover.execute(ExecutorEnv.builder().stdin(reader).build(), guests["echo"])


def pretender(path: Path, body: str) -> Path:
    """A script that says the right version, and then does something else."""
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "risc0-r0vm {OURS}" && exit\n{body}\n')
    path.chmod(0o755)
    return path


def test_a_server_that_ends_at_once(guests: Mapping[str, bytes], tmp_path: Path) -> None:
    fake = IpcProver(pretender(tmp_path / "r0vm", "echo no such option >&2; exit 2"))
    started = time.monotonic()
    with pytest.raises(errors.ServerError, match="no such option"):
        fake.execute(ExecutorEnv.builder().build(), guests["echo"])
    assert time.monotonic() - started < 8, "not the ten seconds that risc0 waits for a connection"


def test_a_server_that_hangs(guests: Mapping[str, bytes], tmp_path: Path) -> None:
    fake = IpcProver(pretender(tmp_path / "r0vm", "exec sleep 600"), patience_s=0.5)
    with pytest.raises(errors.ServerError, match="hangs"):
        fake.execute(ExecutorEnv.builder().build(), guests["echo"])


def test_a_server_that_stops_midway(prover: IpcProver, guests: Mapping[str, bytes]) -> None:
    before, reader = children(), Blocking()

    def stop() -> None:
        reader.asked.wait()
        for pid in children() - before:
            os.kill(pid, signal.SIGSTOP)

    threading.Thread(target=stop, daemon=True).start()
    impatient = IpcProver(prover.r0vm.path, patience_s=0.5)
    with pytest.raises(errors.ServerError, match="hangs"):
        impatient.execute(ExecutorEnv.builder().stdin(reader).build(), guests["echo"])
