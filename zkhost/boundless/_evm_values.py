"""Values of the market's contracts: in JSON as boundless-market's serde writes them, and hashed by EIP-712."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zkhost.errors import MarketFormatError
from zkhost.receipt.evm import keccak256

ADDRESS_BYTES = 20
ZERO_ADDRESS = bytes(ADDRESS_BYTES)
WORD = 32


def hex_text(data: bytes) -> str:
    """Return bytes as JSON has them."""
    return f"0x{data.hex()}"


def hex_bytes(value: object, path: str, *, size: int | None = None) -> bytes:
    """Return the bytes of a hex text, with or without 0x. Raises MarketFormatError, naming the place."""
    if not isinstance(value, str):
        raise MarketFormatError(
            f"{path}: Expected hex digits but got {value!r} (type={type(value).__name__})", path=path
        )
    digits = value.removeprefix("0x")
    try:
        # fromhex skips blanks, which the market does not.
        data = bytes.fromhex(digits if digits.isalnum() or not digits else "?")
    except ValueError:
        raise MarketFormatError(f"{path}: {value!r} is not hexadecimal", path=path) from None
    if size is not None and len(data) != size:
        raise MarketFormatError(f"{path}: {len(data)} bytes, not {size}", path=path)
    return data


def number(value: object, path: str, bits: int) -> int:
    """Return a number of JSON, or that of a text: decimal, or hex with 0x. Raises MarketFormatError if it does not fit."""
    found = value
    if isinstance(value, str) and value.isascii() and value.isalnum():
        try:
            found = int(value, 16 if value.startswith("0x") else 10)
        except ValueError:
            found = None
    if not isinstance(found, int) or isinstance(found, bool):
        raise MarketFormatError(f"{path}: {value!r} is not a whole number", path=path)
    if not 0 <= found < 1 << bits:
        raise MarketFormatError(f"{path}: {found} does not fit the contract's uint{bits}", path=path)
    return found


def address_bytes(value: str | bytes, path: str) -> bytes:
    """Return the 20 bytes of an address: those, or 40 hex digits."""
    return hex_bytes(value if isinstance(value, str) else value.hex(), path, size=ADDRESS_BYTES)


def fields(given: Any, path: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return an object of JSON that has just these fields. A misspelt one would be lost, so it is refused."""
    if not isinstance(given, dict):
        raise MarketFormatError(f"{path or 'a request'}: Expected an object but got {given!r}", path=path)
    for name in names:
        if name not in given:
            raise MarketFormatError(f"{path}.{name} is missing", path=f"{path}.{name}")
    for name in given:
        if name not in names:
            raise MarketFormatError(
                f"{path}.{name} is not a field there", hint=f"there are {', '.join(names)}", path=f"{path}.{name}"
            )
    return given


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object of JSON in which no field occurs twice: which of the two is meant is not known."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MarketFormatError(f".{twice} occurs twice in one object", path=f".{twice}")
    return found


def word(value: int | bytes) -> bytes:
    """Return a number, or an address, as the EVM's word: 32 bytes, the highest first."""
    return value.to_bytes(WORD, "big") if isinstance(value, int) else value.rjust(WORD, b"\0")


def struct_hash(types: str, *values: bytes) -> bytes:
    """Hash a struct by EIP-712: its type, followed by those it holds, and a word for each field."""
    return keccak256(keccak256(types.encode()) + b"".join(values))
