"""What a proof must state to fulfil a request: a predicate over the program and its journal.

The bytes are those of the market's contracts (`Predicate.sol`), the rules those of boundless-market's `Predicate::eval`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from zkhost.boundless._evm_values import WORD, fields, hex_bytes, hex_text, struct_hash, word
from zkhost.errors import ImageIDMismatchError, JournalMismatchError, MarketFormatError, VerificationError
from zkhost.image_id import ImageID
from zkhost.receipt.claim import ok_claim_digest
from zkhost.receipt.evm import keccak256

_DATA = ".requirements.predicate.data"


def _digest(data: bytes, what: str) -> bytes:
    if len(data) != WORD:
        raise MarketFormatError(f"{what} has {WORD} bytes, not {len(data)}", path=_DATA)
    return bytes(data)


@dataclass(frozen=True)
class DigestMatch:
    """This program, with the journal of this SHA-256: for a result that is known already."""

    kind: ClassVar[str] = "DigestMatch"
    image_id: ImageID
    journal_digest: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_id", ImageID(self.image_id))
        object.__setattr__(self, "journal_digest", _digest(self.journal_digest, "a journal digest"))

    @property
    def data(self) -> bytes:
        """The predicate's data in a request."""
        return bytes(self.image_id) + self.journal_digest

    def check(self, image_id: ImageID, journal: bytes) -> None:
        """Raise ImageIDMismatchError or JournalMismatchError where this is not the program, or not the journal."""
        _check_program(self.image_id, image_id)
        found = hashlib.sha256(journal).digest()
        if found != self.journal_digest:
            raise JournalMismatchError(
                f"the request asks for the journal with digest {self.journal_digest.hex()}; this one's is {found.hex()}"
            )


@dataclass(frozen=True)
class PrefixMatch:
    """This program, with any journal that begins so. An empty prefix accepts whatever the program commits."""

    kind: ClassVar[str] = "PrefixMatch"
    image_id: ImageID
    prefix: bytes = b""

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_id", ImageID(self.image_id))
        object.__setattr__(self, "prefix", bytes(self.prefix))

    @property
    def data(self) -> bytes:
        """The predicate's data in a request."""
        return bytes(self.image_id) + self.prefix

    def check(self, image_id: ImageID, journal: bytes) -> None:
        """Raise ImageIDMismatchError or JournalMismatchError where this is not the program, or not such a journal."""
        _check_program(self.image_id, image_id)
        if not journal.startswith(self.prefix):
            found = journal[: len(self.prefix)].hex()
            raise JournalMismatchError(f"the request asks for a journal that begins {self.prefix.hex()}, not {found}")


@dataclass(frozen=True)
class ClaimDigestMatch:
    """Exactly this claim. Provers may then deliver the seal alone, which costs less: the journal is known here."""

    kind: ClassVar[str] = "ClaimDigestMatch"
    claim_digest: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "claim_digest", _digest(self.claim_digest, "a claim digest"))

    @classmethod
    def of(cls, image_id: ImageID, journal: bytes) -> ClaimDigestMatch:
        """Return the predicate for "this program ended with Halted(0) and this journal"."""
        return cls(ok_claim_digest(image_id, hashlib.sha256(journal).digest()))

    @property
    def data(self) -> bytes:
        """The predicate's data in a request."""
        return self.claim_digest

    def check(self, image_id: ImageID, journal: bytes) -> None:
        """Raise VerificationError where program and journal make another claim."""
        found = ok_claim_digest(image_id, hashlib.sha256(journal).digest())
        if found != self.claim_digest:
            raise VerificationError(
                f"the request asks for the claim {self.claim_digest.hex()}; program {image_id} and this journal make "
                f"{found.hex()}"
            )


Predicate: TypeAlias = DigestMatch | PrefixMatch | ClaimDigestMatch


PREDICATE_TYPE = "Predicate(uint8 predicateType,bytes data)"
_KINDS = (DigestMatch.kind, PrefixMatch.kind, ClaimDigestMatch.kind)
"""In the order of the contract's enum."""


def predicate_plain(predicate: Predicate) -> dict[str, str]:
    """Return the predicate as JSON has it."""
    return {"predicateType": predicate.kind, "data": hex_text(predicate.data)}


def predicate_from_plain(given: Any, path: str) -> Predicate:
    """Read a predicate from JSON. Raises MarketFormatError for an unknown kind, or data of another length."""
    found = fields(given, path, ("predicateType", "data"))
    kind, data = found["predicateType"], hex_bytes(found["data"], f"{path}.data")
    if kind not in _KINDS:
        hint = f"there are {', '.join(_KINDS)}"
        raise MarketFormatError(
            f"{path}.predicateType: {kind!r} is not a kind of predicate", hint=hint, path=f"{path}.predicateType"
        )
    if kind == ClaimDigestMatch.kind:
        return ClaimDigestMatch(data)
    if len(data) < WORD:
        raise MarketFormatError(
            f"{path}.data: it begins with an image ID of {WORD} bytes; there are {len(data)}", path=f"{path}.data"
        )
    image_id, rest = ImageID(data[:WORD]), data[WORD:]
    return DigestMatch(image_id, rest) if kind == DigestMatch.kind else PrefixMatch(image_id, rest)


def predicate_hash(predicate: Predicate) -> bytes:
    """Return the predicate's EIP-712 hash (`Predicate.sol`)."""
    return struct_hash(PREDICATE_TYPE, word(_KINDS.index(predicate.kind)), keccak256(predicate.data))


def _check_program(expected: ImageID, found: ImageID) -> None:
    if found != expected:
        raise ImageIDMismatchError(
            f"the request asks for program {expected}, not {found}", expected=str(expected), found=str(found)
        )
