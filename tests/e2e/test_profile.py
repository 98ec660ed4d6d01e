"""Profiles of real runs: exact figures, panics, r0vm's own profile of the same run, guests with debug information."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zkhost.cli.main import cli
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.profile import load_profile
from zkhost.profile.run import profile_run
from zkhost.provers.local import LocalProver

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DATA = bytes(range(256)) * 64


@pytest.fixture
def sha256(guests: Mapping[str, bytes], tmp_path: Path) -> Path:
    """The guest sha256 as a file, and its input beside it."""
    (tmp_path / "input").write_bytes(DATA)
    path = tmp_path / "sha256.bin"
    path.write_bytes(guests["sha256"])
    return path


def _profile(program: Path, *options: str) -> Result:
    args = ["profile", str(program), "--input", str(program.with_name("input")), *options]
    return CliRunner().invoke(cli, args, catch_exceptions=False)


def test_every_cycle_of_the_run_is_under_a_function(sha256: Path) -> None:
    out = sha256.parent / "out"
    result = _profile(sha256, "--segment-limit-po2", "15", "--out", str(out), "--json")
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert sum(function["self_cycles"] for function in figures["functions"]) == figures["user_cycles"]
    paging = sum(function["paging_cycles"] for function in figures["functions"])
    assert 0.9 * figures["paging_cycles"] < paging <= figures["paging_cycles"]
    assert len(figures["segments"]) > 1
    for key in ("user_cycles", "paging_cycles"):
        assert sum(segment[key] for segment in figures["segments"]) == figures[key]
    assert figures["total_cycles"] == sum(2 ** segment["po2"] for segment in figures["segments"])
    names = [function["name"] for function in figures["functions"]]
    assert "sha256::main" in names or "main" in names
    assert "[system call]" in names
    assert "<title>sha256: where the cycles go</title>" in (out / "profile.html").read_text("utf-8")
    assert load_profile(out / "profile.pb").root.total == load_profile(out / "profile.json").root.total


def test_profiling_does_not_change_the_run(guests: Mapping[str, bytes], tmp_path: Path) -> None:
    env = ExecutorEnv.builder().write_slice(DATA).build()
    done = profile_run(env, guests["sha256"], tmp_path / "p.pb", name="sha256")
    plain = LocalProver().execute(env, guests["sha256"])
    assert done.session is not None
    assert done.session.claim == plain.claim
    assert done.profile.run.user == plain.user_cycles


def test_a_run_compared_with_itself_and_with_a_longer_one(sha256: Path) -> None:
    out = sha256.parent / "out"
    assert _profile(sha256, "--out", str(out)).exit_code == 0
    base = out / "profile.json"
    base.rename(sha256.parent / "base.json")
    options = ("--out", str(out), "--compare", str(sha256.parent / "base.json"), "--json")
    assert json.loads(_profile(sha256, *options).stdout)["changes"] == []
    sha256.with_name("input").write_bytes(DATA * 2)
    changes = json.loads(_profile(sha256, *options).stdout)["changes"]
    assert changes
    assert sum(change["self_cycles"] for change in changes) > 0


def test_a_guest_that_panics_is_profiled_up_to_there(guests: Mapping[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "panic.bin"
    path.write_bytes(guests["panic"])
    (tmp_path / "input").write_bytes(b"")
    result = _profile(path, "--out", str(tmp_path / "out"), "--json")
    assert result.exit_code == 1
    assert "GuestPanicError" in result.stderr
    figures = json.loads(result.stdout)
    assert figures["segments"] == []
    assert any("panic" in function["name"] for function in figures["functions"])


def test_r0vms_own_profile_of_the_run_agrees(sha256: Path) -> None:
    pprof = sha256.with_name("r0vm.pb")
    command = [
        _r0vm(),
        "--elf",
        str(sha256),
        "--initial-input",
        str(sha256.with_name("input")),
        "--pprof-out",
        str(pprof),
    ]
    subprocess.run(command, env=os.environ | {"RISC0_DEV_MODE": "1"}, check=True, capture_output=True, timeout=300)
    theirs = {row.name: row for row in load_profile(pprof).functions()}
    assert _profile(sha256, "--out", str(sha256.parent / "out")).exit_code == 0
    ours = {row.name: row for row in load_profile(sha256.parent / "out/profile.json").functions()}
    # r0vm names functions less fully; those that both name have the same totals, but for the machine's last steps.
    both = theirs.keys() & ours.keys()
    assert {"main", "memcpy", "memset"} <= both
    for name in both - {"__start", "sys_halt"}:
        assert theirs[name].total.user == ours[name].total.user, name
    # And r0vm's file is drawn like our own.
    result = CliRunner().invoke(cli, ["profile", str(pprof), "--out", str(sha256.parent / "theirs")])
    assert result.exit_code == 0
    assert "sha256" in result.stdout or "main" in result.stdout


def _r0vm() -> str:
    from zkhost.provers.r0vm import find

    return str(find().path)


def test_a_projects_guest_shows_inlined_functions_and_lines(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(DATA)
    args = ["profile", str(ROOT / "guest-methods/guests"), "--guest", "sha256", "--input", str(tmp_path / "input")]
    result = CliRunner().invoke(cli, [*args, "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0
    profile = load_profile(tmp_path / "out/profile.json")
    assert any(node.inlined for _, node in profile.root.walk())
    main = next(row for row in profile.functions() if row.name == "sha256::main")
    assert main.source.file.endswith("src/bin/sha256.rs")
    source = (ROOT / "guest-methods/guests/src/bin/sha256.rs").read_text("utf-8").splitlines()
    assert 0 < main.source.line <= len(source)
    assert sum(row.own.user for row in profile.functions()) == profile.run.user
    assert not any(node.inlined for _, node in profile.folded().root.walk())
