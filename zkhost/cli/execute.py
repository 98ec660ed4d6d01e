"""`zkhost execute`: run a guest without proving."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkhost.cli._guest_io import cycles_line, guest_and_env, guest_options
from zkhost.cli._help import notes
from zkhost.cli._journal import journal_json, journal_lines

if TYPE_CHECKING:
    from zkhost.session import EcallCount

_EPILOG = notes(
    """
    zkhost execute . --value '{"a": 17, "b": 23}'
    zkhost execute . --input input.bin
    zkhost execute methods/multiply.bin --input - --journal out.bin < input.bin
    zkhost execute . --input input.bin --segment-limit-po2 18 --json     # how many segments that makes
    """,
    {0: "the guest ended with Halted(0)", 1: "it ended otherwise, panicked, or was stopped"},
)


@click.command(epilog=_EPILOG)
@guest_options
@click.option(
    "--journal", "journal_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the journal here."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def execute(
    *,
    program: Path,
    guest_name: str | None,
    contract_file: Path | None,
    journal_file: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Run a guest in the executor and show its exit code, journal, cycles and segments. Nothing is proved.

    What the guest prints goes to standard error, so that standard output has only the result.
    """
    from zkhost.cli._progress import progress_bar
    from zkhost.provers.select import default_executor

    binary, contract, env = guest_and_env(program, guest_name, contract_file, **given)
    with progress_bar() as on_progress:
        session = default_executor().execute(env, binary, on_progress=on_progress)
    if journal_file:
        journal_file.write_bytes(session.journal.bytes)
    if as_json:
        result = {
            "exit_code": str(session.exit_code),
            **journal_json(session.journal.bytes, contract),
            "user_cycles": session.user_cycles,
            "total_cycles": session.total_cycles,
            "paging_cycles": session.paging_cycles,
            "reserved_cycles": session.reserved_cycles,
            "segments": [{"index": s.index, "po2": s.po2, "cycles": s.cycles} for s in session.segments],
            "ecalls": _plain(session.ecalls),
            "syscalls": session.syscalls,
            "elapsed_s": session.elapsed_s,
        }
        click.echo(json.dumps(result, indent=2))
    else:
        click.echo(
            f"{session.exit_code}, {cycles_line(len(session.segments), session.user_cycles, session.total_cycles)}"
        )
        click.echo(journal_lines(session.journal.bytes, contract))
    sys.exit(0 if session.exit_code.ok else 1)


def _plain(counts: Mapping[str, EcallCount] | None) -> dict[str, dict[str, int]] | None:
    return None if counts is None else {name: dataclasses.asdict(each) for name, each in counts.items()}
