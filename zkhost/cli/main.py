"""The command group. Each command's module is imported only when that command runs, so `zkhost --help` stays fast."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass

import click

from zkhost.cli._help import notes


@dataclass(frozen=True)
class _Lazy:
    """A command's module, and its line in `zkhost --help`."""

    target: str
    help: str


# In the order a new user meets them.
COMMANDS: dict[str, _Lazy] = {
    "new": _Lazy("zkhost.cli.new:new", "Make a new project."),
    "build": _Lazy("zkhost.cli.build:build", "Build a project's guests."),
    "codegen": _Lazy("zkhost.cli.codegen:codegen", "Write the guest's Rust types from contract.py."),
    "import-types": _Lazy("zkhost.cli.import_types:import_types", "Turn a Rust file's serde types into Python."),
    "execute": _Lazy("zkhost.cli.execute:execute", "Run a guest without proving."),
    "profile": _Lazy("zkhost.cli.profile:profile", "Show where a guest's cycles go."),
    "test": _Lazy("zkhost.cli.test:test", "Run a guest's own tests inside the zkVM."),
    "prove": _Lazy("zkhost.cli.prove:prove", "Run a guest and prove the run."),
    "verify": _Lazy("zkhost.cli.verify:verify", "Verify a receipt."),
    "ml": _Lazy("zkhost.cli.ml:ml", "Prove what a model computes (ONNX, int8)."),
    "inspect": _Lazy("zkhost.cli.inspect:inspect", "Show what is in a receipt or program binary."),
    "image-id": _Lazy("zkhost.cli.inspect:image_id", "Print the image ID of a program binary or ELF."),
    "evm-seal": _Lazy("zkhost.cli.evm_seal:evm_seal", "Print a receipt's seal for a smart contract."),
    "boundless": _Lazy("zkhost.cli.boundless:boundless", "Have proofs made by the Boundless market."),
    "cache": _Lazy("zkhost.cli.cache:cache", "Inspect and clean up a cache of receipts."),
    "cluster": _Lazy("zkhost.cli.cluster:cluster", "Run an r0vm cluster for the remote prover."),
    "roundtrip": _Lazy("zkhost.cli.roundtrip:roundtrip", "Compare a type's codec with Rust's, on random values."),
    "doctor": _Lazy("zkhost.cli.doctor:doctor", "Check this machine and explain the prover choice."),
    "explain": _Lazy("zkhost.cli.explain:explain", "Explain an error and what to do about it."),
    "completion": _Lazy("zkhost.cli.completion:completion", "Print the script that completes zkhost in your shell."),
    "install": _Lazy("zkhost.cli.install:install", "Install the guest toolchain."),
    "build-toolchain": _Lazy("zkhost.cli.install:build_toolchain", "Build the guest's std once, into a sysroot."),
}


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        module, _, attribute = lazy.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])


_EPILOG = (
    notes(
        """
    zkhost new factor-proof && cd factor-proof && zkhost build
    zkhost prove . --input input.bin && zkhost verify receipt.zkr --program .
    zkhost prove --help
    """,
        {
            0: "done; for verify, test, roundtrip and --check: it holds",
            1: "an error, reported on standard error; or it does not hold",
        },
    )
    + """
With --json, commands print their result on standard output as JSON, and all else on standard error. NO_COLOR=1 turns
colours off. See `zkhost completion --help` for completion in your shell.
"""
)


def _version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Print the version, which is read only when it is asked for: the native library has it."""
    if not wanted or context.resilient_parsing:
        return
    from zkhost._version import __version__

    click.echo(f"zkhost, version {__version__}")
    context.exit()


@click.command(
    cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EPILOG
)
@click.option(
    "--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Show the version and exit."
)
def cli() -> None:
    """Build, execute, prove and verify RISC Zero guests from Python."""


def _reported() -> tuple[type[Exception], ...]:
    """Return the classes of errors that print as text. Evaluated when something was raised: help needs no errors."""
    from zkhost.errors import ZkhostError

    return ZkhostError, OSError


def main() -> None:
    """Run the command; an error of zkhost or of the system prints as text, never as a traceback.

    Exit codes: 0 done, 1 an error or a negative result, 2 wrong usage, 130 after Ctrl-C.
    """
    from zkhost import _config

    color = False if _config.no_color() else None  # None: where the output is a terminal
    try:
        cli.main(standalone_mode=False, color=color)
    except _reported() as error:
        click.secho(f"{type(error).__name__}: {error}", fg="red", err=True, color=color)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("stopped", err=True)
        sys.exit(130)
