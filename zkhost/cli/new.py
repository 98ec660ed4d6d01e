"""`zkhost new`: create a project from a template."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zkhost.cli._help import notes

_EPILOG = notes(
    """
    zkhost new factor-proof
    zkhost new --list
    zkhost new ledger --template json --guest-name audit
    zkhost new mine --template https://example.org/templates.git --templ-subdir starter --tag v1
    """,
    {0: "the project was made", 1: "it cannot be made; nothing was written"},
)


@click.command(epilog=_EPILOG)
@click.argument("name", required=False)
@click.option(
    "--template", default="basic", show_default=True, help="A name from --list, a folder, or a git repository."
)
@click.option("--templ-subdir", metavar="FOLDER", help="Subfolder of the repository or folder that holds the template.")
@click.option("--tag", metavar="TAG", help="The tag of the template's repository.")
@click.option("--branch", metavar="BRANCH", help="The branch of the template's repository.")
@click.option(
    "--path",
    "risc0_path",
    type=click.Path(path_type=Path),
    help="Build the guest against this local copy of risc0 rather than the released crates.",
)
@click.option("--dest", type=click.Path(path_type=Path), default=".", help="The folder to make the project in.")
@click.option("--guest-name", metavar="NAME", help="The guest's name; by default the template's.")
@click.option("--no-std", is_flag=True, help="Make the guest no_std.")
@click.option("--no-git", is_flag=True, help="Do not create a git repository.")
@click.option("--list", "list_all", is_flag=True, help="Show the templates that come with zkhost.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def new(
    *,
    name: str | None,
    template: str,
    templ_subdir: str | None,
    tag: str | None,
    branch: str | None,
    risc0_path: Path | None,
    dest: Path,
    guest_name: str | None,
    no_std: bool,
    no_git: bool,
    list_all: bool,
    as_json: bool,
) -> None:
    """Create a project NAME: a guest in Rust, its host in Python, their common types, and tests.

    Either the whole project is written or nothing.
    """
    from zkhost.project.scaffold import NewProject, list_templates, make_project

    if list_all:
        templates = list_templates()
        if as_json:
            click.echo(json.dumps([{"name": t.name, "description": t.description} for t in templates], indent=2))
        for info in () if as_json else templates:
            click.echo(f"{info.name:12} {info.description}")
        return
    if name is None:
        raise click.UsageError("give the project's name, as in: zkhost new factor-proof")
    project = NewProject(
        name=name,
        dest=dest,
        template=template,
        subdir=templ_subdir,
        tag=tag,
        branch=branch,
        risc0_path=risc0_path,
        guest=guest_name,
        std=not no_std,
        git=not no_git,
    )
    files: list[Path] = []

    def done(number: int, total: int, path: Path) -> None:
        files.append(path)
        if not as_json:
            width = len(str(total))
            click.echo(f"[{number:>{width}}/{total}] Done: {path}")

    folder = make_project(project, done)
    if as_json:
        click.echo(json.dumps({"path": str(folder), "files": [str(path) for path in files]}, indent=2))
        return
    click.echo(f"\nMade {folder}. Next:\n")
    for command in (f"cd {folder}", "zkhost build", "python -m host", "pytest"):
        click.echo(f"  {command}")
