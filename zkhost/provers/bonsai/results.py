"""Converts between zkhost's types and the API's, and verifies receipts."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkhost import _shim
from zkhost.environment import serving
from zkhost.environment.assumption import Assumption
from zkhost.environment.streams import STDIN, STDOUT, InputStream
from zkhost.errors import (
    FakeReceiptError,
    GuestExitError,
    HostIOError,
    ImageIDMismatchError,
    RemoteAnswerError,
    UnsuccessfulExitError,
    UnsupportedError,
    VerificationError,
    VerifierVersionError,
)
from zkhost.image_id import ImageID, compute_image_id
from zkhost.provers.arguments import program_bytes
from zkhost.provers.bonsai import wire
from zkhost.provers.bonsai.remote_session import OnStage, Stage
from zkhost.provers.bonsai.session_store import SessionRecord
from zkhost.provers.bonsai.upload import Body
from zkhost.provers.options import ProverOpts, is_as_small
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import Receipt
from zkhost.session import ExitCode, Journal, OnProgress, Phase, Progress, SessionInfo, SessionStats

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.arguments import Program

_MILLION = 1_000_000
_IN_MEMORY_BYTES = 16 << 20
_CHUNK = 1 << 20

# The states that servers report, as phases of Progress; any other counts as proving.
_PHASES = {"Setup": Phase.QUEUE, "Executor": Phase.EXECUTE} | dict.fromkeys(
    ("Planner", "Recursion", "RecursionJoin", "Resolve", "Finalize"), Phase.COMPRESS
)


@dataclass(frozen=True)
class SessionInput:
    """What a session is started with. `image_id`: 64 hex digits; `assumptions`: bincode, as the API accepts them."""

    image_id: str
    program: Body
    input: Body
    assumptions: tuple[Body, ...]
    session_limit: int | None

    @property
    def limit_in_millions(self) -> int | None:
        """The session limit as the API has it, rounded up so that no server stops a run that is within the limit."""
        return None if self.session_limit is None else -(-self.session_limit // _MILLION)


def session_input(env: ExecutorEnv, program: Program) -> SessionInput:
    """Return what to send for a run. A standard input from a stream is read to its end here.

    Raises UnsupportedError for assumptions that the API cannot carry, and InvalidProgramError for anything but a program.
    """
    binary = program_bytes(program)
    image_id = _image_id(binary)
    stream = env.readers.get(STDIN)
    return SessionInput(
        image_id=image_id,
        program=Body(binary),
        input=Body(env.input) if stream is None else _drained(stream),
        assumptions=tuple(_assumption(item) for item in env.assumptions),
        session_limit=env.session_limit,
    )


def verified(data: bytes | bytearray, record: SessionRecord) -> Receipt:
    """Return the receipt, once verified to prove what the session was to prove.

    Raises a VerificationError or ReceiptFormatError otherwise, and GuestExitError where it proves an exit code that was
    not to be proved.
    """
    receipt = Receipt.from_bytes(bytes(data))
    image_id = ImageID(record.image_id)
    if record.prove_guest_errors:
        claim = receipt.verify_integrity()
        if claim is None:
            raise VerificationError(
                "the receipt's claim is pruned, so which program and exit code it proves is unknown"
            )
        if claim.image_id != image_id:
            raise ImageIDMismatchError(
                f"the receipt proves program {claim.image_id}, not {record.image_id}",
                expected=record.image_id,
                found=str(claim.image_id),
            )
    else:
        try:
            receipt.verify(image_id)
        except UnsuccessfulExitError as exc:
            raise _guest_exit(receipt) from exc
        except VerifierVersionError as exc:
            if any(receipt.verifier_parameters):
                raise
            raise FakeReceiptError(
                "the server only simulates proving: its receipt proves nothing",
                hint="start its workers without RISC0_DEV_MODE and without delays in their pools' profile",
            ) from exc
    if not is_as_small(receipt, ReceiptKind(record.receipt_kind)):
        raise RemoteAnswerError(
            f"a {record.receipt_kind} receipt was requested, but the server returned a {receipt.kind} one"
        )
    return receipt


def session_stats(stats: wire.Stats | None) -> SessionStats:
    """Return the counts of a proved run; all 0 where a server that restarted no longer has them."""
    stats = stats or wire.Stats(0, 0, 0)
    return SessionStats(stats.segments, stats.user_cycles, stats.total_cycles, paging_cycles=None, reserved_cycles=None)


def session_info(status: wire.SessionStatus, journal: bytes, exit_code: ExitCode, elapsed_s: float) -> SessionInfo:
    """Return an execute-only session's result. The API reports neither po2 nor cycles of segments, so there are none."""
    stats = session_stats(status.stats)
    return SessionInfo(
        exit_code=exit_code,
        journal=Journal(journal),
        user_cycles=stats.user_cycles,
        total_cycles=stats.total_cycles,
        paging_cycles=None,
        reserved_cycles=None,
        segments=(),
        elapsed_s=elapsed_s,
    )


