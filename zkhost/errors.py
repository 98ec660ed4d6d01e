"""Every error zkhost raises.

    ZkhostError
    ├── ConfigError                    an environment variable or option with an unknown, half-set or out-of-range value
    ├── SchemaError (TypeError)        an annotation that has no wire form; raised at declaration
    ├── CodecError (ValueError)
    │   ├── EncodeError                a value that does not fit its type
    │   └── DecodeError                words that are not a value of the type
    ├── ShimError                      the native library is missing, or answered what it must not
    │   └── InternalError              a panic inside the native library, caught there
    ├── BuildError
    │   ├── ToolchainError             no guest toolchain, or one that cannot build guests
    │   ├── GuestNotFoundError         no such guest package or bin in the project
    │   ├── CargoError                 cargo failed; its own output was shown
    │   ├── ContractError              no contract, one that cannot be run, or one for a guest that is not there
    │   └── DriftError                 what was built differs from what is recorded
    │       └── ContractDriftError     the guest was built with other types than the host has
    ├── ScaffoldError                  bad project name, existing folder, missing template
    ├── ProfileError                   a profile that cannot be read, or that a run did not write
    ├── ModelError                     something is wrong with a model, or with what it was given
    │   ├── ModelFormatError           not a model file, a truncated one, or one that contradicts itself
    │   ├── UnsupportedModelError      an operator, attribute or form that is not taken, named with its node
    │   ├── ModelInputError            an input array of another name, dtype or shape
    │   ├── InferenceError             the model has no result on this input
    │   └── ModelMismatchError         two computations of the model differ: the first layer and element
    ├── GuestError                     the guest, or what it was given, made the run end badly
    │   ├── InvalidProgramError        not a program binary this risc0 runs
    │   ├── GuestPanicError            the guest panicked
    │   ├── GuestExitError             the guest ended with a non-zero exit code
    │   ├── GuestFaultError            the guest did what the machine forbids (bad address, unknown system call)
    │   ├── SessionLimitError          more cycles than session_limit allows
    │   └── HostIOError                a reader, writer or slice_io handler given by the host failed
    ├── StorageError
    │   ├── CheckpointError            a checkpoint folder that is in use, is not one, or does not fit this run
    │   └── CacheError                 a receipt cache that cannot be opened or written
    ├── ProverError
    │   ├── ProverUnavailableError     the chosen prover is not here (no r0vm, a build without `prove`)
    │   ├── RecursionUnavailableError  this build lacks the recursion programs: no succinct or groth16 receipts
    │   ├── ServerError                r0vm did not start, died, hung or broke the protocol
    │   │   └── ServerVersionError     r0vm of another version
    │   ├── RemoteError                the remote prover refused, failed or answered nonsense
    │   │   ├── RemoteUnavailableError it could not be reached, or kept failing, for longer than we retry
    │   │   ├── RemoteRefusedError     it said no: bad key, over quota, not served there
    │   │   ├── RemoteAnswerError      its answer is not one: malformed, truncated, too large, a forbidden redirect
    │   │   ├── RemoteSessionError     the remote session itself failed, was aborted or is unknown
    │   │   └── DeadlineError (TimeoutError)
    │   ├── OutOfMemoryError           proving needs more memory than there is, even with the smallest segments
    │   ├── WorkerLostError            a piece of a proof was lost with its worker, more often than we retry
    │   ├── ClusterError               an r0vm cluster did not start, or lost a process
    │   ├── UnsupportedError           the prover cannot do what the environment or the options ask for
    │   └── CancelledError             cancelled by the caller; nothing was returned
    └── ReceiptError
        ├── ReceiptFormatError         bytes that are not a receipt
        └── VerificationError          the receipt does not prove what was asked
            ├── ImageIDMismatchError   it proves another program
            ├── JournalMismatchError   its journal is not the one that was proved
            ├── InvalidSealError       its seal does not prove its claim
            ├── UnsuccessfulExitError  it proves a run that did not end with Halted(0)
            ├── FakeReceiptError       a dev-mode receipt, which proves nothing
            ├── VerifierVersionError   made for other verifier parameters (another risc0 version)
            └── PolicyError            valid, but outside the caller's VerifyPolicy

Each carries `hint`, what to do next, and points to its section of the documentation.
"""

