"""Checkpoints with the real prover: killed and taken up again, and running out of memory."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from zkhost._cancel import CancelToken
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import OutOfMemoryError, WorkerLostError
from zkhost.provers.engine.isolated import IsolatedWorker
from zkhost.provers.engine.segment_run import ProofRequest, SegmentRun
from zkhost.provers.engine.worker import InProcessWorker
from zkhost.provers.local import LocalProver
from zkhost.provers.storage.checkpoint import CheckpointWarning, SegmentStore
from zkhost.session import Progress

ROOT = Path(__file__).parents[2]
# Seven small segments.
ENV = ExecutorEnv.builder().write_slice((1000).to_bytes(8, "little")).segment_limit_po2(14).build()

PROVE = """
import sys
from pathlib import Path
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.provers.local import LocalProver

env = ExecutorEnv.builder().write_slice((1000).to_bytes(8, "little")).segment_limit_po2(14).build()
LocalProver().prove(env, Path(sys.argv[1]).read_bytes(), checkpoint=sys.argv[2])
"""


def processes_of(group: int) -> list[int]:
    """The processes of a process group that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(entry.name))
    return found


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_a_killed_proof_is_taken_up(guests: Mapping[str, bytes], tmp_path: Path) -> None:
    program, folder = tmp_path / "burn.bin", tmp_path / "work"
    program.write_bytes(guests["burn"])
    command = [sys.executable, "-c", PROVE, str(program), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
        while len([path for path in (folder / "proved").glob("*") if not path.name.startswith(".")]) < 2:
            assert process.poll() is None
            time.sleep(0.2)
        process.kill()
    deadline = time.monotonic() + 10
    while (left := processes_of(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == [], "the child that proves ends with its parent"

    told: list[Progress] = []
    info = LocalProver().prove(ENV, guests["burn"], checkpoint=folder, on_progress=told.append)
    info.receipt.verify(info.receipt.claim.image_id)  # type: ignore[union-attr]
    segments = len(LocalProver().execute(ENV, guests["burn"]).segments)
    assert info.stats.segments == segments > 4
    proving = [now for now in told if now.phase == "prove"]
    assert [now.segments_done for now in proving] == list(range(proving[0].segments_done, segments + 1))
    assert proving[0].segments_done >= 2, "what was proved is not proved again"
    assert all(now.disk_bytes for now in proving)
    assert "execute" not in {now.phase for now in told}

    again = LocalProver().prove(ENV, guests["burn"], checkpoint=folder)
    assert again.prover.name == "checkpoint"
    assert again.receipt == info.receipt
    assert again.stats == info.stats


def _jobs(store: SegmentStore, env: ExecutorEnv, program: bytes) -> None:
    store.begin_execution()
    host = serving.host(env, on_progress=lambda event: store.take(*event["job"]))
    store.end_execution(InProcessWorker().execute(env, program, host, store.spool))


@pytest.mark.slow
def test_a_child_without_memory_is_known_as_such(guests: Mapping[str, bytes]) -> None:
    with SegmentStore.temporary() as store, IsolatedWorker(memory_limit_bytes=330 << 20) as worker:
        _jobs(store, dataclasses.replace(ENV, segment_limit_po2=18), guests["burn"])
        with pytest.raises(OutOfMemoryError, match="needs more memory"):
            worker.prove_job(store.jobs[0], store.spool / store.jobs[0].file_name, CancelToken())


@pytest.mark.slow
def test_a_child_that_keeps_dying_is_given_up(guests: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zkhost.provers.engine.isolated._START", "import os; os.kill(os.getpid(), 11)")
    with SegmentStore.temporary() as store, IsolatedWorker() as worker:
        _jobs(store, ENV, guests["burn"])
        with pytest.raises(WorkerLostError, match="died 3 times: it ended with signal SIGSEGV"):
            worker.prove_job(store.jobs[0], store.spool / store.jobs[0].file_name, CancelToken())


class SmallWorker(InProcessWorker):
    """Has no memory for segments beyond a size, and is killed where it comes to one that fits."""

    def __init__(self, largest_bytes: int) -> None:
        self.largest_bytes = largest_bytes
        self.limits: list[int] = []

    def prove_job(self, job: Any, path: Path, cancel: CancelToken) -> bytes:
        raise OutOfMemoryError("no memory")

    def execute(self, env: ExecutorEnv, *rest: Any) -> dict[str, Any]:
        assert env.segment_limit_po2 is not None
        self.limits.append(env.segment_limit_po2)
        return super().execute(env, *rest)


@pytest.mark.slow
def test_out_of_memory_takes_smaller_segments_down_to_the_smallest(guests: Mapping[str, bytes], tmp_path: Path) -> None:
    worker = SmallWorker(0)
    env = ExecutorEnv.builder().write_slice((100_000).to_bytes(8, "little")).segment_limit_po2(18).build()

    class SmallProver(LocalProver):
        @contextlib.contextmanager
        def run(self, request: ProofRequest, store: SegmentStore) -> Iterator[SegmentRun]:
            yield SegmentRun(request, worker, store)

    def prove() -> None:
        SmallProver().prove(env, guests["burn"], checkpoint=tmp_path / "c")

    with (
        pytest.warns(CheckpointWarning, match="out of memory") as told,
        pytest.raises(OutOfMemoryError, match="even seg"),
    ):
        prove()
    # 100,000 cycles fit a segment of 2**17, so 16 is the first limit that changes anything.
    assert worker.limits == [18, 16, 15, 14]
    assert "segment_limit_po2 16" in str(told[0].message)
    with pytest.raises(OutOfMemoryError):
        prove()
    assert worker.limits[4:] == [], "the run with the smaller size is remembered"


@pytest.mark.slow
def test_ctrl_c_ends_the_child_at_once(guests: Mapping[str, bytes], tmp_path: Path) -> None:
    program = tmp_path / "burn.bin"
    program.write_bytes(guests["burn"])
    command = [sys.executable, "-c", PROVE, str(program), str(tmp_path / "work")]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        while len(processes_of(process.pid)) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1)
        os.kill(process.pid, signal.SIGINT)
        process.wait(10)
    assert process.returncode != 0
    assert processes_of(process.pid) == []
