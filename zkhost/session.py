"""What a run of a guest was: exit code, journal, cycles, segments."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from zkhost import _notebook
from zkhost.image_id import ImageID

if TYPE_CHECKING:
    from zkhost.codec import WireFormat

T = TypeVar("T")


class Journal:
    """What a guest committed. Proved with the receipt it comes from; unproved in a SessionInfo."""

    __slots__ = ("bytes",)

    def __init__(self, data: bytes) -> None:
        self.bytes: bytes = data

    @overload
    def decode(self, type: type[T], format: WireFormat | str = ..., *, strict: bool = ...) -> T: ...
    @overload
    def decode(self, type: Any, format: WireFormat | str = ..., *, strict: bool = ...) -> Any: ...
    def decode(self, type: Any, format: WireFormat | str = "standard", *, strict: bool = True) -> Any:
        """Decode the journal as a value of `type`, as the guest wrote it with `env::commit` (the standard format).

        Raises DecodeError, naming the field and the word, where the bytes are not such a value.
        """
        from zkhost import codec

        return codec.decode(type, self.bytes, format=format, strict=strict)

    @property
    def digest(self) -> bytes:
        """Its SHA-256, 32 bytes: what the claim and smart contracts hold in its place."""
        return hashlib.sha256(self.bytes).digest()

    def __bytes__(self) -> bytes:
        return self.bytes

    def __len__(self) -> int:
        return len(self.bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Journal) and self.bytes == other.bytes

    def __hash__(self) -> int:
        return hash(self.bytes)

    def __repr__(self) -> str:
        shown = self.bytes[:16].hex() + ("..." if len(self.bytes) > 16 else "")
        return f"Journal({len(self.bytes)} bytes: {shown})"


class ExitKind(enum.StrEnum):
    """The ways in which a run can end, named as risc0's ExitCode names them."""

    HALTED = "Halted"
    """The guest ended by itself."""
    PAUSED = "Paused"
    """The guest paused itself, and could go on."""
    SYSTEM_SPLIT = "SystemSplit"
    """The end of a segment that is not the last."""
    SESSION_LIMIT = "SessionLimit"
    """The run needed more cycles than allowed."""


