"""The command group: help, completion, exit codes, colours."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = "import sys; sys.argv[0] = 'zkhost'; from zkhost.cli.main import main; main()"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments], env=env, capture_output=True, text=True, check=False, timeout=60
    )


def on_a_terminal(*arguments: str, **variables: str) -> str:
    """What the command shows where its output is a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **variables}
    subprocess.run([sys.executable, "-c", RUN, *arguments], env=env, stdout=theirs, stderr=theirs, check=False)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        pass  # the other side is closed: that is how a terminal ends
    os.close(ours)
    return shown.decode()


def test_help_names_every_command_and_the_exit_codes() -> None:
    from zkhost.cli.main import COMMANDS

    shown = run("--help").stdout
    assert all(f"\n  {name}" in shown for name in COMMANDS)
    assert "130  stopped with Ctrl-C" in shown


@pytest.mark.parametrize("command", ["build", "codegen", "import-types", "completion", "execute", "prove", "verify"])
def test_every_commands_help_has_examples(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0, done.stderr
    assert f"  zkhost {command}" in done.stdout, done.stdout


def test_exit_codes(tmp_path: Path) -> None:
    assert run("--version").returncode == 0 or run("--help").returncode == 0
    assert run("codegen", str(tmp_path)).returncode == 1
    assert run("codegen", "--no-such-option").returncode == 2
    assert run("nonsense").returncode == 2


def test_colours_obey_no_color(tmp_path: Path) -> None:
    assert "\x1b[31mContractError" in on_a_terminal("codegen", str(tmp_path), NO_COLOR="")
    plain = on_a_terminal("codegen", str(tmp_path), NO_COLOR="1")
    assert "ContractError" in plain
    assert "\x1b" not in plain


def test_completion_completes_in_a_real_bash(tmp_path: Path) -> None:
    script = run("completion", "bash").stdout
    command = tmp_path / "zkhost"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{RUN}" "$@"\n')
    command.chmod(0o755)
    asked = f'{script}\nCOMP_WORDS=(zkhost im); COMP_CWORD=1\n_zkhost_completion zkhost\necho "${{COMPREPLY[@]}}"\n'
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", asked],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["image-id", "import-types"] or done.stdout.split() == ["import-types", "image-id"]


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o nosort"), ("zsh", "#compdef zkhost"), ("fish", "complete ")]
)
def test_completion_scripts(shell: str, mark: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert mark in done.stdout
