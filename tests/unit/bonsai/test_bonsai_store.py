"""Sessions on disk: what a later process finds, and that trouble with the disk costs no session."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

import pytest

from tests.unit.bonsai.fake_bonsai import KEY
from zkhost.provers.bonsai.session_store import SessionRecord, SessionStore

RECORD = SessionRecord(
    "3f1c-22", "https://api.test", "ab" * 32, receipt_kind="groth16", prove_guest_errors=True, session_limit=5
)


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "sessions")


def test_round_trip(store: SessionStore) -> None:
    store.save(RECORD)
    assert store.load(RECORD.id) == RECORD
    store.save(RECORD.with_snark("s-1"))
    assert store.load(RECORD.id) == RECORD.with_snark("s-1")


def test_only_the_user_reads_it(store: SessionStore) -> None:
    store.save(RECORD)
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert (store.folder / "3f1c-22.json").stat().st_mode & 0o777 == 0o600
    assert KEY not in (store.folder / "3f1c-22.json").read_text()


def test_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZKHOST_STATE_DIR", str(tmp_path))
    assert SessionStore().folder == tmp_path / "sessions"


@pytest.mark.parametrize("name", ["unknown", "../../etc/passwd", "", "a/b"])
def test_unknown(store: SessionStore, name: str) -> None:
    assert store.load(name) is None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": 2}',
        b'{"format": 1}',
        b"\xff",
        {"image_id": "zz"},
        {"image_id": 5},
        {"snark_id": "../x"},
        {"session_limit": "5"},
        {"prove_guest_errors": 1},
        {"other": 1},
    ],
)
def test_damaged(store: SessionStore, damage: bytes | dict[str, object], caplog: pytest.LogCaptureFixture) -> None:
    store.save(RECORD)
    path = store.folder / "3f1c-22.json"
    path.write_bytes(
        damage if isinstance(damage, bytes) else json.dumps(json.loads(path.read_text()) | damage).encode()
    )
    assert store.load(RECORD.id) is None
    assert "cannot read the stored session" in caplog.text


def test_no_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        SessionStore(tmp_path / "file" / "sessions").save(RECORD)
    assert "keep its id and image ID yourself" in caplog.text
    assert RECORD.id in caplog.text


def test_old_ones_are_dropped(store: SessionStore) -> None:
    store.save(RECORD)
    old = time.time() - 31 * 24 * 3600
    os.utime(store.folder / "3f1c-22.json", (old, old))
    (store.folder / "folder").mkdir()
    SessionStore(store.folder).save(SessionRecord("new", "https://api.test", "ab" * 32))
    assert sorted(path.name for path in store.folder.iterdir()) == ["folder", "new.json"]
