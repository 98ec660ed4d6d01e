"""The formats of receipts in files and buffers: their names, and how a file shows its own."""

from __future__ import annotations

import enum
from pathlib import Path

from zkhost.errors import ConfigError
from zkhost.receipt import zkr


class ReceiptFormat(enum.StrEnum):
    """What `Receipt.to_bytes` and `dump` write and `from_bytes` and `load` read."""

    BINCODE = "bincode"
    """What Rust hosts exchange; the default."""
    BORSH = "borsh"
    """risc0's Borsh form."""
    JSON = "json"
    """risc0's serde_json form, for people and other languages."""
    CBOR = "cbor"
    """What zkVerify and others exchange: the serde form of Rust's ciborium."""
    ZKR = "zkr"
    """bincode with a header that describes it (see docs/wire-formats.md)."""


_SUFFIXES = {
    ".json": ReceiptFormat.JSON,
    ".borsh": ReceiptFormat.BORSH,
    ".cbor": ReceiptFormat.CBOR,
    ".zkr": ReceiptFormat.ZKR,
}


def receipt_format(name: ReceiptFormat | str) -> ReceiptFormat:
    """Return the format of that name. Raises ConfigError, listing them, where there is none."""
    try:
        return ReceiptFormat(name)
    except ValueError:
        raise ConfigError(f"no receipt format {name!r}", hint=f"one of {', '.join(ReceiptFormat)}") from None


def format_of_name(file: Path) -> ReceiptFormat:
    """Return the format that a file's name selects: by .json, .borsh, .cbor and .zkr, else bincode."""
    return _SUFFIXES.get(file.suffix, ReceiptFormat.BINCODE)


def format_of_content(file: Path, data: bytes) -> ReceiptFormat:
    """Return the format of what was read from a file: zkr and JSON are recognised, the name tells the others apart."""
    if data.startswith(zkr.MAGIC):
        return ReceiptFormat.ZKR
    if data[:1] == b"{":
        return ReceiptFormat.JSON
    return format_of_name(file)
