"""`zkhost install` and `zkhost build-toolchain`: the toolchain that builds guests."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from zkhost.cli._help import notes

if TYPE_CHECKING:
    from zkhost.project.toolchain import ToolchainInfo


@click.command(
    epilog=notes(
        """
        zkhost install                  # does nothing where a toolchain is here
        zkhost install --dry-run        # only prints what it would do
        zkhost install --from debian    # not rzup's
        """,
        {0: "there is a toolchain", 1: "there is none, and none can be had"},
    )
)
@click.option(
    "--from",
    "source",
    type=click.Choice(["rzup", "debian"]),
    help="Where to get the toolchain (default: rzup, else debian).",
)
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def install(source: str | None, dry_run: bool, as_json: bool) -> None:
    """Install a toolchain that builds guests, where there is none.

    RISC Zero's own by rzup where that can be reached, else Debian's packages by apt-get (as root, or by sudo where that
    needs no password). Each step is reported before it runs. Nothing is removed.
    """
    from zkhost.errors import ToolchainError
    from zkhost.project.toolchain import plan_install, run_steps, toolchain_info

    try:
        found = toolchain_info()
    except ToolchainError as missing:
        click.echo(missing.message, err=True)
    else:
        if source is None or found.origin == source:
            _report(found, as_json, installed=False)
            return
    steps = plan_install(only=source)
    if dry_run:
        if as_json:
            click.echo(json.dumps({"steps": [{"why": s.why, "command": list(s.command)} for s in steps]}, indent=2))
        for step in () if as_json else steps:
            click.echo(f"would {step.why}: {step}")
        return
    run_steps(steps, lambda line: click.echo(line, err=True))
    _report(toolchain_info(), as_json, installed=True)


def _report(found: ToolchainInfo, as_json: bool, *, installed: bool) -> None:
    if as_json:
        result = {
            "installed": installed,
            "origin": found.origin,
            "root": str(found.root),
            "rustc": found.rustc,
            "linker": found.linker,
            "build_std": found.build_std,
        }
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(
        f"{'installed' if installed else 'already here'}: {found.origin}'s toolchain in {found.root}, "
        f"rustc {found.rustc}, linker {found.linker}"
    )
    if found.build_std:
        click.echo("`zkhost build-toolchain` builds its std for guests once, for all projects (half a minute)")


@click.command(
    name="build-toolchain",
    epilog=notes(
        "zkhost build-toolchain", {0: "built", 1: "no toolchain with the source of std, or it does not build"}
    ),
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def build_toolchain(as_json: bool) -> None:
    """Build the guest's std once, into a sysroot in zkhost's cache.

    Needs a toolchain with the source of std, as Debian's. Builds of guests use the sysroot from then on; their image
    IDs differ from those with std built from source in each project, so zkhost.lock records which was used.
    """
    from zkhost.project import toolchain

    started = time.perf_counter()
    root = toolchain.build_toolchain(lambda data: (sys.stderr.buffer.write(data), sys.stderr.flush()))
    elapsed_s = time.perf_counter() - started
    if as_json:
        click.echo(json.dumps({"root": str(root), "elapsed_s": round(elapsed_s, 1)}, indent=2))
    else:
        click.echo(f"built {root} in {elapsed_s:.0f} s")
