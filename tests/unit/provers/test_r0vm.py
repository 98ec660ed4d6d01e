"""Finding r0vm: the order, the version, and errors that list every place tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkhost import _shim, errors
from zkhost.provers import r0vm
from zkhost.provers.ipc import IpcProver

OURS = _shim.build_info()["risc0_version"]


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def says(version: str) -> str:
    return f'echo "risc0-r0vm {version}"'


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any r0vm."""
    monkeypatch.delenv("RISC0_SERVER_PATH", raising=False)
    monkeypatch.setenv("RISC0_HOME", str(tmp_path / "risc0"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("shutil.which", lambda name: None)
    return tmp_path


def test_none_at_all_lists_every_place_and_the_fix(empty: Path) -> None:
    with pytest.raises(errors.ProverUnavailableError) as caught:
        r0vm.find()
    text = str(caught.value)
    for part in (
        "rzup",
        "zkhost's own",
        "PATH",
        str(empty / "risc0"),
        f"rzup install r0vm {OURS}",
        "RISC0_SERVER_PATH",
    ):
        assert part in text


def test_the_order(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = script(empty / "bin" / "r0vm", says(OURS))
    monkeypatch.setattr("shutil.which", lambda name: str(on_path))
    assert r0vm.find() == r0vm.R0vm(on_path, OURS, "PATH")
    own = script(r0vm.own_path(), says(OURS))
    assert r0vm.find() == r0vm.R0vm(own, OURS, "zkhost's own")
    rzups = script(empty / f"risc0/extensions/v{OURS}-cargo-risczero-x86_64-unknown-linux-gnu/r0vm", says(OURS))
    assert r0vm.find() == r0vm.R0vm(rzups, OURS, "rzup")
    explicit = script(empty / "mine", says("3.0.99"))
    monkeypatch.setenv("RISC0_SERVER_PATH", str(explicit))
    assert r0vm.find() == r0vm.R0vm(explicit, "3.0.99", "RISC0_SERVER_PATH")


def test_one_of_another_version_is_passed_over(empty: Path) -> None:
    script(empty / f"risc0/extensions/v{OURS}-r0vm-x86_64-unknown-linux-gnu/r0vm", says("2.3.1"))
    with pytest.raises(errors.ServerVersionError) as caught:
        r0vm.find()
    assert (caught.value.expected, caught.value.got) == (OURS, "2.3.1")
    assert "version 2.3.1, needed is 3.0.x" in str(caught.value)
    own = script(r0vm.own_path(), says(OURS))
    assert r0vm.find().path == own


def test_a_named_file_that_is_not_there(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(r0vm.own_path(), says(OURS))
    monkeypatch.setenv("RISC0_SERVER_PATH", str(empty / "gone"))
    with pytest.raises(errors.ProverUnavailableError, match=r"RISC0_SERVER_PATH: .*gone \(no such file\)"):
        r0vm.find()


@pytest.mark.parametrize(
    ("body", "said"),
    [("echo hello", "said 'hello'"), ("exit 3", "ended with 3"), ("echo oops >&2; exit 1", "oops")],
)
def test_a_file_that_is_no_r0vm(empty: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str) -> None:
    monkeypatch.setenv("RISC0_SERVER_PATH", str(script(empty / "other", body)))
    with pytest.raises(errors.ServerError, match="is not an r0vm") as caught:
        IpcProver()
    assert said in str(caught.value)


def test_a_file_that_cannot_be_run(empty: Path) -> None:
    (empty / "data").write_bytes(b"\0\1\2")
    (empty / "data").chmod(0o644)
    with pytest.raises(errors.ServerError, match="cannot be run"):
        IpcProver(empty / "data")


def test_one_that_never_answers(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r0vm, "_HANDSHAKE_S", 0.3)
    with pytest.raises(errors.ServerError, match="did not report its version"):
        IpcProver(script(empty / "slow", "exec sleep 60"))
