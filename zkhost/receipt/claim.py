"""What a receipt claims: which program, how it ended, what it output. Unproved until the receipt is verified."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zkhost.image_id import ImageID
from zkhost.session import ExitCode


class ReceiptKind(enum.StrEnum):
    """How a receipt proves what it claims."""

    COMPOSITE = "composite"
    """A proof for each segment."""
    SUCCINCT = "succinct"
    """One proof, of the same size however long the run was."""
    GROTH16 = "groth16"
    """One proof of a few hundred bytes, for blockchains."""
    FAKE = "fake"
    """No proof: dev mode's."""


@dataclass(frozen=True)
class ReceiptClaim:
    """risc0's ReceiptClaim. Digests are 32 bytes."""

    pre: bytes
    """The digest of the memory at the start: the program's image ID."""
    post: bytes
    """The digest of the memory at the end, all zero after a halt."""
    exit_code: ExitCode
    """How the run ended."""
    input: bytes
    """The input digest that was set for the run, all zero where none was."""
    output: bytes
    """The digest of journal and assumptions together."""
    journal_digest: bytes | None
    """The journal's digest; None where the claim is pruned."""
    assumptions: tuple[bytes, ...] | None
    """The digests of the assumptions left unresolved; None where the claim is pruned."""

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> ReceiptClaim:
        """Build from the shim's ClaimFacts."""
        assumptions = reply["assumptions"]
        return cls(
            pre=reply["pre"],
            post=reply["post"],
            exit_code=ExitCode(*reply["exit_code"]),
            input=reply["input"],
            output=reply["output"],
            journal_digest=reply["journal_digest"],
            assumptions=None if assumptions is None else tuple(assumptions),
        )

    @property
    def image_id(self) -> ImageID:
        """The program's image ID."""
        return ImageID(self.pre)


def ok_claim_digest(image_id: ImageID, journal_digest: bytes) -> bytes:
    """Return the digest of the claim "the program ended with Halted(0) and this journal", 32 bytes.

    As risc0's `ReceiptClaim::ok(image_id, journal).digest()`; `journal_digest` is the journal's SHA-256.
    """
    post = _tagged_struct("risc0.SystemState", [_ZERO], [0])
    output = _tagged_struct("risc0.Output", [journal_digest, _ZERO], [])
    return _tagged_struct("risc0.ReceiptClaim", [_ZERO, bytes(image_id), post, output], [0, 0])


_ZERO = bytes(32)


def _tagged_struct(tag: str, down: list[bytes], data: list[int]) -> bytes:
    """Hash a struct as risc0 does (risc0-binfmt, `tagged_struct`): digests of fields, u32 fields, the former's count."""
    words = b"".join(word.to_bytes(4, "little") for word in data)
    fields = hashlib.sha256(tag.encode()).digest() + b"".join(down) + words + len(down).to_bytes(2, "little")
    return hashlib.sha256(fields).digest()
