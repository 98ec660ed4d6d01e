"""What all provers have in common: the interface, its options and its results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from zkhost import _notebook
from zkhost.errors import GuestExitError
from zkhost.receipt.claim import ReceiptKind
from zkhost.session import ExitCode, ExitKind, SessionInfo, counted

if TYPE_CHECKING:
    from zkhost._shim import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.receipt.receipt import Receipt


@dataclass(frozen=True)
class ProverOpts:
    """What to prove."""

    receipt_kind: ReceiptKind = ReceiptKind.COMPOSITE
    """SUCCINCT and GROTH16 need risc0's recursion programs."""
    prove_guest_errors: bool = False
    """Also prove runs that end with another exit code than 0; without it they raise GuestExitError."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "receipt_kind", ReceiptKind(self.receipt_kind))

    @classmethod
    def composite(cls) -> ProverOpts:
        """For a composite receipt."""
        return cls(ReceiptKind.COMPOSITE)

    @classmethod
    def succinct(cls) -> ProverOpts:
        """For a succinct receipt."""
        return cls(ReceiptKind.SUCCINCT)

    @classmethod
    def groth16(cls) -> ProverOpts:
        """For a groth16 receipt."""
        return cls(ReceiptKind.GROTH16)


@dataclass(frozen=True)
class Progress:
    """How far the work is. Times in seconds; `segments_total` and `remaining_s` are None where not known yet."""

    phase: str
    """execute, prove, compress, verify; the remote prover adds upload, queue and download."""
    segments_done: int = 0
    segments_total: int | None = None
    user_cycles: int = 0
    elapsed_s: float = 0.0
    remaining_s: float | None = None
    disk_bytes: int | None = None
    """What the checkpoint takes on disk; None without one."""


OnProgress: TypeAlias = Callable[[Progress], object]


@dataclass(frozen=True)
class ProverInfo:
    """Which prover did the work: its name, where it is, the risc0 version it has, and why it was chosen."""

    name: str
    where: str
    version: str
    reason: str


@dataclass(frozen=True)
class SessionStats:
    """Counts of the proved run. Cycles that a prover does not report are None."""

    segments: int
    user_cycles: int
    total_cycles: int | None
    paging_cycles: int | None
    reserved_cycles: int | None

    @classmethod
    def of(cls, session: SessionInfo) -> SessionStats:
        return cls(
            len(session.segments),
            session.user_cycles,
            session.total_cycles,
            session.paging_cycles,
            session.reserved_cycles,
        )


@dataclass(frozen=True)
class ProveInfo:
    """A verified receipt, and how it came about. `elapsed_s` includes everything: executing, proving, verifying."""

    receipt: Receipt
    stats: SessionStats
    prover: ProverInfo
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


@runtime_checkable
class HasProgram(Protocol):
    """A built guest: what `zkhost build` and the methods module give."""

    @property
    def program(self) -> bytes:
        """The program binary."""


Program: TypeAlias = "bytes | HasProgram"


def program_bytes(program: Program) -> bytes:
    """The program binary of whatever names a program. Raises TypeError for anything else."""
    if isinstance(program, bytes | bytearray | memoryview):
        return bytes(program)
    if isinstance(program, HasProgram):
        return program.program
    raise TypeError(f"Expected a program binary (bytes) or a built guest but got program={program!r}")


@runtime_checkable
class Executor(Protocol):
    """Runs guests without proving."""

    name: str

    def execute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> SessionInfo:
        """Run a guest. Raises a GuestError where it panics or is stopped; other exit codes are in the result."""


@runtime_checkable
class Prover(Executor, Protocol):
    """Runs guests and proves the runs. Whatever it returns has been verified here.

    A prover that cannot do all that an environment may ask for says so in `lacks` (zkhost.provers.features);
    zkhost.testing.prover_suite has the tests that every prover passes.
    """

    def prove(
        self,
        env: ExecutorEnv,
        program: Program,
        opts: ProverOpts = ...,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> ProveInfo:
        """Run a guest and prove the run. Raises as `execute` does, and GuestExitError for exit codes other than 0."""

    def compress(self, receipt: Receipt, opts: ProverOpts, *, cancel: CancelToken | None = None) -> Receipt:
        """The same claim in a smaller receipt of `opts.receipt_kind`; a no-op where it is as small already."""


_RANK = {ReceiptKind.COMPOSITE: 0, ReceiptKind.SUCCINCT: 1, ReceiptKind.GROTH16: 2}


def is_as_small(receipt: Receipt, kind: ReceiptKind) -> bool:
    """Whether compressing a receipt to this kind is a no-op. A fake one, where it is accepted at all, passes for any."""
    return receipt.kind is ReceiptKind.FAKE or _RANK[receipt.kind] >= _RANK.get(kind, 0)


def require_success(exit_code: ExitCode, opts: ProverOpts) -> None:
    """Raise GuestExitError unless the run is one to prove: exit code 0, or `prove_guest_errors`."""
    if exit_code.kind in (ExitKind.HALTED, ExitKind.PAUSED) and exit_code.code == 0:
        return
    if not opts.prove_guest_errors:
        raise GuestExitError(
            f"the guest ended with {exit_code}",
            hint="set prove_guest_errors to prove such runs too",
            exit_code=exit_code.code,
        )
