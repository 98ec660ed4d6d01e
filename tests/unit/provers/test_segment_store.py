"""The store: what it keeps through a crash, what it notices, what it refuses."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from zkhost._files import DamagedFileError, read_frame, write_atomic, write_frame
from zkhost.errors import CheckpointError, UnsupportedError
from zkhost.provers.storage.checkpoint import CheckpointWarning, SegmentStore
from zkhost.provers.storage.request_key import RequestKey

OUTCOME: dict[str, Any] = {"journal": b"\x00\xff", "segments": [{"index": 0}], "exit_code": ["Halted", 0]}


def key(**changes: Any) -> RequestKey:
    env = {"input": b"abc", **changes}
    return RequestKey.of(env, image_id=bytes(32), receipt_kind="composite", risc0_version="3.0.6")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def execute(store: SegmentStore, count: int = 3) -> None:
    """What the executor does."""
    store.begin_execution()
    for index in range(count):
        (store.spool / f"{index}.bincode").write_bytes(b"segment %d " % index + os.urandom(16))
        store.take("segment", index)
    store.end_execution(OUTCOME)


def test_a_run_and_its_receipts_survive(tmp_path: Path) -> None:
    with SegmentStore.durable(tmp_path / "c", key()) as store:
        execute(store)
        store.store(store.jobs[1], b"receipt 1")
        jobs = store.jobs
    with SegmentStore.durable(tmp_path / "c", key()) as store:
        assert store.execution == OUTCOME
        assert store.jobs == jobs
        assert store.missing() == [jobs[0], jobs[2]]
        assert store.receipt(jobs[1]) == b"receipt 1"
        path = store.path(jobs[0])
        assert path is not None
        assert path.read_bytes().startswith(b"segment 0")


def test_an_execution_that_did_not_end_counts_for_nothing(tmp_path: Path) -> None:
    with SegmentStore.durable(tmp_path, key()) as store:
        store.begin_execution()
        (store.spool / "0.bincode").write_bytes(b"x")
        store.take("segment", 0)
    with SegmentStore.durable(tmp_path, key()) as store:
        assert store.execution is None
        assert store.jobs == []
        assert list(store.spool.iterdir()) == []


def test_another_request_starts_afresh_and_says_what_changed(tmp_path: Path) -> None:
    with SegmentStore.durable(tmp_path, key()) as store:
        execute(store)
    with (
        pytest.warns(CheckpointWarning, match=r"another request: segment_limit_po2: none -> 15"),
        SegmentStore.durable(tmp_path, key(segment_limit_po2=15)) as store,
    ):
        assert store.execution is None


def test_a_damaged_receipt_is_made_again(tmp_path: Path) -> None:
    with SegmentStore.durable(tmp_path, key()) as store:
        execute(store)
        for job in store.jobs:
            store.store(job, b"receipt")
    victim = next(iter((tmp_path / "proved").iterdir()))
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    with pytest.warns(CheckpointWarning, match="receipt of segment"), SegmentStore.durable(tmp_path, key()) as store:
        assert [job.digest for job in store.missing()] == [victim.name]


@pytest.mark.parametrize("damage", [b"other", b"", None])
def test_a_damaged_job_that_is_not_proved_starts_afresh(tmp_path: Path, damage: bytes | None) -> None:
    with SegmentStore.durable(tmp_path, key()) as store:
        execute(store)
        store.store(store.jobs[0], b"receipt")
    path = tmp_path / "spool" / "2.bincode"
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.warns(CheckpointWarning, match="segment 2"), SegmentStore.durable(tmp_path, key()) as store:
        assert store.execution is None
    assert list((tmp_path / "proved").iterdir()) == []


def test_a_damaged_job_that_is_proved_is_not_missed(tmp_path: Path) -> None:
    with SegmentStore.durable(tmp_path, key()) as store:
        execute(store)
        store.store(store.jobs[2], b"receipt")
    (tmp_path / "spool" / "2.bincode").unlink()
    with SegmentStore.durable(tmp_path, key()) as store:
        assert len(store.missing()) == 2


@pytest.mark.parametrize("name", ["session", "request.json"])
def test_damaged_records_start_afresh(tmp_path: Path, name: str) -> None:
    with SegmentStore.durable(tmp_path, key()) as store:
        execute(store)
    (tmp_path / name).write_bytes(b"{}")
    with pytest.warns(CheckpointWarning, match="starts afresh"), SegmentStore.durable(tmp_path, key()) as store:
        assert store.execution is None


def test_the_finished_receipt_is_all_that_stays(tmp_path: Path) -> None:
    with SegmentStore.durable(tmp_path, key()) as store:
        execute(store)
        assert store.finished() is None
        store.finish(b"the receipt")
    with SegmentStore.durable(tmp_path, key()) as store:
        assert store.finished() == b"the receipt"
        assert store.execution == OUTCOME
        assert store.disk_bytes() < 5000
    (tmp_path / "receipt").write_bytes(b"broken")
    with SegmentStore.durable(tmp_path, key()) as store, pytest.warns(CheckpointWarning, match="starts afresh"):
        assert store.finished() is None
    assert store.execution is None


def test_smaller_segments_are_remembered(tmp_path: Path) -> None:
    with SegmentStore.durable(tmp_path, key()) as store:
        execute(store)
        store.lower_limit(17)
    with SegmentStore.durable(tmp_path, key()) as store:
        assert store.segment_limit_po2 == 17
        assert store.execution is None


def test_disk_use_is_bounded(tmp_path: Path) -> None:
    with (
        SegmentStore.durable(tmp_path, key(), disk_limit_bytes=40) as store,
        pytest.raises(CheckpointError, match="2 jobs take"),
    ):
        execute(store)


def _hold(folder: str, ready: Any, go: Any) -> None:
    with SegmentStore.durable(folder, key()):
        ready.set()
        go.wait(30)


def test_one_process_at_a_time_even_after_a_kill(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(tmp_path), ready, go))
    other.start()
    assert ready.wait(30)
    with pytest.raises(CheckpointError, match="another process"), SegmentStore.durable(tmp_path, key()):
        pass
    other.kill()
    other.join()
    with SegmentStore.durable(tmp_path, key()) as store:
        assert store.execution is None


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(CheckpointError, match="thesis"), SegmentStore.durable(tmp_path, key()):
        pass
    assert (tmp_path / "thesis.tex").exists()


def test_live_input_is_refused(tmp_path: Path) -> None:
    live = RequestKey.of({"read_fds": [0]}, image_id=bytes(32), receipt_kind="composite", risc0_version="3.0.6")
    with pytest.raises(UnsupportedError, match="checkpoint"), SegmentStore.durable(tmp_path, live):
        pass


def test_a_temporary_store_gives_up_what_is_proved_and_then_itself(stack: ExitStack) -> None:
    store = stack.enter_context(SegmentStore.temporary())
    execute(store)
    store.store(store.jobs[0], b"receipt")
    assert [path.name for path in sorted(store.spool.iterdir())] == ["1.bincode", "2.bincode"]
    stack.close()
    assert not store.root.exists()


def test_frames_are_whole_or_known_to_be_broken(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_frame(path, b"payload")
    whole = path.read_bytes()
    assert read_frame(path) == b"payload"
    for position in range(len(whole)):
        for damaged in (whole[:position], whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(DamagedFileError):
                read_frame(path)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
