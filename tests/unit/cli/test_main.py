"""The command group: help, completion, exit codes, colours."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from zkhost.cli.main import cli

ROOT = Path(__file__).parents[3]
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


def context_of(command: click.Command, path: str) -> click.Context:
    """As it runs in; click remembers what the first context of a command calls its --help."""
    return click.Context(command, info_name=path, **cli.context_settings)


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Each command and subcommand, with the words that call it."""
    waiting: list[tuple[str, click.Command]] = [("zkhost", cli)]
    while waiting:
        path, command = waiting.pop()
        yield path, command
        if isinstance(command, click.Group):
            context = context_of(command, path)
            found = {name: command.get_command(context, name) for name in command.list_commands(context)}
            waiting += [(f"{path} {name}", inner) for name, inner in found.items() if inner is not None]


EVERY_COMMAND = dict(every_command())


@pytest.mark.parametrize("path", EVERY_COMMAND)
def test_every_commands_help_has_examples_exit_codes_and_a_word_on_each_option(path: str) -> None:
    command = EVERY_COMMAND[path]
    shown = command.get_help(context_of(command, path))
    assert re.search(rf"^    (\w+=\S+ )?{path} ?", shown.partition("Examples:\n")[2], re.MULTILINE), shown
    codes = re.findall(r"^    (\d+) +\S", shown.partition("Exit codes:\n")[2], re.MULTILINE)
    assert codes in (["0", "1", "2", "130"], ["0", "2", "130"]), shown
    assert all(option.help for option in command.params if isinstance(option, click.Option))


@pytest.mark.parametrize("path", [path for path, each in EVERY_COMMAND.items() if isinstance(each, click.Group)])
def test_a_groups_help_clips_no_commands_sentence(path: str) -> None:
    command = EVERY_COMMAND[path]
    listed = command.get_help(context_of(command, path)).partition("Commands:\n")[2].partition("Examples:\n")[0]
    sentences = re.split(r"\n  (?=\S)", listed.strip())
    assert sentences
    for sentence in sentences:
        assert re.fullmatch(r"\S+\s+\S.*[^.]\.", sentence, re.DOTALL), sentence


PROSE = ("zkhost", "zkhost completion", "zkhost explain")


@pytest.mark.parametrize("path", [path for path in EVERY_COMMAND if path not in PROSE])
def test_every_command_that_prints_a_result_prints_json_too(path: str) -> None:
    command = EVERY_COMMAND[path]
    assert isinstance(command, click.Group) or any("--json" in parameter.opts for parameter in command.params)


def test_the_reference_is_what_the_commands_say() -> None:
    """In a process of its own: click remembers what the first context of a command called its --help."""
    code = "import runpy; print(runpy.run_path('tools/cli_reference.py')['page'](), end='')"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    assert page == made.stdout, "run `make docs`, or python tools/cli_reference.py"


def test_exit_codes(tmp_path: Path) -> None:
    assert run("--version").returncode == 0 or run("--help").returncode == 0
    assert run("codegen", str(tmp_path)).returncode == 1
    assert run("codegen", "--no-such-option").returncode == 2
    assert run("nonsense").returncode == 2


def test_an_error_of_the_system_is_a_line_and_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("profile", str(tmp_path / "file"), "--out", str(tmp_path / "file" / "below"))
    assert done.returncode == 1
    assert done.stderr.startswith("NotADirectoryError: ")
    assert "Traceback" not in done.stderr


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
