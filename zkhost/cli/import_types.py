"""`zkhost import-types`: the Python side of types that a Rust file already has."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zkhost.cli._help import notes

_EPILOG = notes(
    """
    zkhost import-types methods/guest/src/types.rs > contract.py
    zkhost import-types types.rs --json
    """,
    {0: "every type was understood", 1: "an error, or a type was left out"},
)


@click.command(epilog=_EPILOG)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print source and notes as JSON.")
def import_types(file: Path, as_json: bool) -> None:
    """Print the Python dataclasses and enums for the serde types of a Rust FILE.

    Names, documentation, generics and every kind of serde enum are kept. What is not understood (serde attributes that
    change the wire form, types from other crates, const generics) is said on standard error and left out, with all that
    uses it.
    """
    from zkhost.contract.python_source import PythonSource
    from zkhost.contract.rust_types import read_rust

    module, notes = read_rust(file.read_bytes())
    printer = PythonSource(module)
    source = printer.text()
    if as_json:
        rows = [{"line": n.line, "where": n.where, "message": n.message, "left_out": n.left_out} for n in notes]
        click.echo(json.dumps({"source": source, "notes": rows, "renamed": printer.notes}, indent=2))
    else:
        click.echo(source, nl=False)
        for note in [*map(str, notes), *printer.notes]:
            click.secho(f"{file.name}: {note}", fg="yellow", err=True)
    if any(note.left_out for note in notes):
        sys.exit(1)
