"""`zkhost import-types`: the Python side of types that Rust code already has."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkhost.cli._help import notes

if TYPE_CHECKING:
    from zkhost.contract.from_rust.check import Verdict
    from zkhost.contract.from_rust.python_module import PythonModule

_EPILOG = notes(
    """
    zkhost import-types core > contract.py                # a crate: its mods and its path dependencies are followed
    zkhost import-types core/src/types.rs --only Order    # one type, and what it is made of
    zkhost import-types core --type Receipt=SerdeBytes    # a type whose source is not there
    zkhost import-types core --check > contract.py        # held against serde itself, compiled by cargo
    """,
    {
        0: "every serde type asked for is in the result; with --check: and agrees with Rust",
        1: "an error; a type was left out, or with --check differs or could not be compared; or there was none",
    },
)


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@click.option("--type", "types", multiple=True, metavar="NAME=ANNOTATION",
              help="Wire form of a type: an annotation of zkhost.codec, or a class as module.Name.")  # fmt: skip
@click.option("--only", multiple=True, metavar="NAME", help="Print only this type and the types it uses.")
@click.option("--features", metavar="LIST", help="Features to enable besides the default ones; all others are off.")
@click.option("--check", is_flag=True, help="Compile the Rust types with cargo and compare random values with them.")
@click.option("--json", "as_json", is_flag=True, help="Print source, notes and verdicts as JSON.")
def import_types(
    paths: tuple[Path, ...],
    types: tuple[str, ...],
    only: tuple[str, ...],
    features: str | None,
    check: bool,
    as_json: bool,
) -> None:
    """Print the Python dataclasses and enums for the serde types of a Rust crate, folder or files.

    PATH is a crate's folder, any folder, or a .rs file. Modules, imports and paths are followed, into crates of the same
    checkout too. What is not understood (an attribute that may change the wire form, a type of an unknown crate, an impl
    written by hand) is left out, with all that uses it, and listed on standard error with file, line and reason.
    What is printed has been imported and made into codecs. --type, and the table [tool.zkhost.types] of pyproject.toml,
    declare types that cannot be read.
    """
    from zkhost.contract.from_rust import import_rust
    from zkhost.contract.from_rust.check import check_types
    from zkhost.contract.from_rust.python_module import python_module

    chosen = None if features is None else [f for f in features.replace(",", " ").split() if f]
    sys.path.insert(0, str(Path.cwd()))  # where the modules of --type are
    imported = import_rust(paths, types=_declared(types), features=chosen, only=only)
    made = python_module(imported)
    verdicts = check_types(made, features=chosen, target=_target()) if check else []
    if as_json:
        click.echo(json.dumps(_as_json(made, verdicts), indent=2))
    else:
        _show(made, verdicts)
    if not imported.found:
        click.echo("no serde type was found", err=True)
    if not imported.found or made.imported.left_out or any(verdict.outcome != "agrees" for verdict in verdicts):
        sys.exit(1)


def _declared(options: tuple[str, ...]) -> dict[str, str]:
    """Return the types of pyproject.toml, overridden by those of the command line."""
    found = _of_pyproject()
    for option in options:
        name, sign, annotation = option.partition("=")
        if not (name and sign and annotation):
            raise click.BadParameter(f"{option!r} is not NAME=ANNOTATION", param_hint="--type")
        found[name.strip()] = annotation
    return found


def _of_pyproject() -> dict[str, str]:
    from zkhost.errors import ConfigError

    here = Path.cwd()
    file = next((f / "pyproject.toml" for f in (here, *here.parents) if (f / "pyproject.toml").is_file()), None)
    if file is None:
        return {}
    try:
        table: Any = tomllib.loads(file.read_text()).get("tool", {}).get("zkhost", {}).get("types", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}", hint="correct the file, or run this in another folder") from error
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise ConfigError(f"{file}: [tool.zkhost.types] is not a table of strings", hint='write Address = "SerdeBytes"')
    return dict(table)


def _target() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("zkhost") / "build" / "import-types"


def _show(made: PythonModule, verdicts: list[Verdict]) -> None:
    if made.imported.module.items:
        click.echo(made.source, nl=False)
    for note in made.imported.notes:
        click.secho(str(note), fg="red" if note.left_out else "yellow", err=True)
    for renamed in made.renamed:
        click.secho(renamed, fg="yellow", err=True)
    for verdict in verdicts:
        if verdict.outcome != "agrees":
            click.secho(f"check: {verdict.name} {verdict.outcome}: {verdict.message}", fg="red", err=True)
    if verdicts:
        agreed = [verdict for verdict in verdicts if verdict.outcome == "agrees"]
        values = sum(verdict.values for verdict in agreed)
        click.echo(f"check: {len(agreed)} of {len(verdicts)} types agree with Rust, on {values} values", err=True)


def _as_json(made: PythonModule, verdicts: list[Verdict]) -> dict[str, Any]:
    imported = made.imported
    rows = [
        {"file": str(n.file), "line": n.line, "where": n.where, "message": n.message, "left_out": n.left_out}
        for n in imported.notes
    ]
    checked = [{"type": v.name, "outcome": v.outcome, "message": v.message, "values": v.values} for v in verdicts]
    names = [made.names[item.name] for item in imported.module.items]
    return {"source": made.source, "types": names, "aliases": sorted(imported.aliases), "notes": rows,
            "renamed": list(made.renamed), "check": checked}  # fmt: skip
