"""What a verifier accepts, declared once and apart from the environment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from zkhost.errors import FakeReceiptError, PolicyError
from zkhost.image_id import ImageID, ImageIDLike
from zkhost.receipt.claim import ReceiptClaim, ReceiptKind

PROOFS = frozenset({ReceiptKind.COMPOSITE, ReceiptKind.SUCCINCT, ReceiptKind.GROTH16})


class Verifiable(Protocol):
    """What a policy reads of a Receipt."""

    @property
    def kind(self) -> ReceiptKind: ...
    @property
    def claim(self) -> ReceiptClaim | None: ...
    @property
    def verifier_parameters(self) -> bytes: ...
    def to_bytes(self) -> bytes: ...
    def verify(self, image_id: Any, *, policy: Any) -> Self: ...


R = TypeVar("R", bound=Verifiable)


@dataclass(frozen=True, init=False)
class VerifyPolicy:
    """Which receipts are acceptable, besides being valid. RISC0_DEV_MODE and other variables change nothing here."""

    image_ids: frozenset[ImageID] | None
    """The programs accepted; None: the one that `Receipt.verify` is called with."""
    kinds: frozenset[ReceiptKind]
    """The kinds of receipts accepted; all but FAKE where none are named."""
    verifier_parameters: frozenset[bytes] | None
    """The verifier parameters accepted, digests of 32 bytes; None: those of this build."""
    max_size: int | None
    """The most bytes that the receipt may have in bincode; None: no limit."""
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
        put("image_ids", None if image_ids is None else frozenset(ImageID(one) for one in image_ids))
        put("kinds", accepted | {ReceiptKind.FAKE} if allow_fake else accepted - {ReceiptKind.FAKE})
        put("verifier_parameters", None if verifier_parameters is None else frozenset(verifier_parameters))
        put("max_size", max_size)
        put("allow_fake", allow_fake)

    def verify(self, receipt: R) -> R:
        """Return the receipt if it verifies for one of the policy's programs; `receipt.claim.image_id` says which.

        Raises PolicyError and the other VerificationErrors, as `Receipt.verify` does.
        """
        claim = receipt.claim
        if self.image_ids is None or claim is None:
            raise PolicyError(
                "which program is meant is not known: "
                + ("the policy names no image IDs" if self.image_ids is None else "the receipt's claim is pruned"),
                hint="ask about one program: receipt.verify(image_id, policy=policy)",
            )
        return receipt.verify(claim.image_id, policy=self)

    def check(self, receipt: Verifiable, image_id: ImageIDLike) -> None:
        """Raise PolicyError, or FakeReceiptError, for a receipt outside the policy. Proves nothing."""
        kind, program = receipt.kind, ImageID(image_id)
        if kind is ReceiptKind.FAKE and not self.allow_fake:
            raise FakeReceiptError("this is a dev-mode receipt, which the policy does not allow: it proves nothing")
        if kind not in self.kinds:
            raise PolicyError(f"the receipt is {kind}; the policy accepts {', '.join(sorted(map(str, self.kinds)))}")
        if self.image_ids is not None and program not in self.image_ids:
            raise PolicyError(f"the policy does not accept program {program}")
        size = len(receipt.to_bytes())
        if self.max_size is not None and size > self.max_size:
            raise PolicyError(f"the receipt has {size} bytes; the policy accepts {self.max_size}")
        parameters = receipt.verifier_parameters
        if self.verifier_parameters is not None and parameters not in self.verifier_parameters:
            raise PolicyError(f"the policy does not accept verifier parameters {parameters.hex()}")
