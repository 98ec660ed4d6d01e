"""What to prove, and where a proof came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkhost import _config, _notebook
from zkhost.errors import GuestExitError
from zkhost.receipt.claim import ReceiptKind
from zkhost.session import ExitCode, ExitKind, SessionStats, counted

if TYPE_CHECKING:
    from zkhost.receipt.receipt import Receipt


@dataclass(frozen=True)
class ProverOpts:
    """What to prove."""

    receipt_kind: ReceiptKind = ReceiptKind.COMPOSITE
    """SUCCINCT and GROTH16 need risc0's recursion programs."""
    prove_guest_errors: bool = False
    """Also prove runs that end with another exit code than 0; without it they raise GuestExitError."""
    preflight: bool = False
    """Check the witness of every segment before the first is proved: a run whose accelerators were given wrong advice
    then fails in seconds. Changes nothing about the receipt."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "receipt_kind", ReceiptKind(self.receipt_kind))

    @classmethod
    def composite(cls) -> ProverOpts:
        """Return options for a composite receipt."""
        return cls(ReceiptKind.COMPOSITE)

    @classmethod
    def succinct(cls) -> ProverOpts:
        """Return options for a succinct receipt."""
        return cls(ReceiptKind.SUCCINCT)

    @classmethod
    def groth16(cls) -> ProverOpts:
        """Return options for a groth16 receipt."""
        return cls(ReceiptKind.GROTH16)

    @property
    def fake(self) -> bool:
        """Whether a fake receipt is asked for, as everywhere in dev mode."""
        return self.receipt_kind is ReceiptKind.FAKE or _config.dev_mode()

    def require_success(self, exit_code: ExitCode) -> None:
        """Raise GuestExitError unless the run is one to prove: exit code 0, or `prove_guest_errors`."""
        if exit_code.kind in (ExitKind.HALTED, ExitKind.PAUSED) and exit_code.code == 0:
            return
        if not self.prove_guest_errors:
            raise GuestExitError(
                f"the guest ended with {exit_code}",
                hint="set prove_guest_errors to prove such runs too",
                exit_code=exit_code.code,
            )


@dataclass(frozen=True)
class Provenance:
    """Which prover did the work: its name, where it is, the risc0 version it has, and why it was chosen."""

    name: str
    where: str
    version: str
    reason: str


@dataclass(frozen=True)
class ProveInfo:
    """A verified receipt, and how it came about. `elapsed_s` includes everything: executing, proving, verifying."""

    receipt: Receipt
    stats: SessionStats
    prover: Provenance
    elapsed_s: float

    def __repr__(self) -> str:
        took = counted(self.stats.user_cycles, self.stats.segments, self.elapsed_s)
        return f"<ProveInfo {self.receipt!r}, {took} by {self.prover.name}>"

    def _repr_html_(self) -> str:
        return self._html("Proof")

    def _html(self, title: str) -> str:
        prover = self.prover
        rows = [
            ("receipt", f"{self.receipt.kind}, {len(self.receipt.to_bytes()):,} bytes"),
            ("journal", _notebook.data(self.receipt.journal.bytes)),
            ("segments", f"{self.stats.segments:,}"),
            ("user cycles", f"{self.stats.user_cycles:,}"),
            *_notebook.counts(total_cycles=self.stats.total_cycles),
            ("proved in", _notebook.seconds(self.elapsed_s)),
            ("prover", f"{prover.name} ({prover.reason}), {prover.where}, risc0 {prover.version}"),
        ]
        return _notebook.card(title, rows)


_RANK = {ReceiptKind.COMPOSITE: 0, ReceiptKind.SUCCINCT: 1, ReceiptKind.GROTH16: 2}


def is_as_small(receipt: Receipt, kind: ReceiptKind) -> bool:
    """Return whether compressing a receipt to this kind is a no-op. A fake one, where accepted at all, passes for any."""
    return receipt.kind is ReceiptKind.FAKE or _RANK[receipt.kind] >= _RANK.get(kind, 0)
