"""What smart contracts accept: the calldata of `IRiscZeroVerifier.verify` (risc0-ethereum, `IRiscZeroVerifier.sol`)."""

from __future__ import annotations

from zkhost.errors import ConfigError
from zkhost.image_id import ImageID, ImageIDLike

SELECTOR_BYTES = 4
VERIFY_FUNCTION = "verify(bytes,bytes32,bytes32)"
VERIFY_SELECTOR = bytes.fromhex("ab750e75")
"""The first four bytes of Keccak-256 of `VERIFY_FUNCTION`."""

_WORD = 32


def verify_calldata(seal: bytes, image_id: ImageIDLike, journal_digest: bytes) -> bytes:
    """Return the ABI-encoded call `verify(seal, imageId, journalDigest)`, which reverts where the seal is no proof of it.

    `seal` is what `Receipt.evm_seal` returns, `journal_digest` the journal's SHA-256 (`Journal.digest`). Raises
    ConfigError for a digest that is not 32 bytes.
    """
    if len(journal_digest) != _WORD:
        raise ConfigError(f"a journal digest has {_WORD} bytes, not {len(journal_digest)}", hint="use Journal.digest")
    head = (3 * _WORD).to_bytes(_WORD, "big") + bytes(ImageID(image_id)) + journal_digest
    padding = bytes(-len(seal) % _WORD)
    return VERIFY_SELECTOR + head + len(seal).to_bytes(_WORD, "big") + seal + padding


def keccak256(data: bytes) -> bytes:
    """Return the hash that the EVM calls keccak256, 32 bytes."""
    from zkhost import _shim

    digest: bytes = _shim.call("keccak256", {"data": data})["digest"]
    return digest
