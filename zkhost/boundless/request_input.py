"""The input of a request: in the request itself, or at a URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from zkhost.boundless._evm_values import fields, hex_bytes, hex_text, struct_hash, word
from zkhost.boundless.guest_env import GuestEnv
from zkhost.errors import MarketFormatError
from zkhost.receipt.evm import keccak256

INPUT_TYPE = "Input(uint8 inputType,bytes data)"
_KINDS = ("Inline", "Url")
"""In the order of the contract's enum."""


@dataclass(frozen=True)
class InputURL:
    """An input that provers download: the file that `GuestEnv.encode` returns, at a public URL."""

    url: str

    def __post_init__(self) -> None:
        check_url(self.url, ".input.data")

    def encode(self) -> bytes:
        """Return the URL's bytes, which take the place of the input in a request."""
        return self.url.encode()


RequestInput: TypeAlias = GuestEnv | InputURL


def check_url(url: str, path: str) -> None:
    """Raise MarketFormatError for what is not an absolute URL."""
    try:
        url.encode()
        parts = urlsplit(url)
    except ValueError as exc:  # a lone surrogate, too
        raise MarketFormatError(f"{path}: {url!r} is not a URL: {exc}", path=path) from exc
    if not parts.scheme or not (parts.netloc or parts.path):
        hint = "provers download it: it begins as https://"
        raise MarketFormatError(f"{path}: {url!r} is not a URL", hint=hint, path=path)


def input_plain(value: RequestInput) -> dict[str, str]:
    """Return the input as JSON has it."""
    return {"inputType": _KINDS[isinstance(value, InputURL)], "data": hex_text(value.encode())}


def input_from_plain(given: Any) -> RequestInput:
    """Read an input from JSON."""
    found = fields(given, ".input", ("inputType", "data"))
    kind, data = found["inputType"], hex_bytes(found["data"], ".input.data")
    if kind not in _KINDS:
        raise MarketFormatError(f".input.inputType: {kind!r} is neither Inline nor Url", path=".input.inputType")
    if kind == _KINDS[0]:
        return GuestEnv.decode(data)
    try:
        return InputURL(data.decode())
    except UnicodeDecodeError as exc:
        raise MarketFormatError(f".input.data: not the UTF-8 of a URL: {exc}", path=".input.data") from exc


def input_hash(value: RequestInput) -> bytes:
    """Return the input's EIP-712 hash (`Input.sol`)."""
    return struct_hash(INPUT_TYPE, word(int(isinstance(value, InputURL))), keccak256(value.encode()))