@dataclass(frozen=True)
class ExitCode:
    """How a run ended."""

    kind: ExitKind
    """In which way; text is converted."""
    code: int
    """The guest's own number, where it halted or paused."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", ExitKind(self.kind))

    @classmethod
    def halted(cls, code: int = 0) -> ExitCode:
        """Return Halted with that number."""
        return cls(ExitKind.HALTED, code)

    @property
    def ok(self) -> bool:
        """Whether it is Halted(0), the only end that `Receipt.verify` accepts."""
        return self.kind is ExitKind.HALTED and self.code == 0

    def __str__(self) -> str:
        return f"{self.kind}({self.code})"


@dataclass(frozen=True)
class SegmentInfo:
    """A segment of a run: it is proved in 2**po2 rows, of which `cycles` are the guest's own instructions.

    `paging_cycles` move memory pages in and out; None where the prover does not report them.
    """

    index: int
    po2: int
    cycles: int
    paging_cycles: int | None = None


@dataclass(frozen=True)
class EcallCount:
    """How often a guest made one kind of ecall, and the cycles these took."""

    count: int
    cycles: int


def counted(user_cycles: int, segments: int, elapsed_s: float) -> str:
    """Return text such as `4,242 user cycles in 1 segment, 0.02 s`."""
    return f"{user_cycles:,} user cycles in {segments:,} segment{'' if segments == 1 else 's'}, {elapsed_s:.2f} s"


@dataclass(frozen=True)
class SessionInfo:
    """A run without a proof. Cycles: user (the guest's instructions), paging, reserved (padding and the like), total.

    Numbers that a prover does not report are None: r0vm reports user cycles only, the remote prover user and total.
    """

    exit_code: ExitCode
    journal: Journal
    user_cycles: int
    total_cycles: int | None
    paging_cycles: int | None
    reserved_cycles: int | None
    segments: tuple[SegmentInfo, ...]
    elapsed_s: float
    input_read: int | None = None
    """Bytes of standard input that the guest read."""
    input_left: int | None = None
    """Bytes it left; None for a stream."""
    claim: bytes | None = None
    """Digest of the claim that proving this run proves, 32 bytes."""
    image_id: ImageID | None = None
    """The program's image ID; None where the prover does not report it."""
    keccak_po2s: tuple[int, ...] = ()
    """Sizes of the keccak batches that are proved beside the segments, each in 2**po2 rows."""
    ecalls: Mapping[str, EcallCount] | None = None
    """Calls into the machine by risc0's names: BigInt, Poseidon2, Read, Sha2, Terminate, User, Write. None where the prover
    does not report them, as r0vm."""
    syscalls: Mapping[str, int] | None = None
    """Calls to the host by risc0's names: Keccak, ProveKeccak, Read, VerifyIntegrity, VerifyIntegrity2, Write."""
    record: bytes = field(default=b"", repr=False)
    """What the prover needs to assemble a receipt; opaque."""

    def __repr__(self) -> str:
        took = counted(self.user_cycles, len(self.segments), self.elapsed_s)
        return f"<SessionInfo {self.exit_code}, {self.journal!r}, {took}>"

    def _html(self, title: str) -> str:
        rows = [
            ("exit code", str(self.exit_code)),
            ("journal", _notebook.data(self.journal.bytes)),
            ("user cycles", f"{self.user_cycles:,}"),
            *_notebook.counts(
                paging_cycles=self.paging_cycles, reserved_cycles=self.reserved_cycles, total_cycles=self.total_cycles
            ),
            ("executed in", _notebook.seconds(self.elapsed_s)),
        ]
        return _notebook.card(title, rows, [(s.index, s.po2, s.cycles) for s in self.segments])

    def _repr_html_(self) -> str:
        return self._html("Session, not proved")

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> SessionInfo:
        """Build from the reply of the shim's `execute`."""
        calls = reply["calls"]
        return cls(
            exit_code=ExitCode(*reply["exit_code"]),
            journal=Journal(reply["journal"] or b""),
            user_cycles=reply["user_cycles"],
            total_cycles=reply["total_cycles"],
            paging_cycles=reply["paging_cycles"],
            reserved_cycles=reply["reserved_cycles"],
            segments=tuple(SegmentInfo(**segment) for segment in reply["segments"]),
            elapsed_s=reply["elapsed_s"],
            input_read=reply["input_read"],
            input_left=reply["input_left"],
            claim=reply["claim"],
            image_id=ImageID(reply["image_id"]) if reply["image_id"] else None,
            keccak_po2s=tuple(reply["keccaks"]),
            ecalls=None if calls is None else {name: EcallCount(*each) for name, each in calls["ecalls"].items()},
            syscalls=None if calls is None else dict(calls["syscalls"]),
            record=reply["session"],
        )


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
        """Return the counts of a run."""
        return cls(
            len(session.segments),
            session.user_cycles,
            session.total_cycles,
            session.paging_cycles,
            session.reserved_cycles,
        )


class Phase(enum.StrEnum):
    """What a prover is doing. UPLOAD, QUEUE and DOWNLOAD are the remote prover's."""

    UPLOAD = "upload"
    QUEUE = "queue"
    EXECUTE = "execute"
    PREFLIGHT = "preflight"
    """Checks each segment's witness before any is proved (`ProverOpts.preflight`)."""
    PROVE = "prove"
    COMPRESS = "compress"
    DOWNLOAD = "download"
    VERIFY = "verify"


@dataclass(frozen=True)
class Progress:
    """How far the work is. Times in seconds; `segments_total` and `remaining_s` are None where not known yet."""

    phase: Phase
    segments_done: int = 0
    segments_total: int | None = None
    user_cycles: int = 0
    elapsed_s: float = 0.0
    remaining_s: float | None = None
    disk_bytes: int | None = None
    """What the checkpoint takes on disk; None without one."""


OnProgress: TypeAlias = Callable[[Progress], object]
