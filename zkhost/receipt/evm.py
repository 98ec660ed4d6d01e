"""Receipts for smart contracts: seals, and the calldata of `IRiscZeroVerifier.verify`.

The encodings are risc0-ethereum's: `contracts/src/lib.rs` (encode_seal), `contracts/src/IRiscZeroVerifier.sol`. The
seal of a groth16 receipt is its selector, the first four bytes of the verifier parameters, and 256 bytes of proof.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from zkhost import _shim
from zkhost.errors import UnsupportedError
from zkhost.receipt.claim import ReceiptKind
from zkhost.image_id import ImageID, ImageIDLike

if TYPE_CHECKING:
    from zkhost.receipt.receipt import Receipt

SELECTOR_BYTES = 4
VERIFY_FUNCTION = "verify(bytes,bytes32,bytes32)"
VERIFY_SELECTOR = bytes.fromhex("ab750e75")
"""The first four bytes of Keccak-256 of `VERIFY_FUNCTION`, as in the ABI of IRiscZeroVerifier."""

_WORD = 32


def evm_seal(receipt: Receipt, *, allow_fake: bool = False) -> bytes:
    """Return the seal that a verifier contract takes: selector (4 bytes) and proof.

    A groth16 receipt's is 260 bytes. A fake receipt's, for contracts under test that accept it (RiscZeroMockVerifier),
    is ffffffff and the claim's digest, and only returned where `allow_fake` is true.

    Raises UnsupportedError for composite and succinct receipts, and for fake ones that are not allowed.
    """
    if receipt.kind is ReceiptKind.FAKE and not allow_fake:
        raise UnsupportedError(
            "a fake receipt proves nothing, and so has no seal", hint="allow_fake=True, for a mock verifier under test"
        )
    if receipt.kind not in {ReceiptKind.GROTH16, ReceiptKind.FAKE}:
        raise UnsupportedError(
            f"a {receipt.kind} receipt has no seal for a contract: it needs a groth16 receipt",
            hint="compress it: prover.compress(receipt, ReceiptKind.GROTH16)",
        )
    seal: bytes = _shim.call("evm_seal", {"receipt": receipt.to_bytes()})["seal"]
    return seal


def journal_digest(journal: bytes) -> bytes:
    """Return the journal's digest as contracts compute it: SHA-256, 32 bytes."""
    return hashlib.sha256(journal).digest()


def verify_calldata(seal: bytes, image_id: ImageIDLike, digest: bytes) -> bytes:
    """Return the ABI-encoded call `IRiscZeroVerifier.verify(seal, imageId, journalDigest)`.

    `digest` is the journal's, 32 bytes. The call reverts where the seal does not prove this.
    """
    head = (3 * _WORD).to_bytes(_WORD, "big") + bytes(ImageID(image_id)) + digest
    padding = bytes(-len(seal) % _WORD)
    return VERIFY_SELECTOR + head + len(seal).to_bytes(_WORD, "big") + seal + padding


def receipt_from_seal(seal: bytes, image_id: ImageIDLike, journal: bytes) -> Receipt:
    """Return the receipt that a contract's seal, a program and a journal make; it is not verified.

    Raises VerifierVersionError where the seal selects another verifier than this build's (its `got` is the selector),
    and ReceiptFormatError for anything that is no seal.
    """
    from zkhost.receipt.receipt import Receipt

    request = {"seal": seal, "image_id": bytes(ImageID(image_id)), "journal": journal}
    return Receipt(_shim.call("receipt_from_seal", request)["receipt"])