def unproved(data: bytes | bytearray) -> tuple[bytes, ExitCode]:
    """Return a receipt's journal and exit code, unverified. Halted(0) where it does not hold how the run ended."""
    receipt = Receipt.from_bytes(bytes(data))
    return receipt.journal.bytes, ExitCode.halted() if receipt.claim is None else receipt.claim.exit_code


def show_output(env: ExecutorEnv, logs: str) -> None:
    """Write the guest's stdout and stderr, which servers merge, to the environment's stdout."""
    serving.writers(env)[STDOUT](logs.encode())


def stage_callback(on_progress: OnProgress | None) -> OnStage | None:
    """Return a callback that turns stages of a session into Progress."""
    return None if on_progress is None else lambda stage: on_progress(progress(stage))


def progress(stage: Stage) -> Progress:
    """Return a stage as Progress. It has segments where the server counts them."""
    state = stage.state
    if stage.name != "session":
        return Progress(Phase.COMPRESS, elapsed_s=stage.elapsed_s)
    if state is None:
        return Progress(Phase.PROVE, elapsed_s=stage.elapsed_s)
    phase = _PHASES.get(state.name, Phase.PROVE)
    if phase is not Phase.PROVE or state.done is None or not state.total:
        return Progress(phase, elapsed_s=stage.elapsed_s)
    remaining = stage.elapsed_s * (state.total - state.done) / state.done if state.done else None
    return Progress(Phase.PROVE, state.done, state.total, elapsed_s=stage.elapsed_s, remaining_s=remaining)


def risc0_version() -> str:
    """Return the risc0 version whose receipts are verified here, which is requested of the server."""
    return str(_shim.build_info()["risc0_version"])


@functools.lru_cache(maxsize=8)
def _image_id(program: bytes) -> str:
    return str(compute_image_id(program))


def _assumption(item: Receipt | Assumption) -> Body:
    """Return bytes that r0vm decodes as a Receipt, Bonsai as an InnerAssumptionReceipt and Bento as either.

    With its claim pruned, a succinct receipt's bincode begins with that of its InnerAssumptionReceipt.
    """
    if isinstance(item, Assumption) or item.kind is not ReceiptKind.SUCCINCT:
        what = "a bare assumption" if isinstance(item, Assumption) else f"a {item.kind} receipt as an assumption"
        raise UnsupportedError(
            f"the Bonsai API cannot carry {what}: it takes succinct receipts",
            asked="add_assumption",
            hint="prove what is assumed with ProverOpts.succinct(), or use the local or ipc prover",
        )
    return Body(_shim.call("receipt_prune", {"receipt": item.to_bytes()})["receipt"])


def _drained(stream: InputStream) -> Body:
    """Read the rest of a stream, onto disk where it is large: it is sent again when a connection breaks."""
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 (closed with the body)
    while chunk := _read(stream):
        file.write(chunk)
    return Body.of_file(file)


def _read(stream: InputStream) -> bytes:
    try:
        return stream.read(_CHUNK)
    except Exception as error:
        raise HostIOError("the stream given as standard input failed", hint="see the cause above") from error


def _guest_exit(receipt: Receipt) -> Exception:
    """Return the error for a run that was proved but did not succeed."""
    try:
        if receipt.claim is not None:
            ProverOpts().require_success(receipt.claim.exit_code)
    except GuestExitError as exc:
        return exc
    return VerificationError("the receipt proves a run that did not end with Halted(0)")
