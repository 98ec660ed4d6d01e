"""What commands' help has in common: how a group lists its commands; examples and exit codes at the end."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import click

ALWAYS = {2: "wrong usage; nothing was done", 130: "stopped with Ctrl-C"}
"""Exit codes that every command has."""

_WHOLE = 1 << 16
"""More characters than a sentence has."""


def notes(examples: str, exit_codes: Mapping[int, str]) -> str:
    """Return an epilog for click. `examples`: one a line, with a remark where it needs one. `exit_codes`: the command's
    own, besides those that all commands have.
    """
    shown = textwrap.indent(textwrap.dedent(examples).strip("\n"), "  ")
    codes = "".join(f"  {code:<4} {meaning}\n" for code, meaning in {**exit_codes, **ALWAYS}.items())
    return f"\b\nExamples:\n{shown}\n\n\b\nExit codes:\n{codes}"


class Group(click.Group):
    """A group whose help has the first sentence of each command whole: wrapped, where click would clip it."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and their first sentences."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(_WHOLE)) for name, command in found if command])
