"""What a prover delivered for a request: a seal, and, unless the claim was all that was asked for, program and journal.

Nothing in it is worth believing before `Fulfillment.verify` has returned: the market's contracts verify a fulfillment
before they pay for it, and this does so again, on the machine that uses the journal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zkhost.boundless._evm_values import WORD, hex_bytes, number
from zkhost.boundless.predicate import ClaimDigestMatch
from zkhost.boundless.requirements import ANY_PROOF, SET_INCLUSION_V0_9, Requirements
from zkhost.errors import MarketFormatError, VerificationError, VerifierVersionError
from zkhost.image_id import ImageID
from zkhost.receipt.receipt import Receipt
from zkhost.receipt.set_inclusion import SET_BUILDER_V0_9, SetInclusionReceipt
from zkhost.session import Journal

_SELECTOR_BYTES = 4
_NO_DATA, _IMAGE_ID_AND_JOURNAL = 0, 1
"""`FulfillmentDataType` of the contracts."""
_BLAKE3_GROTH16_V0_1 = bytes.fromhex("62f049f6")


@dataclass(frozen=True)
class Fulfillment:
    """A seal as contracts take it, with the program and the journal that it claims to prove."""

    seal: bytes
    """Selector, then the proof: a groth16 proof, or a path into a set that was proved."""
    image_id: ImageID | None = None
    """The program; None where the prover delivered the seal alone."""
    journal: bytes | None = field(default=None, repr=False)
    """What the program is claimed to have committed; None where the prover delivered the seal alone."""

    @property
    def selector(self) -> bytes:
        """The four bytes that select the seal's verifier."""
        return self.seal[:_SELECTOR_BYTES]

    def verify(
        self,
        requirements: Requirements,
        *,
        image_id: ImageID | None = None,
        journal: bytes | None = None,
        root: Receipt | None = None,
        set_builder_id: ImageID = SET_BUILDER_V0_9,
        allow_fake: bool = False,
    ) -> Receipt | SetInclusionReceipt:
        """Return the verified receipt, if it is what the request required; its `journal` may then be believed.

        `requirements` are those of the request as you made it, never as it came back with the fulfillment. `image_id`
        and `journal` are needed where the prover delivered the seal alone, as it may for a ClaimDigestMatch. `root` is the
        set builder's receipt, for a set inclusion seal that does not hold its root's proof: the market publishes the
        root on its chain. Fake receipts are accepted with `allow_fake`, whatever RISC0_DEV_MODE is.

        Raises VerificationError and its subclasses, as `Receipt.verify` does: ImageIDMismatchError and
        JournalMismatchError for another program or journal than required, VerifierVersionError for another selector;
        ReceiptFormatError for a seal that is none.
        """
        program, committed = self._claimed(requirements, image_id, journal)
        requirements.predicate.check(program, committed)
        self._check_selector(requirements.selector)
        if self.selector == SET_INCLUSION_V0_9 or set_builder_id != SET_BUILDER_V0_9:
            inclusion = SetInclusionReceipt(self.seal, Journal(committed), set_builder_id, root)
            return inclusion.verify(program, allow_fake=allow_fake)
        receipt = Receipt.from_evm_seal(self.seal, program, committed)
        return receipt.verify(program, allow_fake=allow_fake)

    def _claimed(
        self, requirements: Requirements, image_id: ImageID | None, journal: bytes | None
    ) -> tuple[ImageID, bytes]:
        """Return the program and the journal that the seal is verified for."""
        if self.image_id is not None and self.journal is not None:
            for name, expected, found in (("program", image_id, self.image_id), ("journal", journal, self.journal)):
                if expected is not None and expected != found:
                    raise VerificationError(f"the fulfillment is of another {name} than the one that verify was given")
            return self.image_id, self.journal
        if not isinstance(requirements.predicate, ClaimDigestMatch):
            raise VerificationError(
                f"the seal was delivered alone: a request with {requirements.predicate.kind} requires program and journal"
            )
        if image_id is None or journal is None:
            raise VerificationError(
                "the seal was delivered alone, so it does not tell the program and the journal",
                hint="pass verify the image_id and the journal from which the claim's digest was computed",
            )
        return image_id, journal

    def _check_selector(self, required: bytes) -> None:
        if self.selector == _BLAKE3_GROTH16_V0_1:
            raise VerifierVersionError(
                "the seal is of the Blake3 variant of groth16, which proves another claim than a receipt's",
                hint="require GROTH16_V3_0 or any proof",
                expected=required.hex(),
                got=self.selector.hex(),
            )
        if required not in (ANY_PROOF, self.selector):
            raise VerifierVersionError(
                f"the request requires a seal for verifier {required.hex()}; this one selects {self.selector.hex()}",
                expected=required.hex(),
                got=self.selector.hex(),
            )

    @classmethod
    def from_contract(cls, data_type: int, data: bytes, seal: bytes) -> Fulfillment:
        """Read the fields of the contracts' `Fulfillment`, as the event `ProofDelivered` holds them.

        `data_type` is its `fulfillmentDataType`, `data` its `fulfillmentData`. Raises MarketFormatError.
        """
        if data_type == _NO_DATA:
            if data:
                raise MarketFormatError(f"{len(data)} bytes of data where there are none", path=".fulfillmentData")
            return cls(bytes(seal))
        if data_type != _IMAGE_ID_AND_JOURNAL:
            path = ".fulfillmentDataType"
            raise MarketFormatError(f"{path}: {data_type} is neither None (0) nor ImageIdAndJournal (1)", path=path)
        image_id, journal = _decode_data(bytes(data))
        return cls(bytes(seal), image_id, journal)

    @classmethod
    def from_cli(cls, text: str) -> Fulfillment:
        """Read what `boundless requestor get-proof` (and `submit --wait`) prints: the data and the seal, each as JSON.

        Raises MarketFormatError where one of the two is missing or damaged.
        """
        data = _after(text, "Fulfillment Data:")
        seal = hex_bytes(_after(text, "Seal:"), ".seal")
        if data == "None":
            return cls(seal)
        values = data.get("ImageIdAndJournal") if isinstance(data, Mapping) and len(data) == 1 else None
        if not isinstance(values, list) or len(values) != 2:
            raise MarketFormatError(
                "the fulfillment data is neither None nor ImageIdAndJournal", path=".fulfillmentData"
            )
        image_id, journal = values
        if not isinstance(image_id, list) or len(image_id) != 8:
            raise MarketFormatError("the image ID is not eight u32 words", path=".fulfillmentData.imageId")
        words = [number(word, ".fulfillmentData.imageId", 32) for word in image_id]
        return cls(seal, ImageID(words), hex_bytes(journal, ".fulfillmentData.journal"))


