"""`zkhost build`: build a project's guests."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from zkhost.cli._help import notes
from zkhost.cli._progress import cargo_width

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
@click.option("--features", metavar="LIST", help="Features of the guest package, separated by commas.")
@click.option("--locked", is_flag=True, help="Refuse to change Cargo.lock.")
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing: fail where the build is not the one in zkhost.lock, or contract.rs not what contract.py says.",
)
@click.option("--force", is_flag=True, help="Ask cargo even if nothing has changed.")
@click.option("--docker", is_flag=True, help="Write a Dockerfile, and build with it.")
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

    Writes each guest's program binary and a Python module with its constants into the project's methods/ folder, and
    how it was built into zkhost.lock. What has not changed is not built.

    The project's contract.py, if it declares one, is written into the guest first, as `zkhost codegen` does; with
    --check it must have been.
    """
    from zkhost.project.builder import BuildOptions, build_project
    from zkhost.project.contracts import update_contract
    from zkhost.project.discover import find_project

    started = time.perf_counter()
    project = find_project(path)
    chosen = tuple(name for name in (features or "").replace(",", " ").split() if name)
    if docker:
        _docker(path, guest, chosen, as_json)
        return
    for module in update_contract(project.root, check=check):
        if module.changed:
            click.echo(f"{_relative(module.path)}: written from the contract", err=True)
        if module.added:
            click.echo(f"{_relative(module.path.parents[1])}/Cargo.toml: added {', '.join(module.added)}", err=True)
    options = BuildOptions(guest, chosen, locked, force, check, cargo_width())
    guests = build_project(project, options, output=_show)
    elapsed_s = time.perf_counter() - started
    if as_json:
        rows = [
            {"name": g.name, "package": g.package, "path": str(g.path), "elf": str(g.elf), "bytes": g.bytes}
            | {"image_id": g.image_id, "fresh": g.fresh}
            for g in guests
        ]
        click.echo(json.dumps({"guests": rows, "elapsed_s": round(elapsed_s, 3)}, indent=2))
        return
    for g in guests:
        click.echo(f"{g.name}  {_relative(g.path)}  {g.bytes:,} bytes{'  (unchanged)' if g.fresh else ''}")
        click.echo(f"  image ID {g.image_id}")
    what = "checked against zkhost.lock" if check else "up to date" if all(g.fresh for g in guests) else "built"
    click.echo(f"{len(guests)} guest{'s' if len(guests) != 1 else ''} {what} in {elapsed_s:.2f} s")


def _docker(path: Path, guest: str | None, features: tuple[str, ...], as_json: bool) -> None:
    from zkhost.project.discover import find_project
    from zkhost.project.docker import docker_build, find_engine, write_dockerfile
    from zkhost.project.methods_module import write_methods

    project = find_project(path)
    packages = project.packages if guest is None else project.owners(guest)
    files = [(package, write_dockerfile(project, package, features)) for package in packages]
    for _, file in files:
        click.echo(f"wrote {_relative(file)}", err=True)
    engine = find_engine()
    built = [
        built
        for package, file in files
        for built in docker_build(engine, project, package, file, lambda line: click.echo(line, err=True))
    ]
    copies = write_methods(project.methods, {g.name: g.path for g in built}, {g.name: g.image_id for g in built})
    rows = [{"name": g.name, "path": str(copies[g.name]), "image_id": g.image_id} for g in built]
    if as_json:
        click.echo(json.dumps({"guests": rows}, indent=2))
    else:
        for row in rows:
            click.echo(f"{row['name']}  {_relative(Path(row['path']))}\n  image ID {row['image_id']}")


def _show(data: bytes) -> None:
    """cargo's output, as it comes."""
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


def _relative(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
