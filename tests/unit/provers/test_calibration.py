"""What is kept of how fast this machine proves, whatever state the file is in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zkhost.provers.planning import calibration
from zkhost.provers.planning.calibration import Calibration


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache" / "calibration.json"
    monkeypatch.setenv("ZKHOST_CALIBRATION", str(path))
    return path


def test_nothing_is_known_at_first() -> None:
    speed = calibration.load("local")
    assert speed.seconds == {}
    assert [speed.segment_s(po2) for po2 in (14, 15, 20)] == [3.0, 6.0, 192.0]


def test_the_median_of_the_last_five_counts_for_each_size_and_prover() -> None:
    calibration.record("local", {15: [100.0, 9.0], 17: [40.0]})
    calibration.record("local", {15: [10.0, 11.0, 12.0, 500.0]})
    calibration.record("ipc", {15: [20.0]})
    assert calibration.load("local").seconds == {15: 11.0, 17: 40.0}
    assert calibration.load("ipc").seconds == {15: 20.0}


def test_sizes_not_measured_follow_the_nearest_one() -> None:
    speed = Calibration({15: 10.0, 18: 100.0})
    assert [speed.segment_s(po2) for po2 in (14, 15, 16, 17, 18, 20)] == [5.0, 10.0, 20.0, 50.0, 100.0, 400.0]
    assert Calibration({14: 8.0, 16: 20.0}).segment_s(15) == 10.0, "the larger one of two, whose overhead is less"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1, 2]",
        b"[" * 100_000,
        b'{"KEY": [1]}',
        b'{"KEY": {"15": "fast", "x": [1.0]}}',
        b'{"KEY": {"15": [-1, 0, NaN, Infinity, "a", null, true]}}',
        b'{"KEY": {"999999999999": [1.0]}}',
    ],
)
def test_a_damaged_file_is_as_good_as_none(file: Path, content: bytes) -> None:
    calibration.record("local", {15: [10.0]})
    key = next(iter(json.loads(file.read_text())))
    file.write_bytes(content.replace(b"KEY", key.encode()))
    assert calibration.load("local").seconds == {}
    calibration.record("local", {16: [30.0]})
    assert calibration.load("local").seconds == {16: 30.0}


def test_no_proof_fails_for_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.write_text("in the way")
    calibration.record("local", {15: [10.0]})
    assert calibration.load("local").seconds == {}
    monkeypatch.setattr("zkhost._config.calibration_file", lambda: 1 / 0)
    calibration.record("local", {15: [10.0]})


def test_the_file_is_whole_at_any_time(file: Path) -> None:
    calibration.record("local", {15: [10.0]})
    assert [path.name for path in file.parent.iterdir()] == ["calibration.json"]
