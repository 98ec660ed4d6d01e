"""`zkhost verify`: does this receipt prove that program?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkhost.cli._guest_io import dev_mode_banner, read_guest
from zkhost.cli._help import notes
from zkhost.cli._journal import contract_option, given_contract, journal_json, journal_lines

if TYPE_CHECKING:
    from zkhost.contract.declare import Contract
    from zkhost.image_id import ImageID
    from zkhost.receipt.receipt import Receipt

_EPILOG = notes(
    """
    zkhost verify receipt.zkr --image-id e6990b0dbc2a...
    zkhost verify receipt.bin --program methods/multiply.bin --json
    zkhost verify receipt.zkr --program . --journal out.bin     # and keep what was proved
    zkhost verify receipt.zkr --image-id e6990b0dbc2a... --contract contract.py
    zkhost verify --session 6a7c... --program .                 # wait for a remote session, then verify
    """,
    {0: "it verifies", 1: "it does not, or there is no receipt"},
)


@click.command(epilog=_EPILOG)
@click.argument("receipt_file", metavar="[RECEIPT]", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--image-id", metavar="HEX", help="The program's image ID, 64 hex digits, from your own build.")
@click.option("--program", type=click.Path(path_type=Path, exists=True), help="Or the program itself, or its project.")
@click.option("--guest", "guest_name", metavar="NAME", help="The guest, if the project has several.")
@contract_option
@click.option("--session", "session_id", metavar="ID", help="Verify the receipt of this remote session.")
@click.option("--allow-fake", is_flag=True, help="Accept a dev-mode receipt, which proves nothing.")
@click.option(
    "--journal", "journal_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the journal here."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(
    *,
    receipt_file: Path | None,
    image_id: str | None,
    program: Path | None,
    guest_name: str | None,
    contract_file: Path | None,
    session_id: str | None,
    allow_fake: bool,
    journal_file: Path | None,
    as_json: bool,
) -> None:
    """Verify that a receipt proves a run of one program, and show its journal.

    The image ID must come from your own build or a record you trust, never from whoever sent the receipt. The journal
    of a project's guest is shown decoded too.
    """
    from zkhost.image_id import ImageID
    from zkhost.receipt.receipt import Receipt

    if (image_id is None) == (program is None):
        raise click.UsageError("name the program that it should prove: pass either --image-id or --program")
    if (receipt_file is None) == (session_id is None):
        raise click.UsageError("give a receipt file, or --session ID")
    found, contract = (None, None) if program is None else _program(program, guest_name)
    contract = given_contract(contract_file, guest_name) or contract
    expected = found or ImageID(image_id or "")
    dev_mode_banner()
    receipt = Receipt.load(receipt_file) if receipt_file else _attach(session_id or "", expected)
    receipt.verify(expected, allow_fake=True if allow_fake else None)
    if journal_file:
        journal_file.write_bytes(receipt.journal.bytes)
    if as_json:
        result = {
            "verified": True,
            "kind": str(receipt.kind),
            "image_id": str(expected),
            **journal_json(receipt.journal.bytes, contract),
        }
        click.echo(json.dumps(result, indent=2))
        return
    click.echo(f"verified: a {receipt.kind} receipt of program {expected}")
    click.echo(journal_lines(receipt.journal.bytes, contract))


def _program(program: Path, guest_name: str | None) -> tuple[ImageID, Contract[Any, Any] | None]:
    """Return the program's image ID, and its project's contract."""
    from zkhost.image_id import compute_image_id

    binary, contract = read_guest(program, guest_name)
    return compute_image_id(binary), contract


def _attach(session_id: str, image_id: ImageID) -> Receipt:
    from zkhost.provers.bonsai.bonsai_prover import BonsaiProver

    return BonsaiProver().attach(session_id, image_id=image_id).receipt
