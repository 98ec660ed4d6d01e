"""What a Model's execute and prove return: a run that proves nothing, and a proof, with the outputs as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zkhost.guest.proof import Proof, Run
from zkhost.ml.journal import Inference

if TYPE_CHECKING:
    from zkhost.guest.guest import Guest
    from zkhost.ml.graph import Array
    from zkhost.provers.options import ProveInfo


class ModelRun(Run[Inference]):
    """A run without a proof. The executor does not check the accelerator's products, so `outputs` are unverified."""

    verified = False

    @property
    def outputs(self) -> Mapping[str, Array]:
        """The outputs by name, as the executor has them. Not proved."""
        return self.journal.outputs

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, UNVERIFIED>"


class ModelProof(Proof[Inference]):
    """A proof of an inference. `input_salt` (hashed inputs only) opens the digest in the journal; it is not in the receipt."""

    def __init__(self, guest: Guest[Any, Inference], info: ProveInfo, input_salt: bytes | None = None) -> None:
        super().__init__(guest, info)
        self.input_salt = input_salt

    @property
    def verified(self) -> bool:
        """False for a receipt of dev mode, which proves nothing."""
        return self.receipt.kind != "fake"

    @property
    def outputs(self) -> Mapping[str, Array]:
        """The outputs by name, in the model's own dtypes and shapes."""
        return self.journal.outputs

    def __repr__(self) -> str:
        return super().__repr__() if self.verified else f"{super().__repr__()[:-1]}, UNVERIFIED>"
