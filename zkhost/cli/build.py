"""`zkhost build`: build a project's guests."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkhost.cli._help import notes
from zkhost.cli._progress import cargo_width

if TYPE_CHECKING:
    from zkhost.project.discover import GuestProject

_EPILOG = notes(
    """
    zkhost build                      # every guest of the project here
    zkhost build --guest multiply     # only that one
    zkhost build --check              # in CI: fails where a build is not the one in zkhost.lock
    zkhost build --docker             # in RISC Zero's container, for IDs that anybody can make again
    """,
    {0: "all is built; with --check: as recorded", 1: "a guest cannot be built; with --check: one differs"},
)


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--guest", metavar="NAME", help="Build only this guest (a bin, or a package with all its bins).")
@click.option(
    "--features",
    metavar="LIST",
    help="Features of the one guest package, separated by commas, beside those of pyproject.toml.",
)
@click.option("--locked", is_flag=True, help="Refuse to change Cargo.lock.")
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; fail if the build differs from zkhost.lock, or contract.rs from contract.py.",
)
@click.option("--force", is_flag=True, help="Run cargo even if nothing has changed.")
@click.option("--docker", is_flag=True, help="Write Dockerfiles, and build in RISC Zero's container with them.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def build(
    *,
    path: Path,
    guest: str | None,
    features: str | None,
    locked: bool,
    check: bool,
    force: bool,
    docker: bool,
    as_json: bool,
) -> None:
    """Build the guests of the project in PATH (or above it).

    Options of single guests (features, env, verifies, docker-env, root) are in [tool.zkhost.guests.NAME] of the project's
    pyproject.toml.

    Writes each guest's program binary and a Python module with its constants into the project's methods/ folder, and
    how it was built into zkhost.lock. Unchanged guests are not built.

    The contract of the project's contract.py, if there is one, is written into the guest first, as `zkhost codegen`
    does; with --check it must be up to date. Models of [tool.zkhost.models.NAME] are compiled into the guest's package.
    """
    from zkhost.ml.embedding import build_models
    from zkhost.project.builder import BuildOptions, build_project, options_of_risc0
    from zkhost.project.contracts import update_contract
    from zkhost.project.discover import find_project

    started = time.perf_counter()
    project = find_project(path)
    if project.guessed:
        click.echo(_guess(project), err=True)
    for script in () if project.settings.guests else project.unread:
        click.echo(
            f"{_relative(script)} sets options of guests (GuestOptions), which are not read: set features and the like in "
            "[tool.zkhost.guests.NAME] of pyproject.toml",
            err=True,
        )
    chosen = tuple(name for name in (features or "").replace(",", " ").split() if name)
    options = BuildOptions(guest, chosen, locked, force, check, docker, cargo_width())
    options = options_of_risc0(options, lambda line: click.echo(line, err=True))
    for module in update_contract(project.root, check=check):
        if module.changed:
            click.echo(f"{_relative(module.path)}: written from the contract", err=True)
        if module.added:
            click.echo(f"{_relative(module.path.parents[1])}/Cargo.toml: added {', '.join(module.added)}", err=True)
    for model in build_models(project, force=force):
        if model.changed:
            click.echo(
                f"{_relative(model.plan)}: compiled from the model {model.name}, {model.bytes:,} bytes", err=True
            )
    guests = build_project(project, options, output=_show)
    elapsed_s = time.perf_counter() - started
    if as_json:
        rows = [
            {"name": g.name, "package": g.package, "path": str(g.path), "elf": str(g.elf), "bytes": g.bytes}
            | {"image_id": str(g.image_id), "fresh": g.fresh}
            for g in guests
        ]
        click.echo(json.dumps({"guests": rows, "elapsed_s": round(elapsed_s, 3)}, indent=2))
        return
    for g in guests:
        click.echo(f"{g.name}  {_relative(g.path)}  {g.bytes:,} bytes{'  (unchanged)' if g.fresh else ''}")
        click.echo(f"  image ID {g.image_id}")
    what = "checked against zkhost.lock" if check else "up to date" if all(g.fresh for g in guests) else "built"
    click.echo(f"{len(guests)} guest{'s' if len(guests) != 1 else ''} {what} in {elapsed_s:.2f} s")


def _guess(project: GuestProject) -> str:
    """Return the notice of a build whose guests were found by dependencies alone."""
    folders = ", ".join(str(package.folder.relative_to(project.root)) for package in project.packages)
    return (
        f"nothing names the guest packages of {project.root}; taken for guests, since they depend on risc0-zkvm as guests "
        f"do: {folders}. To settle it, write them into `packages` of [tool.zkhost] in pyproject.toml"
    )


def _show(data: bytes) -> None:
    """Print cargo's output as it comes."""
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


def _relative(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