from __future__ import annotations

from typing import Any


class ZkhostError(Exception):
    """Base of all errors of zkhost.

    `message` says what happened, with the value and the place; `hint` says what to do next.
    Further facts are keyword arguments, kept as attributes.
    """

    message: str
    hint: str | None

    def __init__(self, message: str, *, hint: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.message}{hint}\n  see: docs/errors.md#{type(self).__name__.lower()}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.facts)


def _rebuild(cls: type[ZkhostError], message: str, hint: str | None, facts: dict[str, Any]) -> ZkhostError:
    return cls(message, hint=hint, **facts)


class ConfigError(ZkhostError):
    """An environment variable or option with an unknown, half-set or out-of-range value."""


class SchemaError(ZkhostError, TypeError):
    """An annotation that has no wire form. Raised when the codec is made, naming the field and the fix."""


class CodecError(ZkhostError, ValueError):
    """A value and its wire form do not agree. `path` is where, as in `.orders[3].price`."""

    path: str


class EncodeError(CodecError):
    """A value that does not fit its type: `path`, `expected`, `found`."""

    expected: str
    found: str


class DecodeError(CodecError):
    """Words that are not a value of the type: `path`, `offset` (in words), `expected`, `found`."""

    offset: int
    expected: str
    found: str


class ShimError(ZkhostError):
    """The native library is missing, or answered what it must not."""


class InternalError(ShimError):
    """A panic inside the native library, caught there. Always worth a bug report."""


class BuildError(ZkhostError):
    """A guest could not be built."""


class ToolchainError(BuildError):
    """No guest toolchain was found, or the one found cannot build guests."""


class GuestNotFoundError(BuildError):
    """The project has no such guest package or bin."""


class CargoError(BuildError):
    """cargo failed; its own output was shown as it came."""


class DriftError(BuildError):
    """What was built differs from what is recorded."""


class ContractError(BuildError):
    """A project's contract is missing, cannot be run, or speaks of a guest that the project does not have."""


class ContractDriftError(DriftError):
    """The guest was built with another contract than the host has: `differences`, each naming the type and the field.

    Found by looking into the program binary, before anything runs.
    """

    differences: tuple[str, ...]


class ScaffoldError(ZkhostError):
    """A project could not be made: bad name, existing folder, missing template. Nothing was written."""


class ProfileError(ZkhostError):
    """A profile cannot be read, or the run that should have written it did not."""


class ModelError(ZkhostError):
    """Something is wrong with a model, or with what it was given.

    Where it is about one operator: `node` its name in the file, `operator` with its domain, `opset` of that domain,
    `expected` what would be taken. Empty, or 0, elsewhere.
    """

    node: str = ""
    operator: str = ""
    opset: int = 0
    expected: str = ""


class ModelFormatError(ModelError):
    """Not a model file, a truncated one, or one that contradicts itself."""


class UnsupportedModelError(ModelError):
    """An operator, attribute, shape or form that is not taken."""


class ModelInputError(ModelError, ValueError):
    """An input array has another name, dtype or shape than the model's input."""


class InferenceError(ModelError):
    """The model has no result on this input: a sum leaves int32, an index is outside its table, a NaN is quantised."""


class PlanError(ModelError):
    """A compiled model is not one, or has an operation that the interpreter refuses: `operation` is its position, or None."""

    operation: int | None = None


class ModelMismatchError(ModelError):
    """Two computations of the model differ: `node`, `tensor`, `index` (flat), `left` and `right` there, `differing`."""

    tensor: str = ""
    index: int = 0
    left: float = 0
    right: float = 0
    differing: int = 0


class GuestError(ZkhostError):
    """The guest, or what it was given, made the run end badly."""


class InvalidProgramError(GuestError):
    """The bytes are not a program binary this version of risc0 runs."""


class GuestPanicError(GuestError):
    """The guest panicked.

    `panic` is its message, `stderr` the tail of what it printed, `input_read` and `input_left` how many bytes of its
    standard input it had read and left.
    """

    panic: str
    stderr: str
    input_read: int
    input_left: int


