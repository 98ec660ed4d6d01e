"""`zkhost inspect` and `zkhost image-id`: what is in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkhost.cli._guest_io import read_program
from zkhost.cli._help import notes
from zkhost.cli._journal import contract_option, given_contract, journal_json, journal_lines

if TYPE_CHECKING:
    from zkhost.receipt.receipt import Receipt


@click.command(
    epilog=notes(
        """
        zkhost inspect receipt.zkr
        zkhost inspect receipt.zkr --contract . --guest multiply
        zkhost inspect methods/multiply.bin --json
        """,
        {0: "done", 1: "neither a receipt nor a program"},
    )
)
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@contract_option
@click.option("--guest", "guest_name", metavar="NAME", help="The guest whose contract to use, if there are several.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def inspect(*, file: Path, contract_file: Path | None, guest_name: str | None, as_json: bool) -> None:
    """Show what a receipt claims, or what a program binary is. Nothing is verified.

    A receipt may be in any of its formats; an ELF of a guest is shown as the program binary made of it.
    """
    from zkhost.guest.program_file import is_program
    from zkhost.receipt.receipt import Receipt

    if is_program(file):
        _show(_program_facts(file), as_json)
        return
    receipt, contract = Receipt.load(file), given_contract(contract_file, guest_name)
    facts, journal = _receipt_facts(receipt), receipt.journal.bytes
    if as_json:
        _show(facts | journal_json(journal, contract), as_json)
        return
    _show(facts, as_json)
    click.echo(journal_lines(journal, contract))
    click.echo("not verified: run `zkhost verify` with the image ID of your own build")


@click.command(
    epilog=notes(
        """
        zkhost image-id methods/multiply.bin
        zkhost image-id . --guest multiply --json
        """,
        {0: "done", 1: "not a program, or no such guest"},
    )
)
@click.argument("program", metavar="PROGRAM|PROJECT", type=click.Path(path_type=Path, exists=True))
@click.option("--guest", "guest_name", metavar="NAME", help="The guest, if the project has several.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, in words too.")
def image_id(*, program: Path, guest_name: str | None, as_json: bool) -> None:
    """Print the image ID of a program binary, a guest's ELF, or a project's built guest: 64 hex digits."""
    from zkhost.image_id import compute_image_id

    found = compute_image_id(read_program(program, guest_name))
    if as_json:
        click.echo(json.dumps({"image_id": str(found), "words": found.words}))
    else:
        click.echo(str(found))


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        if value is not None:
            click.echo(f"{name.replace('_', ' ')}: {value}")


def _program_facts(file: Path) -> dict[str, Any]:
    from zkhost.image_id import compute_image_id

    binary = read_program(file)
    return {"what": "program binary", "bytes": len(binary), "image_id": str(compute_image_id(binary))}


def _receipt_facts(receipt: Receipt) -> dict[str, Any]:
    claim = receipt.claim
    return {
        "what": f"{receipt.kind} receipt",
        "kind": str(receipt.kind),
        "claims_image_id": None if claim is None else str(claim.image_id),
        "claims_exit_code": None if claim is None else str(claim.exit_code),
        "claim_digest": None if receipt.claim_digest is None else receipt.claim_digest.hex(),
        "verifier_parameters": receipt.verifier_parameters.hex(),
        "seal_bytes": receipt.seal_size,
    }
