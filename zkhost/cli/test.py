"""`zkhost test`: run a guest's own tests inside the zkVM."""

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
    from zkhost.project.settings import GuestOptions
    from zkhost.project.test_runner import TestProgram, TestResult

_EPILOG = notes(
    """
    zkhost test                    # every test of the project's guests
    zkhost test . merkle           # those with merkle in their name
    zkhost test path/to/crate      # of any crate that builds for the zkVM
    """,
    {0: "all passed", 1: "one failed, or the tests cannot be built"},
)
_COLOURS = {"ok": "green", "FAILED": "red", "ignored": "yellow"}


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.argument("name_filter", metavar="[FILTER]", required=False)
@click.option("--features", metavar="LIST", help="Features of the package, separated by commas.")
@click.option("--exact", is_flag=True, help="Match FILTER against whole names.")
@click.option("--include-ignored", is_flag=True, help="Also run tests marked #[ignore].")
@click.option(
    "--session-limit", type=int, metavar="CYCLES", help="Fail any test that takes more user cycles than this."
)
@click.option("--locked", is_flag=True, help="Refuse to change Cargo.lock.")
@click.option("--list", "list_only", is_flag=True, help="List the tests without running them.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def test(
    *,
    path: Path,
    name_filter: str | None,
    features: str | None,
    exact: bool,
    include_ignored: bool,
    session_limit: int | None,
    locked: bool,
    list_only: bool,
    as_json: bool,
) -> None:
    """Run the #[test] functions of a guest package inside the zkVM's executor, one line each, with their cycles.

    PATH is a project, or one package. A package with `#![no_main]` needs `#![cfg_attr(not(test), no_main)]`
    for it. Tests are compiled in release mode, as proved programs are. Each runs by itself: the cycles are the test's
    own and the harness's, which the last line reports.
    """
    from zkhost.project.test_runner import TestRunner, build_tests

    started = time.monotonic()
    chosen = tuple(name for name in (features or "").replace(",", " ").split() if name)
    rows: list[tuple[TestProgram, TestResult]] = []
    harness: dict[str, int] = {}
    listed: list[str] = []
    for package, options in _packages(path):
        wanted = tuple(dict.fromkeys((*options.features, *chosen)))
        for program in build_tests(
            package,
            features=wanted,
            env=dict(options.env),
            locked=locked,
            output=_show,
            progress_width=cargo_width(),
        ):
            runner = TestRunner(program, session_limit=session_limit)
            names = [name for name in runner.names() if _wanted(name, name_filter, exact)]
            listed += names
            if list_only or not names:
                continue
            if not as_json:
                click.secho(f"\n{program}: {len(names)} test{'' if len(names) == 1 else 's'}", bold=True)
            for result in runner.run(names, include_ignored=include_ignored):
                rows.append((program, result))
                if not as_json:
                    _print(result)
            harness[str(program)] = runner.harness_cycles()
    if list_only:
        click.echo(json.dumps(listed) if as_json else "\n".join(listed))
        return
    results = [result for _, result in rows]
    if as_json:
        click.echo(json.dumps(_plain(rows, harness), indent=2))
    else:
        _print_end(results, harness, time.monotonic() - started)
    if any(str(result.outcome) == "FAILED" for result in results):
        sys.exit(1)


def _packages(path: Path) -> list[tuple[Path, GuestOptions]]:
    """Return a project's guest packages with their options; a folder with a Cargo package of any kind is one."""
    from zkhost.errors import GuestNotFoundError
    from zkhost.ml.embedding import build_models
    from zkhost.project.discover import find_project
    from zkhost.project.plan import guest_options
    from zkhost.project.settings import GuestOptions

    manifest = path / "Cargo.toml"
    is_package = manifest.is_file() and "[package]" in manifest.read_text("utf-8")
    try:
        project = find_project(path)
    except GuestNotFoundError:
        if is_package:
            return [(path, GuestOptions())]
        raise
    build_models(project)
    found = [(package.folder, guest_options(project.settings, package)) for package in project.packages]
    if is_package and not (path / "guest").is_dir():
        return [each for each in found if each[0] == path.resolve()] or [(path, GuestOptions())]
    return found


def _wanted(name: str, name_filter: str | None, exact: bool) -> bool:
    if name_filter is None:
        return True
    return name == name_filter if exact else name_filter in name


def _show(output: bytes) -> None:
    sys.stderr.buffer.write(output)
    sys.stderr.buffer.flush()


def _print(result: TestResult) -> None:
    outcome = click.style(f"{result.outcome!s:>7}", fg=_COLOURS[str(result.outcome)])
    cycles = f"{result.user_cycles:>14,} cycles" if result.user_cycles else " " * 21
    more = f"  {result.segments} segments" if result.segments > 1 else ""
    why = f" ({result.message})" if str(result.outcome) == "ignored" and result.message else ""
    click.echo(f"{outcome} {cycles}  {result.name}{more}{why}")
    if str(result.outcome) == "FAILED":
        text = result.output.strip() or result.message
        click.echo("".join(f"          {line}\n" for line in text.splitlines()), nl=False)


def _print_end(results: list[TestResult], harness: dict[str, int], elapsed_s: float) -> None:
    count = {kind: sum(str(result.outcome) == kind for result in results) for kind in _COLOURS}
    for program, cycles in harness.items():
        click.secho(f"\n{program}: the harness takes {cycles:,} of each test's cycles", dim=True)
    failed = count["FAILED"]
    line = f"{count['ok']} passed, {failed} failed, {count['ignored']} ignored in {elapsed_s:.1f} s"
    click.secho(f"\n{line}" if results else "\nno tests", fg="red" if failed else "green", bold=True)


def _plain(rows: list[tuple[TestProgram, TestResult]], harness: dict[str, int]) -> dict[str, object]:
    return {
        "tests": [
            {
                "package": program.package,
                "target": program.name,
                "kind": program.kind,
                "name": result.name,
                "outcome": str(result.outcome),
                "user_cycles": result.user_cycles,
                "segments": result.segments,
                "elapsed_s": round(result.elapsed_s, 3),
                "message": result.message,
                "output": result.output,
            }
            for program, result in rows
        ],
        "harness_cycles": harness,
    }
