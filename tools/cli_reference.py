"""Writes docs/reference/cli.md: the help of every command, as Markdown. `make docs` runs it; a test compares."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from zkhost.cli.main import cli

FILE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
_HEAD = """# Command line

Every command with its options, examples and exit codes, as `zkhost COMMAND --help` shows them. How to use it in scripts, with completion and
without colours: [use the shell](../how-to/shell.md).
"""


def page() -> str:
    """The page's text."""
    return "\n".join([_HEAD, *_command(cli, "zkhost", None)])


def commands(group: click.Group, path: str, parent: click.Context | None) -> Iterator[tuple[str, click.Command]]:
    """The commands of a group, each with the words that call it."""
    context = click.Context(group, parent, info_name=path, **group.context_settings)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield f"{path} {name}", command


def _command(command: click.Command, path: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(command, parent, info_name=path.rpartition(" ")[2], **command.context_settings)
    depth = path.count(" ")
    if depth:
        yield f"{'#' * (depth + 1)} {path}\n"
    usage = re.sub(r"\s+", " ", command.get_usage(context).removeprefix("Usage: "))
    yield f"```text\n{usage}\n```\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    if isinstance(command, click.Group):
        yield "| command | what it does |\n|---|---|"
        for words, inner in commands(command, path, context):
            yield f"| [`{words}`](#{words.replace(' ', '-')}) | {inspect.cleandoc(inner.help or '').splitlines()[0]} |"
        yield ""
    yield from _options(command, context)
    yield from _notes(command)
    if isinstance(command, click.Group):
        for words, inner in commands(command, path, context):
            yield from _command(inner, words, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    rows = [record for one in options if (record := one.get_help_record(context))]
    yield "| option | meaning |\n|---|---|"
    yield from (f"| <code>{_cell(names)}</code> | {_cell(meaning)} |" for names, meaning in rows)
    yield ""


def _cell(text: str) -> str:
    """Text for a table, where a bar would end the cell (in code too, where a backslash before it would be shown)."""
    return html.escape(re.sub(r" +", " ", text), quote=False).replace("|", "&#124;")


def _notes(command: click.Command) -> Iterator[str]:
    """Examples as a block of code, exit codes as a table, what follows as it is."""
    for block in (command.epilog or "").split("\n\n"):
        title, _, body = block.removeprefix("\b\n").partition("\n")
        lines = [line.strip() for line in body.splitlines()]
        if title == "Examples:":
            yield "\n".join(["```sh", *lines, "```", ""])
        elif title == "Exit codes:":
            yield "| exit code | meaning |\n|--:|---|"
            yield from (f"| {code} | {meaning} |" for code, meaning in (line.split(maxsplit=1) for line in lines))
            yield ""
        else:
            yield f"{block.strip()}\n"


if __name__ == "__main__":
    FILE.write_text(page())
