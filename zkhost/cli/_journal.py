"""How commands show a journal: in hexadecimal, and decoded where a contract has its type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zkhost.contract.declare import Contract
from zkhost.errors import DecodeError

_UNDECODED = (DecodeError, RecursionError)

contract_option = click.option(
    "--contract",
    "contract_file",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE|PROJECT",
    help="The contract of the guest of --guest: this contract.py, which is run. It decodes the journal, and encodes --value.",
)


def given_contract(file: Path | None, guest_name: str | None) -> Contract[Any, Any] | None:
    """Return the contract that --contract names."""
    if file is None:
        return None
    from zkhost.project.contracts import find_guests_contract

    return find_guests_contract(file, guest_name)


def journal_lines(
    data: bytes, contract: Contract[Any, Any] | None = None, *, shown: int = 32, chars: int = 2000
) -> str:
    """Return lines as `journal: 8 bytes 8701000000000000`, and below it `decoded: Product(product=391)`."""
    line = f"journal: {len(data):,} bytes {data[:shown].hex()}{'...' if len(data) > shown else ''}"
    if contract is None or contract.journal is None:
        return line
    try:
        text = repr(contract.journal_codec.decode(data))
    except _UNDECODED as error:
        return f"{line}\nnot decoded: {_why(error)}"
    return f"{line}\ndecoded: {text[:chars]}{'...' if len(text) > chars else ''}"


def journal_json(data: bytes, contract: Contract[Any, Any] | None = None) -> dict[str, Any]:
    """`journal` in hexadecimal; with a contract also `decoded`, null with `decode_error` where decoding fails."""
    result: dict[str, Any] = {"journal": data.hex()}
    if contract is not None and contract.journal is not None:
        from zkhost.codec import to_json

        try:
            result["decoded"] = to_json(contract.journal, contract.journal_codec.decode(data))
        except _UNDECODED as error:
            result |= {"decoded": None, "decode_error": _why(error)}
    return result


def _why(error: Exception) -> str:
    return getattr(error, "message", "nested too deep to be shown")