def _after(text: str, title: str) -> Any:
    """Return the JSON that follows a title on a line of its own."""
    found = re.search(rf"^{re.escape(title)}\s*$", text, re.MULTILINE)
    if found is None:
        raise MarketFormatError(
            f"no {title!r} in the text", hint="pass the whole output of boundless requestor get-proof"
        )
    rest = text[found.end() :].lstrip()
    try:
        return json.JSONDecoder().raw_decode(rest)[0]
    except (ValueError, RecursionError) as exc:
        raise MarketFormatError(f"what follows {title!r} is not JSON: {exc}") from exc


def _decode_data(data: bytes) -> tuple[ImageID, bytes]:
    """Decode the ABI encoding of `(bytes32 imageId, bytes journal)`, only as ABI encoders write it."""
    path = ".fulfillmentData"
    head = [int.from_bytes(data[at : at + WORD], "big") for at in (0, 2 * WORD, 3 * WORD)]
    if len(data) < 4 * WORD or head[:2] != [WORD, 2 * WORD]:
        raise MarketFormatError("not the ABI encoding of an image ID and a journal", path=path)
    size, rest = head[2], data[4 * WORD :]
    if size > len(rest) or len(rest) != size + -size % WORD or any(rest[size:]):
        raise MarketFormatError(f"a journal of {size} bytes does not take the {len(rest)} that follow", path=path)
    return ImageID(data[WORD : 2 * WORD]), rest[:size]
