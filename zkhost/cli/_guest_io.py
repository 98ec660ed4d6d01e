"""What execute and prove share: the program, the guest's input, and how results are shown."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from zkhost.cli._journal import contract_option, given_contract
from zkhost.cli._proof_options import SEGMENT_LIMIT
from zkhost.cli._typed_input import encode_option

if TYPE_CHECKING:
    from zkhost.contract.declare import Contract
    from zkhost.environment.executor_env import ExecutorEnv

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = [
    click.argument("program", metavar="PROGRAM|PROJECT", type=click.Path(path_type=Path, exists=True)),
    click.option("--guest", "guest_name", metavar="NAME", help="The guest, if the project has several."),
    click.option(
        "--input", "input_file", type=click.File("rb"), help="The guest's standard input; - is this command's."
    ),
    click.option(
        "--value",
        metavar="JSON|@FILE",
        help="The guest's input as JSON, encoded and checked by its contract; @FILE reads it from a file.",
    ),
    contract_option,
    click.option(
        "--arg", "args", multiple=True, metavar="TEXT", help="A command-line argument of the guest. Repeatable."
    ),
    click.option("--env", "env_vars", multiple=True, metavar="NAME=VALUE", help="A variable of the guest. Repeatable."),
    SEGMENT_LIMIT,
    click.option("--session-limit", type=int, metavar="CYCLES", help="Stop the guest after this many cycles."),
]


def guest_options(command: F) -> F:
    """Add the options that choose the program and its input."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_guest(target: Path, guest_name: str | None = None) -> tuple[bytes, Contract[Any, Any] | None]:
    """Return the program binary of a file (an ELF: with risc0's kernel) or of a project's guest, and its contract.

    Raises ContractDriftError for a guest that was built before the project's contract changed.
    """
    from zkhost.guest.program_file import read_program_file

    if not target.is_dir():
        return read_program_file(target), None
    from zkhost.project.contracts import built_contract
    from zkhost.project.programs import find_program

    guest, file, root = find_program(target, guest_name)
    program = read_program_file(file)
    return program, None if root is None else built_contract(root, guest, program)


def read_program(target: Path, guest_name: str | None = None) -> bytes:
    """Return what read_guest does, without the contract."""
    return read_guest(target, guest_name)[0]


def guest_and_env(
    target: Path, guest_name: str | None, contract_file: Path | None, **given: Any
) -> tuple[bytes, Contract[Any, Any] | None, ExecutorEnv]:
    """Return the program, its contract (that of its project unless --contract names another), and its environment."""
    binary, contract = read_guest(target, guest_name)
    contract = given_contract(contract_file, guest_name) or contract
    return binary, contract, build_env(contract, **given)


def build_env(
    contract: Contract[Any, Any] | None,
    input_file: BinaryIO | None,
    value: str | None,
    args: tuple[str, ...],
    env_vars: tuple[str, ...],
    segment_limit_po2: int | None,
    session_limit: int | None,
    **_: object,
) -> ExecutorEnv:
    """Build the guest's environment from the options. Its stdout goes to the command's stderr: stdout is for results."""
    from zkhost.environment.executor_env import ExecutorEnv

    builder = ExecutorEnv.builder().args(list(args)).stdout(sys.stderr.buffer)
    if input_file and value is not None:
        raise click.UsageError("--input and --value are both the guest's input: give one")
    if input_file:
        builder.write_slice(input_file.read())
    if value is not None:
        builder.write_slice(encode_option(contract, value))
    for pair in env_vars:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} has no =", param_hint="--env")
        builder.env_var(name, value)
    if segment_limit_po2 is not None:
        builder.segment_limit_po2(segment_limit_po2)
    if session_limit is not None:
        builder.session_limit(session_limit)
    return builder.build()


def cycles_line(segments: int, user_cycles: int, total_cycles: int | None) -> str:
    """Return a line as `4,242 user cycles of 32,768 in 1 segment`."""
    of = "" if total_cycles is None else f" of {total_cycles:,}"
    return f"{user_cycles:,} user cycles{of} in {segments} segment{'' if segments == 1 else 's'}"


def dev_mode_banner() -> None:
    """Report on stderr that proofs are fake, where they are."""
    from zkhost import _config

    if _config.dev_mode():
        click.secho("RISC0_DEV_MODE is set: receipts are FAKE and prove nothing.", fg="yellow", bold=True, err=True)
