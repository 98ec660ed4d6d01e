"""Aggregated receipts: one claim of many that a single proof covers (risc0-aggregation 0.9).

A set builder, itself a guest, verifies receipts and commits the root of a Merkle tree of their claims. A set
inclusion seal is the path from one claim to that root, and may hold the root's own seal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from zkhost import _config, _shim
from zkhost.image_id import ImageID, ImageIDLike
from zkhost.receipt.evm import SELECTOR_BYTES
from zkhost.session import Journal

if TYPE_CHECKING:
    from zkhost.receipt.receipt import Receipt

SET_BUILDER_V0_9 = ImageID("70909b25db0db00f1d4b4016aeb876f53568a3e5a8e6397cb562d79947a02cc9")
"""The set builder of risc0-aggregation 0.9, as its contracts name it (selector 242f9d5b)."""


@dataclass(frozen=True)
class SetInclusionReceipt:
    """A claim, and the proof that it is in a set of proved claims. Believe neither before `verify` has returned."""

    seal: bytes
    """Selector, Merkle path and perhaps the root's seal, as `SetInclusionReceipt::abi_encode_seal` writes it."""
    journal: Journal
    """What the guest committed."""
    set_builder_id: ImageID = SET_BUILDER_V0_9
    """The program that builds sets; it must come from a source you trust, as an image ID must."""
    root: Receipt | None = None
    """The set builder's receipt, where the seal does not hold the root's."""

    @property
    def selector(self) -> bytes:
        """The four bytes that select the set verifier among contracts."""
        return self.seal[:SELECTOR_BYTES]

    def verify(self, image_id: ImageIDLike, *, allow_fake: bool | None = None) -> Self:
        """Return this receipt only if the set holds "the program with `image_id` ended with Halted(0) and this journal".

        The Merkle path, the root in the set builder's journal and the set builder's own receipt are all verified.
        `allow_fake` is about the latter, as in `Receipt.verify`.

        Raises VerificationError and its subclasses: VerifierVersionError where the seal is for another set builder;
        ReceiptFormatError for anything that is no seal.
        """
        request = {
            "seal": self.seal,
            "image_id": bytes(ImageID(image_id)),
            "journal": self.journal.bytes,
            "set_builder_id": bytes(self.set_builder_id),
            "root": None if self.root is None else self.root.to_bytes(),
            "allow_fake": _config.dev_mode() if allow_fake is None else allow_fake,
        }
        _shim.call("verify_inclusion", request)
        return self
