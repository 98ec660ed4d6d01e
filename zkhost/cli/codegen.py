"""`zkhost codegen`: the guest's Rust types from the project's contract."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from zkhost.cli._help import notes

_EPILOG = notes(
    """
    zkhost codegen
    zkhost codegen --check              # in CI: fails when someone forgot
    zkhost codegen path/to/contract.py
    """,
    {0: "done; with --check: every file matches the contract", 1: "an error; with --check: a file differs"},
)


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=".")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file differs from the contract.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def codegen(path: Path, check: bool, as_json: bool) -> None:
    """Write the Rust module of the guest from the project's contract.py.

    PATH is the project's folder or the contract file; without it, contract.py is searched for here and in the folders
    above. Each guest package gets src/contract.rs, and in its Cargo.toml the crates that this needs. `zkhost build` does the same when the contract changed.
    """
    from zkhost.project.contracts import codegen as write

    written = write(path, check=check)
    if as_json:
        rows = [{"path": str(w.path), "guests": list(w.guests), "changed": w.changed} for w in written]
        click.echo(json.dumps({"modules": rows}, indent=2))
    else:
        for module in written:
            done = ("differs from the contract" if check else "written") if module.changed else "unchanged"
            click.echo(f"{_relative(module.path)}: {done} ({', '.join(module.guests)})")
            if module.added:
                click.echo(f"{_relative(module.path.parents[1])}/Cargo.toml: added {', '.join(module.added)}")
    if check and any(module.changed for module in written):
        if not as_json:
            click.echo("run `zkhost codegen` to update it from the contract", err=True)
        sys.exit(1)


def _relative(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
