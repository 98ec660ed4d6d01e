"""What a verifier accepts, said once and apart from the environment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkhost.errors import FakeReceiptError, PolicyError
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.image_id import ImageIDLike, image_id_bytes

if TYPE_CHECKING:
    from zkhost.receipt.receipt import Receipt

PROOFS = frozenset({ReceiptKind.COMPOSITE, ReceiptKind.SUCCINCT, ReceiptKind.GROTH16})


@dataclass(frozen=True, init=False)
class VerifyPolicy:
    """Which receipts are acceptable, besides being valid. RISC0_DEV_MODE and other variables change nothing here."""

    image_ids: frozenset[bytes] | None
    """The programs accepted; None: whichever `Receipt.verify` is asked about."""
    kinds: frozenset[ReceiptKind]
    """The kinds of receipts accepted; all but FAKE where none are named."""
    verifier_parameters: frozenset[bytes] | None
    """The verifier parameters accepted, digests of 32 bytes; None: those of this build."""
    max_size: int | None
    """The most bytes that the receipt may have in bincode; None: as many as it likes."""
    allow_fake: bool
    """Accept dev-mode receipts too: for tests only."""

    def __init__(
        self,
        *,
        image_ids: Iterable[ImageIDLike] | None = None,
        kinds: Iterable[ReceiptKind | str] = PROOFS,
        verifier_parameters: Iterable[bytes] | None = None,
        max_size: int | None = None,
        allow_fake: bool = False,
    ) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        accepted = frozenset(ReceiptKind(kind) for kind in kinds)
        put("image_ids", None if image_ids is None else frozenset(image_id_bytes(one) for one in image_ids))
        put("kinds", accepted | {ReceiptKind.FAKE} if allow_fake else accepted - {ReceiptKind.FAKE})
        put("verifier_parameters", None if verifier_parameters is None else frozenset(verifier_parameters))
        put("max_size", max_size)
        put("allow_fake", allow_fake)

    def verify(self, receipt: Receipt) -> bytes:
        """Verify a receipt of any of the policy's programs; gives the image ID, 32 bytes, of the one it proves.

        Raises PolicyError and the other VerificationErrors, as `Receipt.verify` does.
        """
        claim = receipt.claim
        if self.image_ids is None or claim is None:
            raise PolicyError(
                "which program is meant is not known: "
                + ("the policy names no image IDs" if self.image_ids is None else "the receipt's claim is pruned"),
                hint="ask about one program: receipt.verify(image_id, policy=policy)",
            )
        receipt.verify(claim.pre, policy=self)
        return claim.pre

    def check(self, receipt: Receipt, image_id: bytes) -> None:
        """Raise PolicyError, or FakeReceiptError, for a receipt outside the policy. Proves nothing."""
        kind = receipt.kind
        if kind is ReceiptKind.FAKE and not self.allow_fake:
            raise FakeReceiptError("this is a dev-mode receipt, which the policy does not allow: it proves nothing")
        if kind not in self.kinds:
            raise PolicyError(f"the receipt is {kind}; the policy accepts {', '.join(sorted(map(str, self.kinds)))}")
        if self.image_ids is not None and image_id not in self.image_ids:
            raise PolicyError(f"the policy does not accept program {image_id.hex()}")
        size = len(receipt.to_bytes())
        if self.max_size is not None and size > self.max_size:
            raise PolicyError(f"the receipt has {size} bytes; the policy accepts {self.max_size}")
        parameters = receipt.verifier_parameters
        if self.verifier_parameters is not None and parameters not in self.verifier_parameters:
            raise PolicyError(f"the policy does not accept verifier parameters {parameters.hex()}")
