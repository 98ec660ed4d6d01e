"""The self-describing receipt file: what the receipt is for, in front of its bincode.

    4 bytes   b"ZKR\\x01"
    4 bytes   length of the header, u32 little-endian, at most 64 KiB
    header    JSON: risc0_version, verifier_parameters, kind, image_id (null where the claim is pruned), size
    rest      the receipt in bincode, `size` bytes

The header tells people and tools what to expect before anything is decoded. It is never trusted: a receipt is
verified by its own content, and one that contradicts its header is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zkhost.errors import ReceiptFormatError, VerifierVersionError

MAGIC = b"ZKR\x01"
_MAX_HEADER = 1 << 16


def pack(description: Mapping[str, Any], payload: bytes) -> bytes:
    """Return the file's content: a header that describes the receipt, and the receipt in bincode."""
    header = json.dumps({**description, "size": len(payload)}, separators=(",", ":")).encode()
    return MAGIC + len(header).to_bytes(4, "little") + header + payload


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header, not trusted, and the receipt in bincode. Raises ReceiptFormatError for anything malformed."""
    if not data.startswith(MAGIC):
        raise ReceiptFormatError("not a .zkr file: it does not start with ZKR and its version, 1")
    size = int.from_bytes(data[4:8], "little")
    if len(data) < 8 + size or size > _MAX_HEADER:
        raise ReceiptFormatError(f"its header of {size} bytes is truncated or too long")
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError) as exc:
        raise ReceiptFormatError(f"its header is not JSON: {exc}") from exc
    if not isinstance(header, dict):
        raise ReceiptFormatError("its header is not a JSON object")
    payload = data[8 + size :]
    if header.get("size") != len(payload):
        raise ReceiptFormatError(f"the header promises {header.get('size')} bytes, {len(payload)} follow")
    return header, payload


def check(header: Mapping[str, Any], description: Mapping[str, Any]) -> None:
    """Raise ReceiptFormatError where the header contradicts the receipt that follows it."""
    for name, value in description.items():
        if name != "risc0_version" and header.get(name) != value:
            raise ReceiptFormatError(f"the header states that {name} is {header.get(name)!r}, the receipt {value!r}")


def check_version(header: Mapping[str, Any], risc0_version: str) -> None:
    """Raise VerifierVersionError where the header names another risc0 than this build's."""
    theirs = header.get("risc0_version")
    if theirs != risc0_version:
        raise VerifierVersionError(
            f"the file states that it is of risc0 {theirs}, which this risc0 {risc0_version} cannot read",
            hint=f"verify it with zkhost for risc0 {theirs}",
            expected=risc0_version,
            got=str(theirs),
        )
