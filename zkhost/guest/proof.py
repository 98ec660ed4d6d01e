"""What a Guest's execute and prove return: a run without a proof, and a proof, both with the journal decoded."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from zkhost import _work

if TYPE_CHECKING:
    from zkhost.image_id import ImageID
    from zkhost.provers.options import ProveInfo, Provenance
    from zkhost.receipt.policy import VerifyPolicy
    from zkhost.receipt.receipt import Receipt
    from zkhost.session import SessionInfo, SessionStats

J = TypeVar("J")
J_co = TypeVar("J_co", covariant=True)


class ProvedProgram(Protocol[J_co]):
    """The guest of a run or a proof, as zkhost.Guest is."""

    name: str

    @property
    def program(self) -> bytes:
        """The program binary."""

    @property
    def image_id(self) -> ImageID:
        """What a receipt is verified against."""

    def decode_journal(self, data: bytes) -> J_co:
        """Return a journal as a value. Raises DecodeError, naming the field."""


class Run(Generic[J]):
    """A run without a proof: what a guest would commit, and what that takes."""

    def __init__(self, guest: ProvedProgram[J], session: SessionInfo) -> None:
        self.guest = guest
        self.session = session

    @cached_property
    def journal(self) -> J:
        """What the guest committed. Not proved. Raises DecodeError, naming the field, where it is something else."""
        return self.guest.decode_journal(self.session.journal.bytes)

    @property
    def user_cycles(self) -> int:
        """The guest's own instructions."""
        return self.session.user_cycles

    def __repr__(self) -> str:
        parts = f"{self.session.user_cycles:,} user cycles, {len(self.session.segments)} segment(s)"
        return f"<Run of {self.guest.name}: {self.session.exit_code}, {parts}>"

    def _repr_html_(self) -> str:
        return self.session._html(f"Run of {self.guest.name}, not proved")


class Proof(Generic[J]):
    """A proof that a guest committed this journal. Call `verify` before believing a proof from elsewhere."""

    def __init__(self, guest: ProvedProgram[J], info: ProveInfo) -> None:
        self.guest = guest
        self.info = info

    @property
    def receipt(self) -> Receipt:
        """The receipt, to dump to a file or send."""
        return self.info.receipt

    @cached_property
    def journal(self) -> J:
        """What the guest committed, decoded. Raises DecodeError, naming the field, where it is something else."""
        return self.guest.decode_journal(self.info.receipt.journal.bytes)

    @property
    def stats(self) -> SessionStats:
        """Cycles and segments of the proved run."""
        return self.info.stats

    @property
    def prover(self) -> Provenance:
        """Which prover made it, and why it was chosen."""
        return self.info.prover

    @property
    def elapsed_s(self) -> float:
        """Seconds it took, all in all."""
        return self.info.elapsed_s

    def verify(self, *, policy: VerifyPolicy | None = None, allow_fake: bool | None = None) -> Self:
        """Return this proof only if the receipt proves this guest's program and this journal.

        Raises VerificationError otherwise, as `Receipt.verify` does.
        """
        self.info.receipt.verify(self.guest.image_id, policy=policy, allow_fake=allow_fake)
        return self

    async def averify(self, *, policy: VerifyPolicy | None = None, allow_fake: bool | None = None) -> Self:
        """As verify, in a thread."""
        return await _work.arun(lambda _: self.verify(policy=policy, allow_fake=allow_fake))

    def __repr__(self) -> str:
        return f"<Proof of {self.guest.name}: {self.receipt!r}, {self.elapsed_s:.1f} s by {self.prover.name}>"

    def _repr_html_(self) -> str:
        return self.info._html(f"Proof of {self.guest.name}")
