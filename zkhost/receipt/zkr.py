"""The self-describing receipt file: what the receipt is for, in front of its bincode.

    4 bytes   b"ZKR\\x01"
    4 bytes   length of the header, u32 little-endian, at most 64 KiB
    header    JSON: risc0_version, verifier_parameters, kind, image_id (null where the claim is pruned), size
    rest      the receipt in bincode, `size` bytes

The header tells people and tools what to expect before anything is decoded. It is never believed: a receipt is
verified by what it is, and one that contradicts its header is refused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zkhost.errors import ReceiptFormatError, VerifierVersionError

if TYPE_CHECKING:
    from zkhost.receipt.receipt import Receipt

MAGIC = b"ZKR\x01"
_MAX_HEADER = 1 << 16


def pack(receipt: Receipt) -> bytes:
    """The file's content."""
    payload = receipt.to_bytes()
    header = json.dumps({**_describe(receipt), "size": len(payload)}, separators=(",", ":")).encode()
    return MAGIC + len(header).to_bytes(4, "little") + header + payload


def unpack(data: bytes) -> Receipt:
    """The receipt of a file. Raises ReceiptFormatError for anything malformed or that contradicts its header, and
    VerifierVersionError where the bytes are no receipt of this risc0 and the header names another one.
    """
    from zkhost.receipt.receipt import Receipt

    header, payload = _split(data)
    if header.get("size") != len(payload):
        raise ReceiptFormatError(f"the header says {header.get('size')} bytes, {len(payload)} follow")
    try:
        receipt = Receipt(payload)
    except ReceiptFormatError as exc:
        _explain_version(header, exc)
        raise
    for name, value in _describe(receipt).items():
        if name != "risc0_version" and header.get(name) != value:
            raise ReceiptFormatError(f"the header says {name} is {header.get(name)!r}, the receipt {value!r}")
    return receipt


def read_header(data: bytes) -> dict[str, Any]:
    """The header alone, unbelieved."""
    return _split(data)[0]


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    if not data.startswith(MAGIC):
        raise ReceiptFormatError("not a .zkr file: it does not start with ZKR and its version, 1")
    size = int.from_bytes(data[4:8], "little")
    if len(data) < 8 + size or size > _MAX_HEADER:
        raise ReceiptFormatError(f"its header of {size} bytes is cut short or too long")
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError) as exc:
        raise ReceiptFormatError(f"its header is not JSON: {exc}") from exc
    if not isinstance(header, dict):
        raise ReceiptFormatError("its header is not a JSON object")
    return header, data[8 + size :]


def _describe(receipt: Receipt) -> dict[str, Any]:
    from zkhost import _shim

    claim = receipt.claim
    return {
        "risc0_version": _shim.build_info()["risc0_version"],
        "verifier_parameters": receipt.verifier_parameters.hex(),
        "kind": str(receipt.kind),
        "image_id": None if claim is None else claim.image_id,
    }


def _explain_version(header: dict[str, Any], exc: ReceiptFormatError) -> None:
    from zkhost import _shim

    ours, theirs = _shim.build_info()["risc0_version"], header.get("risc0_version")
    if theirs != ours:
        raise VerifierVersionError(
            f"the file says it is of risc0 {theirs}, which this risc0 {ours} cannot read",
            hint=f"verify it with zkhost for risc0 {theirs}",
            expected=ours,
            got=str(theirs),
        ) from exc
