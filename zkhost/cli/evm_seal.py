"""`zkhost evm-seal`: a receipt as a smart contract accepts it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zkhost.cli._help import notes


@click.command(
    name="evm-seal",
    epilog=notes(
        """
        zkhost evm-seal receipt.zkr
        zkhost evm-seal receipt.zkr --calldata --image-id e6990b0dbc2a...
        zkhost evm-seal receipt.zkr --json
        """,
        {0: "done", 1: "the receipt is not groth16, or does not verify"},
    ),
)
@click.argument("receipt_file", metavar="RECEIPT", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--image-id", metavar="HEX", help="Verify against this program first; the calldata needs it.")
@click.option("--calldata", is_flag=True, help="Print the whole call of IRiscZeroVerifier.verify.")
@click.option("--allow-fake", is_flag=True, help="Take a dev-mode receipt, for a mock verifier under test.")
@click.option("--json", "as_json", is_flag=True, help="Print seal, selector, digests and calldata as JSON.")
def evm_seal(*, receipt_file: Path, image_id: str | None, calldata: bool, allow_fake: bool, as_json: bool) -> None:
    """Print a groth16 receipt's seal for a smart contract, in hex: four bytes of selector, then the proof.

    With --image-id the receipt is verified before anything is printed.
    """
    from zkhost.receipt.evm import SELECTOR_BYTES, verify_calldata
    from zkhost.receipt.receipt import Receipt

    if calldata and image_id is None:
        raise click.UsageError("--calldata needs --image-id: the call names the program")
    receipt = Receipt.load(receipt_file)
    seal = receipt.evm_seal(allow_fake=allow_fake)
    if image_id is not None:
        receipt.verify(image_id, allow_fake=True if allow_fake else None)
    digest = receipt.journal.digest
    call = None if image_id is None else verify_calldata(seal, image_id, digest)
    if as_json:
        facts = {
            "seal": seal.hex(),
            "selector": seal[:SELECTOR_BYTES].hex(),
            "journal_digest": digest.hex(),
            "claim_digest": None if receipt.claim_digest is None else receipt.claim_digest.hex(),
            "calldata": None if call is None else call.hex(),
        }
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo(f"0x{(call if calldata and call else seal).hex()}")
