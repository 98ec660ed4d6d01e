"""The ipc prover on a real r0vm, and on ones that misbehave: typed errors, nothing left behind."""

from __future__ import annotations

import io
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from zkhost import _shim, errors
from zkhost.executor_env import ExecutorEnv
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
    deadline = time.monotonic() + 5
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


def test_all_of_the_guests_io(prover: IpcProver, guests: Mapping[str, bytes]) -> None:
    out, eleven = io.BytesIO(), io.BytesIO()
    env = (
        ExecutorEnv.builder()
        .stdin(io.BytesIO(b"to stdout"))
        .stdout(out)
        .read_fd(10, io.BytesIO(b"ten " * 5000))
        .write_fd(11, eleven)
        .build()
    )
    prover.execute(env, guests["streams"])
    assert (out.getvalue(), eleven.getvalue()) == (b"to stdout", b"ten " * 5000)
    channel = "slice_io::zkhost_test::SYS_DOUBLE"
    env = ExecutorEnv.builder().write_frame(b"question").slice_io(channel, lambda data: data * 2).build()
    assert prover.execute(env, guests["slice_io"]).journal.bytes == b"question" * 2
    env = ExecutorEnv.builder().args(["a b", "ü"]).env_var("X", "1").write(["X"], list[str]).build()
    assert prover.execute(env, guests["environment"]).journal.bytes.decode() == "arg 0: a b\narg 1: ü\nX=1\n"


def test_guest_errors_are_the_same(prover: IpcProver, guests: Mapping[str, bytes]) -> None:
    env = ExecutorEnv.builder().write_slice((77).to_bytes(4, "little")).build()
    with pytest.raises(errors.GuestPanicError) as panicked:
        prover.execute(env, guests["panic"])
    assert "on purpose with 77" in panicked.value.panic
    assert "last words: 77" in panicked.value.stderr
    with pytest.raises(errors.GuestPanicError, match="asked for more"):
        prover.execute(ExecutorEnv.builder().write_slice(bytes(12)).build(), guests["starve"])
    with pytest.raises(errors.SessionLimitError):
        prover.execute(ExecutorEnv.builder().write_slice(bytes(9999)).session_limit(500).build(), guests["echo"])
    with pytest.raises(errors.InvalidProgramError):
        prover.execute(env, b"not a program")


def test_a_handlers_error_is_the_cause(prover: IpcProver, guests: Mapping[str, bytes]) -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise RuntimeError("broken pipe dream")

    with pytest.raises(errors.HostIOError) as caught:
        prover.execute(ExecutorEnv.builder().stdin(Broken()).build(), guests["echo"])
    assert "broken pipe dream" in str(caught.value.__cause__)


def test_segments_and_progress(prover: IpcProver, guests: Mapping[str, bytes], tmp_path: Path) -> None:
    seen: list[int] = []
    env = ExecutorEnv.builder().write_slice(b"x" * 200_000).segment_limit_po2(17).segment_path(tmp_path).build()
    session = prover.execute(env, guests["echo"], on_progress=lambda now: seen.append(now.segments_done))
    assert len(session.segments) > 1
    assert seen == list(range(1, len(session.segments) + 1))
    assert len(list(tmp_path.glob("*.bincode"))) == len(session.segments)


class Blocking:
    """A reader that tells when it is asked, and then waits."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def read(self, size: int) -> bytes:
        self.asked.set()
        time.sleep(2)
        return b""


def test_cancelling(prover: IpcProver, guests: Mapping[str, bytes]) -> None:
    token, reader = _shim.CancelToken(), Blocking()
    threading.Thread(target=lambda: (reader.asked.wait(), token.cancel()), daemon=True).start()
    started = time.monotonic()
    with pytest.raises(errors.CancelledError):
        prover.execute(ExecutorEnv.builder().stdin(reader).build(), guests["echo"], cancel=token)
    assert time.monotonic() - started < 2


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
    assert time.monotonic() - started < 5, "not the ten seconds that risc0 waits for a connection"


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


def test_twenty_threads_at_once(prover: IpcProver, guests: Mapping[str, bytes]) -> None:
    journals: dict[int, bytes] = {}

    def work(number: int) -> None:
        env = ExecutorEnv.builder().write_slice(str(number).encode()).build()
        journals[number] = prover.execute(env, guests["echo"]).journal.bytes

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journals == {n: str(n).encode() for n in range(20)}