class GuestExitError(GuestError):
    """The guest ended with a non-zero exit code: `exit_code`."""

    exit_code: int


class GuestFaultError(GuestError):
    """The guest did what the machine forbids: a bad address, an illegal instruction, an unknown system call."""


class SessionLimitError(GuestError):
    """The guest needs more cycles than `session_limit` allows."""


class HostIOError(GuestError):
    """A reader, writer or slice_io handler given by the host failed; the cause is chained."""


class StorageError(ZkhostError):
    """Something that was kept on disk is in the way or missing."""


class CheckpointError(StorageError):
    """A checkpoint folder that another process uses, that is none, or that does not fit this run."""


class CacheError(StorageError):
    """A receipt cache that cannot be opened or written."""


class ProverError(ZkhostError):
    """A prover could not do its work."""


class ProverUnavailableError(ProverError):
    """The chosen prover is not here: no r0vm on any path tried, or a build without the in-process prover."""


class RecursionUnavailableError(ProverError):
    """This build lacks the recursion programs, so it makes no succinct or groth16 receipts."""


class ServerError(ProverError):
    """r0vm did not start, died, hung or broke the protocol."""


class ServerVersionError(ServerError):
    """r0vm is of another version than this build speaks: `expected`, `got`."""

    expected: str
    got: str


class RemoteError(ProverError):
    """The remote prover refused, failed or answered nonsense. `session_id`, where one exists, lets you attach again."""

    session_id: str


class RemoteUnavailableError(RemoteError):
    """The remote prover could not be reached, or kept failing, for longer than the retry policy allows.

    `status_code` is its last HTTP status, None where it did not answer at all.
    """

    status_code: int | None


class RemoteRefusedError(RemoteError):
    """The remote prover said no (HTTP 4xx): `status_code`."""

    status_code: int


class RemoteAnswerError(RemoteError):
    """The remote prover's answer is not one: malformed, truncated, too large, or it sends us where we do not go."""


class RemoteSessionError(RemoteError):
    """The remote session itself failed, was aborted or is unknown to the server: `session_id`, `status`."""

    status: str


class DeadlineError(RemoteError, TimeoutError):
    """The remote prover did not answer, or did not finish, in time. `session_id` lets you attach again."""


class OutOfMemoryError(ProverError):
    """Proving needs more memory than there is, even with the smallest segments: `segment_limit_po2`, the last tried."""

    segment_limit_po2: int


class WorkerLostError(ProverError):
    """A piece of a proof was lost with its worker, more often than we retry: `piece`, `attempts`."""

    piece: str
    attempts: int


class ClusterError(ProverError):
    """An r0vm cluster did not start, or lost a process."""


class UnsupportedError(ProverError):
    """The prover cannot do what the environment or the options ask for; `asked` names it. Nothing was started."""

    asked: str


class CancelledError(ProverError):
    """The caller cancelled; nothing was returned."""


class ReceiptError(ZkhostError):
    """Something is wrong with a receipt."""


class ReceiptFormatError(ReceiptError):
    """The bytes are not a receipt in the format asked for."""


class VerificationError(ReceiptError):
    """The receipt does not prove what was asked."""


class ImageIDMismatchError(VerificationError):
    """The receipt proves another program: `expected`, `found` (64 hex digits each)."""

    expected: str
    found: str


class JournalMismatchError(VerificationError):
    """The journal is not the one that was proved: somebody changed it, or joined it to another receipt."""


class InvalidSealError(VerificationError):
    """The seal, the proof itself, does not prove the receipt's claim."""


class UnsuccessfulExitError(VerificationError):
    """The receipt proves a run that did not end with Halted(0): `exit_code`."""

    exit_code: str


class FakeReceiptError(VerificationError):
    """A dev-mode receipt, which proves nothing."""


class VerifierVersionError(VerificationError):
    """The receipt was made for other verifier parameters, as another risc0 version has: `expected`, `got`."""

    expected: str
    got: str


class PolicyError(VerificationError):
    """The receipt is valid, but outside the caller's VerifyPolicy."""
