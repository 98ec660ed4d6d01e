"""zkhost.lock: what it says, and what of a build is noticed to have drifted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkhost.errors import BuildError, DriftError
from zkhost.project.lock import LockedGuest, check_lock, lock_text, read_lock, write_lock

GUEST = LockedGuest("pkg", "rustc 1.96.0 (ac68faa20), LLD 14.0.6", ["-C", "panic=abort"], [], [], "aa" * 32, "bb" * 32)


def test_it_reads_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "zkhost.lock"
    guests = {"multiply": GUEST, "my-guest": replace(GUEST, features=["x"], flags=['getrandom_backend="custom"'])}
    write_lock(path, guests)
    assert read_lock(path) == guests
    assert path.read_text().startswith("# Made by `zkhost build`")


@given(st.dictionaries(st.text("abc-_é\"'", min_size=1), st.lists(st.text(max_size=8), max_size=3), max_size=3))
def test_any_names_and_flags_come_back(flags: dict[str, list[str]]) -> None:
    guests = {name: replace(GUEST, flags=value) for name, value in flags.items()}
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "zkhost.lock"
        path.write_text(lock_text(guests), encoding="utf-8")
        assert read_lock(path) == guests


def test_it_is_not_written_when_it_says_so_already(tmp_path: Path) -> None:
    path = tmp_path / "zkhost.lock"
    write_lock(path, {"a": GUEST})
    before = path.stat().st_mtime_ns
    write_lock(path, {"a": GUEST})
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["[guest", '[guest.a]\npackage = "x"\n', "guest = 3\n", "\xff"])
def test_a_file_that_is_no_lock_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "zkhost.lock"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BuildError, match=r"zkhost\.lock is not a lock file"):
        read_lock(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_id": "cc" * 32}, f"guest a: the image ID changed from {'bb' * 32} to {'cc' * 32}"),
        ({"source": "dd" * 32}, f"guest a: the sources changed from {'aa' * 32} to {'dd' * 32}"),
        (
            {"toolchain": "rustc 2"},
            "guest a: the toolchain changed from rustc 1.96.0 (ac68faa20), LLD 14.0.6 to rustc 2",
        ),
        ({"flags": []}, "guest a: the rustc flags changed from -C panic=abort to none"),
        ({"features": ["fast"]}, "guest a: the features changed from none to fast"),
        ({"env": ["A=1"]}, "guest a: the variables changed from none to A=1"),
        ({"package": "other"}, "guest a: the package changed from pkg to other"),
    ],
)
def test_each_drift_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "zkhost.lock"
    write_lock(path, {"a": GUEST})
    check_lock(path, {"a": GUEST}, complete=True)
    with pytest.raises(DriftError) as caught:
        check_lock(path, {"a": replace(GUEST, **change)}, complete=True)
    assert caught.value.drifted == (said,)
    assert said in str(caught.value)


def test_guests_that_came_and_went(tmp_path: Path) -> None:
    path = tmp_path / "zkhost.lock"
    with pytest.raises(DriftError, match="records no guest"):
        check_lock(path, {"a": GUEST}, complete=True)
    write_lock(path, {"a": GUEST})
    with pytest.raises(DriftError) as caught:
        check_lock(path, {"b": GUEST}, complete=True)
    assert caught.value.drifted == ("guest b: not on record", "guest a: on record, but not in the project")
    check_lock(path, {}, complete=False)
