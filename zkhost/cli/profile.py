"""`zkhost profile`: where a guest's cycles go."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkhost.cli._guest_io import build_env, guest_options
from zkhost.cli._help import notes
from zkhost.cli._journal import given_contract

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.profile.cost_tree import Profile

_EPILOG = notes(
    """
    zkhost profile . --value '{"a": 17, "b": 23}'
    zkhost profile methods/multiply.bin --input input.bin --out before
    zkhost profile . --input input.bin --compare before/profile.json
    zkhost profile run.pb                         # draw a pprof file written by r0vm
    """,
    {0: "done", 1: "an error; where the guest panicked or was stopped, it is profiled up to there"},
)


@click.command(epilog=_EPILOG)
@guest_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="profile",
    show_default=True,
    help="Directory for profile.pb, profile.json and profile.html.",
)
@click.option(
    "--compare",
    "base_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="BASE",
    help="Compare with BASE, a profile.json or pprof file.",
)
@click.option("--fold-inlined", is_flag=True, help="Attribute inlined functions to their callers.")
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="Number of functions to print.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
def profile(
    *,
    program: Path,
    guest_name: str | None,
    contract_file: Path | None,
    value: str | None,
    out: Path,
    base_path: Path | None,
    fold_inlined: bool,
    top: int,
    as_json: bool,
    open_page: bool,
    **given: Any,
) -> None:
    """Run a guest without proving and show where its cycles go.

    PROGRAM is a program binary, a guest's ELF, or a pprof file of an earlier run. PROJECT is a folder with guests: they
    are first built with debug information (in a target folder of their own, so your normal build stays as it is).

    Writes a page with a flame graph, a table of functions and the segments (profile.html), the same as data
    (profile.json) and a pprof file for other tools (profile.pb), and prints a summary. Functions that were inlined
    are shown as calls, if the program was built with debug information.
    """
    from zkhost.ml.embedding import build_models
    from zkhost.profile.html import render_html
    from zkhost.profile.store import load_profile, profile_to_plain
    from zkhost.project.discover import find_project

    base = load_profile(base_path) if base_path else None
    out.mkdir(parents=True, exist_ok=True)
    declared = contract_file or (program if value is not None and program.is_dir() else None)
    env = build_env(given_contract(declared, guest_name), value=value, **given)
    if program.is_dir():
        build_models(find_project(program))
    found, error = _profile(program, guest_name, env, out / "profile.pb")

    page = out / "profile.html"
    page.write_text(render_html(found, base, str(base_path)), "utf-8")
    (out / "profile.json").write_text(json.dumps(profile_to_plain(found), separators=(",", ":")), "utf-8")
    shown, shown_base = (found.folded(), base and base.folded()) if fold_inlined else (found, base)
    if as_json:
        click.echo(json.dumps(_summary(shown, shown_base, out), indent=2))
    else:
        from rich.console import Console

        from zkhost.profile.terminal import render_profile

        console = Console()
        console.print(render_profile(shown, shown_base, top=top))
        if not any(source.lines for source in found.sources.values()):
            console.print("[dim]No debug information: inlined functions and lines are not known (see docs).[/dim]")
        console.print(f"\npage: {page}", style="bold", highlight=False, soft_wrap=True)
    if open_page:
        click.launch(str(page))
    if error:
        click.secho(f"{type(error).__name__}: {error}", fg="red", err=True)
        sys.exit(1)


def _show(output: bytes) -> None:
    sys.stderr.buffer.write(output)
    sys.stderr.buffer.flush()


def _profile(
    target: Path, guest_name: str | None, env: ExecutorEnv, pprof_path: Path
) -> tuple[Profile, Exception | None]:
    from zkhost.guest.program_file import is_program
    from zkhost.profile.profiled_program import load_program
    from zkhost.profile.run import profile_run
    from zkhost.profile.store import load_profile

    if target.is_file() and not is_program(target):
        found = load_profile(target)
        pprof = target.read_bytes()
        if not pprof.lstrip().startswith(b"{"):
            pprof_path.write_bytes(pprof)
        return found, None
    program = load_program(target, guest_name, output=_show)
    done = profile_run(env, program.binary, pprof_path, name=program.name)
    return done.profile, done.error


def _summary(profile: Profile, base: Profile | None, out: Path) -> dict[str, object]:
    """Return the figures for --json: cycles of the run, of every function, and of every segment."""
    from zkhost.profile.compare import compare_profiles

    run = profile.run
    summary: dict[str, object] = {
        "program": run.program,
        "image_id": run.image_id,
        "user_cycles": run.user,
        "paging_cycles": run.paging,
        "reserved_cycles": run.reserved,
        "total_cycles": run.total,
        "segments": [
            {"index": s.index, "po2": s.po2, "user_cycles": s.user, "paging_cycles": s.paging} for s in run.segments
        ],
        "functions": [
            {
                "name": row.name,
                "crate": row.crate,
                "file": row.source.file,
                "line": row.source.line,
                "self_cycles": row.own.user,
                "total_cycles": row.total.user,
                "paging_cycles": row.own.paging,
            }
            for row in profile.functions()
        ],
        "files": {name: str(out / f"profile.{name}") for name in ("html", "json", "pb")},
    }
    if base:
        summary["changes"] = [
            {
                "name": delta.name,
                "self_cycles": delta.own.user,
                "total_cycles": delta.total.user,
                "paging_cycles": delta.own.paging,
            }
            for delta in compare_profiles(base, profile)
        ]
    return summary
