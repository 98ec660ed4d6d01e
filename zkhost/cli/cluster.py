"""`zkhost cluster`: an r0vm cluster on this machine, or the text of one over several machines."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from zkhost.cli._help import Group, notes

_START_S = 40.0
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group(
    cls=Group,
    epilog=notes(
        """
        zkhost cluster up --workers 2 --detach
        zkhost cluster status
        zkhost cluster down
        """,
        {0: "done; for status: all its processes run", 1: "an error; for status: one is gone, or no cluster runs"},
    ),
)
def cluster() -> None:
    """Run an r0vm cluster: a manager with the Bonsai REST API, and workers.

    The remote prover then uses it: `zkhost cluster up` prints the two variables to set.
    """


@cluster.command(
    epilog=notes(
        """
        zkhost cluster up                                              # until Ctrl-C
        zkhost cluster up --workers 2 --gpus 0,1 --detach              # one worker a GPU, in the background
        eval "$(zkhost cluster up --detach)" && zkhost prove . --input input.bin
        zkhost cluster up --workers 8 --print systemd --manager-host 10.0.0.1
        """,
        {0: "it runs, or ran until it was ended", 1: "it did not start, or one runs already"},
    )
)
@click.option("--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="Number of workers.")
@click.option("--gpus", default="", metavar="0,1", help="GPUs to assign to the workers in turn; needs a CUDA r0vm.")
@click.option("--api", default="127.0.0.1:8081", show_default=True, help="Address of the REST API.")
@click.option(
    "--listen", default="127.0.0.1:8090", show_default=True, help="Address at which the manager accepts workers."
)
@click.option(
    "--storage",
    type=click.Path(path_type=Path),
    help="Folder for programs, inputs and receipts (default: in the state folder).",
)
@click.option("--po2", type=click.IntRange(14, 22), help="Segment size as a power of two (r0vm's default: 20).")
@click.option(
    "--r0vm",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The r0vm binary to run (default: the one that provers use).",
)
@click.option("--dev-mode", is_flag=True, help="Make FAKE receipts: workers prove nothing.")
@click.option("--detach", is_flag=True, help="Run in the background; `zkhost cluster down` stops it.")
@click.option(
    "--print",
    "form",
    type=click.Choice(["commands", "systemd", "compose"]),
    help="Print the configuration of a cluster without starting one.",
)
@click.option("--manager-host", default="10.0.0.1", show_default=True, help="With --print: the manager's address.")
@_JSON
def up(*, gpus: str, storage: Path | None, r0vm: Path | None, detach: bool, as_json: bool, **given: Any) -> None:
    """Start a cluster and supervise it, until Ctrl-C or `zkhost cluster down`.

    Prints the variables that make the remote prover use it, as a line for the shell.

    When a process dies the whole cluster is restarted, as r0vm does not reassign a dead worker's task.
    """
    from zkhost.provers.cluster.local_cluster import Plan, Supervisor, load_state, state_folder

    form, manager_host = given.pop("form"), given.pop("manager_host")
    folder = state_folder()
    plan = Plan(
        r0vm=str(r0vm or _r0vm(must_exist=form is None)),
        gpus=_numbers(gpus),
        storage=str((storage or folder / "storage").absolute()),
        **given,
    )
    if form is not None:
        _print(plan, form, manager_host)
        return
    if (state := load_state(folder)) is not None:
        raise click.ClickException(f"a cluster runs already, at http://{state.plan.api}: `zkhost cluster status`")
    if plan.is_open:
        click.secho(
            "Anyone who can reach these addresses can use this cluster: r0vm has no authentication.",
            fg="yellow",
            err=True,
        )
    if plan.dev_mode:
        click.secho("--dev-mode: receipts are FAKE and prove nothing.", fg="yellow", bold=True, err=True)
    if detach:
        click.echo(_variables(_detach(folder), as_json))
        return
    supervisor = Supervisor(plan, folder, lambda text: click.echo(text, err=True))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, supervisor.stop)
    click.echo(_variables(plan.api, as_json))
    supervisor.run()


@cluster.command(
    epilog=notes(
        """
        zkhost cluster status
        zkhost cluster status --json
        """,
        {0: "all its processes run", 1: "one is gone, or no cluster runs"},
    )
)
@_JSON
def status(as_json: bool) -> None:
    """Show whether a cluster runs, and its processes."""
    from zkhost.provers.cluster.local_cluster import load_state, report, state_folder

    state = load_state(state_folder())
    if state is None:
        click.echo(json.dumps(None) if as_json else "no cluster runs; `zkhost cluster up` starts one")
        sys.exit(1)
    found = report(state)
    well = found["supervisor"] and found["api_answers"] and all(one["alive"] for one in found["processes"].values())
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(
            f"{found['api']}: {'answers' if found['api_answers'] else 'does not answer'}, up {found['up_s']:.0f} s"
        )
        for name, one in found["processes"].items():
            click.echo(f"  {name:<12} {one['pid']:>8}  {'runs' if one['alive'] else 'is dead'}")
        if not found["supervisor"]:
            click.echo("  its supervisor is gone: run `zkhost cluster down` to clean up")
        for lost in found["lost"]:
            click.echo(f"  restarted after {lost}")
    sys.exit(0 if well else 1)


@cluster.command(epilog=notes("zkhost cluster down", {0: "none runs any more", 1: "an error"}))
@_JSON
def down(as_json: bool) -> None:
    """Stop the cluster of this user. Its storage is kept."""
    from zkhost.provers.cluster.local_cluster import state_folder, take_down

    state = take_down(state_folder())
    storage = None if state is None else state.plan.storage
    if as_json:
        click.echo(json.dumps({"ended": state is not None, "storage": storage}))
    else:
        click.echo("no cluster runs" if state is None else f"ended; receipts are in {storage}")


def _r0vm(*, must_exist: bool) -> str:
    from zkhost.errors import ProverError
    from zkhost.provers.r0vm import find

    try:
        return str(find().path)
    except ProverError:
        if must_exist:
            raise
        return "r0vm"


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of numbers", param_hint="--gpus") from None


def _variables(api: str, as_json: bool) -> str:
    values = {"BONSAI_API_URL": f"http://{api}", "BONSAI_API_KEY": "any"}
    return json.dumps(values) if as_json else "export " + " ".join(f"{name}={value}" for name, value in values.items())


def _print(plan: Any, form: str, manager_host: str) -> None:
    from zkhost.provers.cluster import units

    if form == "compose":
        click.echo(units.compose(plan))
    else:
        click.echo(getattr(units, form)(plan, manager_host))


def _detach(folder: Path) -> str:
    """Start the cluster in the background and return the address of its REST API."""
    from zkhost.provers.cluster.local_cluster import load_state

    arguments = [word for word in sys.argv[1:] if word != "--detach"]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "supervisor.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-c", "from zkhost.cli.main import main; main()", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_S
    while (state := load_state(folder)) is None:
        if child.poll() is not None or time.monotonic() > deadline:
            raise click.ClickException(f"it did not start: see {folder / 'supervisor.log'}")
        time.sleep(0.1)
    return state.plan.api
