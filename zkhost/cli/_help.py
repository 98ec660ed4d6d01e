"""The end of every command's help: examples and exit codes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

ALWAYS = {2: "wrong usage; nothing was done", 130: "stopped with Ctrl-C"}
"""Exit codes that every command has."""


def notes(examples: str, exit_codes: Mapping[int, str]) -> str:
    """Return an epilog for click. `examples`: one a line, with a remark where it needs one. `exit_codes`: the command's
    own, besides those that all commands have.
    """
    shown = textwrap.indent(textwrap.dedent(examples).strip("\n"), "  ")
    codes = "".join(f"  {code:<4} {meaning}\n" for code, meaning in {**exit_codes, **ALWAYS}.items())
    return f"\b\nExamples:\n{shown}\n\n\b\nExit codes:\n{codes}"
