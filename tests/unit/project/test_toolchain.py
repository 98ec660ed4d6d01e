"""What `zkhost install` would do, on machines that differ."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from zkhost.errors import ToolchainError
from zkhost.project import toolchain
from zkhost.project.toolchain import Step, plan_install, run_steps


def program(path: Path, body: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on PATH, no network, and rights of its own to give."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("RISC0_HOME", str(tmp_path / ".risc0"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def unreachable(*args: object, **kwargs: object) -> httpx.Response:
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(httpx, "get", unreachable)
    return tmp_path


def debian(machine: Path, candidate: str = "1.96.0+dfsg1-1", *installed: str) -> None:
    program(machine / "bin/apt-get")
    program(machine / "bin/apt-cache", f"echo '  Candidate: {candidate}'")
    cases = "|".join(installed) or "none"
    program(machine / "bin/dpkg-query", f'case "$4$3$2" in *{cases}*) printf installed;; *) exit 1;; esac')


def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = httpx.Response(200, content=b"#!/usr/bin/env bash\n", request=httpx.Request("GET", "https://x"))
    monkeypatch.setattr(httpx, "get", lambda *args, **kwargs: answer)


def test_rzup_comes_first_where_it_can_be_reached(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reachable(monkeypatch)
    debian(machine)
    first, second = plan_install()
    assert first.command[0] == "bash"
    assert Path(first.command[1]).read_bytes().startswith(b"#!")
    assert second.command == (str(machine / ".risc0/bin/rzup"), "install", "rust")


def test_an_rzup_that_is_here_is_used(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reachable(monkeypatch)
    program(machine / "bin/rzup")
    assert [step.command for step in plan_install()] == [(str(machine / "bin/rzup"), "install", "rust")]


def test_debian_is_next_and_only_what_is_missing_is_installed(machine: Path) -> None:
    debian(machine, "1.96.0+dfsg1-1", "lld")
    update, install = plan_install()
    assert "update" in update.command
    assert install.command[-3:] == ("rustc-web", "cargo-web", "rust-web-src")
    assert "--no-remove" in install.command


def test_without_rights_the_packages_and_the_command_are_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debian(machine)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ToolchainError, match=r"no rights.*rustc-web cargo-web rust-web-src lld") as caught:
        plan_install()
    assert "sudo" in (caught.value.hint or "")


def test_sudo_is_used_where_it_asks_for_no_password(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debian(machine)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(machine / "bin/sudo", "exit 0")
    assert plan_install()[1].command[:2] == (str(machine / "bin/sudo"), "-n")


def test_too_old_a_package_is_refused(machine: Path) -> None:
    debian(machine, "1.85.0+dfsg3-1~deb12u3")
    with pytest.raises(ToolchainError, match=r"rustc-web is 1\.85\.0") as caught:
        plan_install()
    assert "security" in (caught.value.hint or "")


def test_where_nothing_can_be_done_both_ways_are_named(machine: Path) -> None:
    with pytest.raises(ToolchainError, match="does not answer, and there is no apt-get"):
        plan_install()
    with pytest.raises(ToolchainError, match="does not answer"):
        plan_install(only="rzup")
    with pytest.raises(ToolchainError, match="no apt-get"):
        plan_install(only="debian")


def test_steps_are_said_before_they_are_done_and_a_failure_ends_them(machine: Path) -> None:
    program(machine / "bin/good", f"echo done >> {machine}/log")
    program(machine / "bin/bad", "exit 3")
    said: list[str] = []
    good, bad = (Step(name, (str(machine / "bin" / name),)) for name in ("good", "bad"))
    with pytest.raises(ToolchainError, match="exit status 3"):
        run_steps([good, bad, good], said.append)
    assert said == [f"good: {machine}/bin/good", f"bad: {machine}/bin/bad"]
    assert (machine / "log").read_text() == "done\n"


def test_no_toolchain_is_an_error_that_says_where_was_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZKHOST_GUEST_TOOLCHAIN", str(tmp_path))
    with pytest.raises(ToolchainError, match=f"ZKHOST_GUEST_TOOLCHAIN={tmp_path}") as caught:
        toolchain.toolchain_info()
    assert "unset it" in (caught.value.hint or "")
