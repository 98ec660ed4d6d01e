"""Every error zkhost raises.

    ZkhostError
    ├── ConfigError                    an environment variable or option with an unknown, half-set or out-of-range value
    ├── SchemaError (TypeError)        an annotation that has no wire form; raised at declaration
    ├── CodecError (ValueError)
    │   ├── EncodeError                a value that does not fit its type
    │   └── DecodeError                words that are not a value of the type
    ├── ShimError                      the native library is missing, or returned an invalid reply
    │   └── InternalError              a panic inside the native library, caught there
    ├── BuildError
    │   ├── ToolchainError             no guest toolchain, or one that cannot build guests
    │   ├── GuestNotFoundError         no such guest package or bin in the project
    │   ├── CargoError                 cargo failed; its own output was shown
    │   ├── ContractError              no contract, one that cannot be run, or one for a missing guest
    │   └── DriftError                 what was built differs from what is recorded
    │       └── ContractDriftError     the guest was built with types other than the host's
    ├── ScaffoldError                  bad project name, existing folder, missing template
    ├── ProfileError                   a profile that cannot be read, or that a run did not write
    ├── ModelError                     something is wrong with a model, or with its input
    │   ├── ModelFormatError           not a model file, a truncated one, or one that contradicts itself
    │   ├── UnsupportedModelError      an unsupported operator, attribute or form, named with its node
    │   ├── ModelInputError (ValueError)  an input array of another name, dtype or shape
    │   ├── InferenceError             the model has no result on this input
    │   ├── PlanError                  a compiled model that breaks a rule of the interpreter
    │   ├── AccuracyError              the model classifies fewer samples rightly than is to be proved
    │   └── ModelMismatchError         two computations of the model differ: the first layer and element
    ├── MarketFormatError (ValueError)  an input file, request or fulfillment of a proof market that is malformed
    ├── GuestError                     the guest, or its input, made the run fail
    │   ├── InvalidProgramError        not a program binary this risc0 runs
    │   ├── GuestPanicError            the guest panicked
    │   ├── GuestExitError             the guest ended with a non-zero exit code
    │   ├── GuestFaultError            the guest did what the machine forbids (bad address, unknown system call)
    │   ├── SessionLimitError          more cycles than session_limit allows
    │   └── HostIOError                a reader, writer or slice_io handler of the host failed
    ├── StorageError
    │   ├── CheckpointError            a checkpoint folder in use, invalid, or not matching this run
    │   └── CacheError                 a receipt cache that cannot be opened or written
    ├── ProverError
    │   ├── ProverUnavailableError     the chosen prover is not available (no r0vm, a build without `prove`)
    │   ├── RecursionUnavailableError  this build lacks the recursion programs: no succinct or groth16 receipts
    │   ├── ServerError                r0vm did not start, died, hung or broke the protocol
    │   │   └── ServerVersionError     r0vm of another version
    │   ├── RemoteError                the remote prover refused, failed or sent an invalid answer
    │   │   ├── RemoteUnavailableError it could not be reached, or kept failing, for longer than the retry policy allows
    │   │   ├── RemoteRefusedError     it refused: bad key, over quota, not served there
    │   │   ├── RemoteAnswerError      its answer is invalid: malformed, truncated, too large, a forbidden redirect
    │   │   ├── RemoteSessionError     the remote session itself failed, was aborted or is unknown
    │   │   └── DeadlineError (TimeoutError)
    │   ├── MissingAssumptionError     the guest relies on a claim whose receipt was not supplied
    │   ├── OutOfMemoryError           proving needs more memory than is available, even with the smallest segments
    │   ├── WorkerLostError            a job of a proof was lost with its worker, more often than the retry limit allows
    │   ├── ClusterError               an r0vm cluster did not start, or lost a process
    │   ├── UnsupportedError           the prover cannot do what the environment or the options ask for
    │   └── CancelledError             cancelled by the caller; nothing was returned
    └── ReceiptError
        ├── ReceiptFormatError         bytes that are not a receipt
        └── VerificationError          the receipt does not prove what was asked
            ├── ImageIDMismatchError   it proves another program
            ├── JournalMismatchError   its journal is not the one that was proved
            ├── DigestMismatchError    its journal commits to another model, weight or dataset
            ├── ChainError             receipts of a model's parts that are not those of one run
            ├── InvalidSealError       its seal does not prove its claim
            ├── UnsuccessfulExitError  it proves a run that did not end with Halted(0)
            ├── FakeReceiptError       a dev-mode receipt, which proves nothing
            ├── VerifierVersionError   made for other verifier parameters (another risc0 version)
            └── PolicyError            valid, but outside the caller's VerifyPolicy

Each carries `hint`, what to do next, and points to its section of docs/errors.md, which `zkhost explain` prints.
Facts are attributes that always exist, and keyword arguments of the same names.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Iterable
from typing import Any, Self

SECTION = "zkhost explain {name}"
"""Where the section about a class is found: a command that works offline wherever zkhost is installed."""


class ZkhostError(Exception):
    """Base of all errors of zkhost."""

    message: str
    """What happened, with the value and the place."""
    hint: str | None
    """What to do next."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.message}{hint}\n  see: {SECTION.format(name=self.section())}"

    @classmethod
    def section(cls) -> str:
        """Return the name of the section of the documentation: that of the nearest class of this module."""
        return next(base.__name__ for base in cls.__mro__ if base.__module__ == __name__)

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of the class by name, for logs: every attribute but `message` and `hint`."""
        return {
            name: value
            for name, value in vars(self).items()
            if name not in ("message", "hint") and not name.startswith("_")
        }

    def with_message(self, message: str) -> Self:
        """Return a copy with another message and the same facts."""
        other = copy.copy(self)
        other.message = message
        other.args = (message,)
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.message, vars(self).copy())


def _restore(cls: type[ZkhostError], message: str, state: dict[str, Any]) -> ZkhostError:
    error = cls.__new__(cls)
    error.args = (message,)
    vars(error).update(state)
    return error


class ConfigError(ZkhostError):
    """An environment variable or option with an unknown, half-set or out-of-range value."""


class SchemaError(ZkhostError, TypeError):
    """An annotation that has no wire form. Raised when the codec is made, naming the field and the fix."""

    path: str
    """Where in the type, as in `Order.lines[].price`; empty for the type itself."""

    def __init__(self, message: str, *, hint: str | None = None, path: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class CodecError(ZkhostError, ValueError):
    """A value and its wire form do not agree."""

    path: str
    """Where in the value, as in `.orders[3].price`; empty for the value itself."""

    def __init__(self, message: str, *, hint: str | None = None, path: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class EncodeError(CodecError):
    """A value that does not fit its type."""

    expected: str
    """What the type takes there."""
    found: str
    """What the value has there."""

    def __init__(
        self, message: str, *, hint: str | None = None, path: str = "", expected: str = "", found: str = ""
    ) -> None:
        super().__init__(message, hint=hint, path=path)
        self.expected = expected
        self.found = found


class DecodeError(CodecError):
    """Words that are not a value of the type."""

    offset: int
    """Where in the input, in words."""
    expected: str
    """What the type wants there."""
    found: str
    """What the input has there."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        path: str = "",
        offset: int = 0,
        expected: str = "",
        found: str = "",
    ) -> None:
        super().__init__(message, hint=hint, path=path)
        self.offset = offset
        self.expected = expected
        self.found = found


class ShimError(ZkhostError):
    """The native library is missing, or returned an invalid reply."""

    operations: tuple[str, ...]
    """The operations that the library has, where it was asked for one that it lacks."""

    def __init__(self, message: str, *, hint: str | None = None, operations: Iterable[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.operations = tuple(operations)


class InternalError(ShimError):
    """A panic inside the native library, caught there. Always worth a bug report."""


class BuildError(ZkhostError):
    """A guest could not be built."""


class ToolchainError(BuildError):
    """No guest toolchain was found, or the one found cannot build guests."""


class GuestNotFoundError(BuildError):
    """The project has no such guest package or bin."""


class CargoError(BuildError):
    """cargo failed; its own output was shown unchanged."""

    output: str
    """The last lines of that output."""

    def __init__(self, message: str, *, hint: str | None = None, output: str = "") -> None:
        super().__init__(message, hint=hint)
        self.output = output


class DriftError(BuildError):
    """What was built differs from what is recorded."""

    drifted: tuple[str, ...]
    """The differences, a line each."""

    def __init__(self, message: str, *, hint: str | None = None, drifted: Iterable[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.drifted = tuple(drifted)


class ContractError(BuildError):
    """A project's contract is missing, cannot be run, or names a guest that the project does not have."""


class ContractDriftError(DriftError):
    """The guest was built with a contract other than the host's.

    Found by reading the program binary, before anything runs.
    """

    differences: tuple[str, ...]
    """The differences, each naming the type and the field; the same as `drifted`."""

    def __init__(self, message: str, *, hint: str | None = None, differences: Iterable[str] = ()) -> None:
        self.differences = tuple(differences)
        super().__init__(message, hint=hint, drifted=self.differences)


class ScaffoldError(ZkhostError):
    """A project could not be created: bad name, existing folder, missing template. Nothing was written."""


class ProfileError(ZkhostError):
    """A profile cannot be read, or the run that should have written it did not."""


class ModelError(ZkhostError):
    """Something is wrong with a model, or with its input."""

    node: str
    """The operator's name in the file; empty where it is not about one operator."""
    operator: str
    """Its type, with the domain where that is not ONNX's own; empty likewise."""
    opset: int
    """The version of the operator's domain; 0 likewise."""
    expected: str
    """What would be accepted; empty where that is not one thing."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        node: str = "",
        operator: str = "",
        opset: int = 0,
        expected: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.node = node
        self.operator = operator
        self.opset = opset
        self.expected = expected


class ModelFormatError(ModelError):
    """Not a model file, a truncated one, or one that contradicts itself."""


class UnsupportedModelError(ModelError):
    """An unsupported operator, attribute, shape or form."""


class ModelInputError(ModelError, ValueError):
    """An input array has another name, dtype or shape than the model's input."""


class InferenceError(ModelError):
    """The model has no result on this input: a sum leaves int32, an index is outside its table, a NaN is quantised."""


class AccuracyError(ModelError):
    """The model classifies fewer samples rightly than is to be proved."""

    right: int
    """How many it does."""
    count: int
    """Of how many."""
    needed: int
    """How many were asked for."""

    def __init__(self, message: str, *, hint: str | None = None, right: int, count: int, needed: int) -> None:
        super().__init__(message, hint=hint)
        self.right = right
        self.count = count
        self.needed = needed


class PlanError(ModelError):
    """A compiled model is invalid, or has an operation that the interpreter refuses."""

    operation: int | None
    """The operation's position in the plan; None where it is not about one."""

    def __init__(self, message: str, *, hint: str | None = None, operation: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation


class ModelMismatchError(ModelError):
    """Two computations of the model differ."""

    tensor: str
    """The first tensor that differs."""
    index: int
    """Where in it, counted through the flat array."""
    left: float
    """The element there by the first computation."""
    right: float
    """And by the second."""
    differing: int
    """How many elements of the tensor differ."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        node: str = "",
        tensor: str = "",
        index: int = 0,
        left: float = 0,
        right: float = 0,
        differing: int = 0,
    ) -> None:
        super().__init__(message, hint=hint, node=node)
        self.tensor = tensor
        self.index = index
        self.left = left
        self.right = right
        self.differing = differing


class MarketFormatError(ZkhostError, ValueError):
    """An input file, request or fulfillment of a proof market that is malformed, or that the market would refuse."""

    path: str
    """Where in it, as in `.offer.maxPrice`; empty for the whole."""

    def __init__(self, message: str, *, hint: str | None = None, path: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class GuestError(ZkhostError):
    """The guest, or its input, made the run fail."""

    stderr: str
    """The tail of what it printed to standard error; empty where that is not known."""
    input_read: int | None
    """How many bytes of its standard input it had read; None where that is not known."""
    input_left: int | None
    """How many it had left; None for a stream too."""
    session_id: str | None
    """The session on the remote prover; None for a run elsewhere."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        stderr: str = "",
        input_read: int | None = None,
        input_left: int | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.stderr = stderr
        self.input_read = input_read
        self.input_left = input_left
        self.session_id = session_id


class InvalidProgramError(GuestError):
    """The bytes are not a program binary this version of risc0 runs."""


class GuestPanicError(GuestError):
    """The guest panicked."""

    panic: str
    """The panic's message."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        panic: str = "",
        stderr: str = "",
        input_read: int | None = None,
        input_left: int | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(
            message, hint=hint, stderr=stderr, input_read=input_read, input_left=input_left, session_id=session_id
        )
        self.panic = panic


class FaultReason(enum.StrEnum):
    """Why a guest was stopped by a fault, where the host must distinguish."""

    SEGMENT_LIMIT = "segment_limit"
    """What one instruction needs does not fit a segment of `segment_limit_po2`."""
    MISSING_ASSUMPTION = "missing_assumption"
    """The guest verifies another run (`env::verify`), and the environment has no assumption for it."""
    UNSERVED = "unserved"
    """The guest asks for a file descriptor, a channel or a system call that nothing serves."""
    MACHINE = "machine"
    """The guest did what the machine forbids."""


class GuestFaultError(GuestError):
    """The guest did what the machine forbids: a bad address, an illegal instruction, an unknown system call."""

    reason: FaultReason
    """Whether the guest is to blame, or too small a segment."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        reason: FaultReason | str = FaultReason.MACHINE,
        stderr: str = "",
        input_read: int | None = None,
        input_left: int | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(
            message, hint=hint, stderr=stderr, input_read=input_read, input_left=input_left, session_id=session_id
        )
        self.reason = FaultReason(reason)


class GuestExitError(GuestError):
    """The guest ended with a non-zero exit code."""

    exit_code: int
    """The guest's own number."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        exit_code: int,
        stderr: str = "",
        input_read: int | None = None,
        input_left: int | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(
            message, hint=hint, stderr=stderr, input_read=input_read, input_left=input_left, session_id=session_id
        )
        self.exit_code = exit_code


class SessionLimitError(GuestError):
    """The guest needs more cycles than `session_limit` allows."""


class HostIOError(GuestError):
    """A reader, writer or slice_io handler of the host failed; the cause is chained."""


class StorageError(ZkhostError):
    """Something stored on disk is in the way or missing."""


class CheckpointError(StorageError):
    """A checkpoint folder that another process uses, that is invalid, or that does not match this run."""


class CacheError(StorageError):
    """A receipt cache that cannot be opened or written."""


class ProverError(ZkhostError):
    """A prover could not do its work."""


class ProverUnavailableError(ProverError):
    """The chosen prover is not available: no r0vm on any path tried, or a build without the in-process prover."""

    tried: tuple[str, ...]
    """Each place where r0vm was looked for, and why it is not the one."""

    def __init__(self, message: str, *, hint: str | None = None, tried: Iterable[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.tried = tuple(tried)


class RecursionUnavailableError(ProverError):
    """This build lacks the recursion programs, so it makes no succinct or groth16 receipts."""


class ServerError(ProverError):
    """r0vm did not start, died, hung or broke the protocol."""

    path: str
    """The binary; empty where several were tried."""
    log: str
    """The tail of what it printed."""

    def __init__(self, message: str, *, hint: str | None = None, path: str = "", log: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.log = log


class ServerVersionError(ServerError):
    """r0vm's version is not the one this build speaks."""

    expected: str
    """The version that this build speaks."""
    got: str
    """The version that was found."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        expected: str = "",
        got: str = "",
        path: str = "",
        log: str = "",
    ) -> None:
        super().__init__(message, hint=hint, path=path, log=log)
        self.expected = expected
        self.got = got


class RemoteError(ProverError):
    """The remote prover refused, failed or sent an invalid answer."""

    session_id: str | None
    """The session, where one exists: `attach` takes it up again."""

    def __init__(self, message: str, *, hint: str | None = None, session_id: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.session_id = session_id


class RemoteUnavailableError(RemoteError):
    """The remote prover could not be reached, or kept failing, for longer than the retry policy allows."""

    status_code: int | None
    """Its last HTTP status; None where it did not answer at all."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status_code: int | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, session_id=session_id)
        self.status_code = status_code


class RemoteRefusedError(RemoteError):
    """The remote prover refused the request (HTTP 4xx)."""

    status_code: int
    """The HTTP status."""

    def __init__(
        self, message: str, *, hint: str | None = None, status_code: int, session_id: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, session_id=session_id)
        self.status_code = status_code


class RemoteAnswerError(RemoteError):
    """The remote prover's answer is invalid: malformed, truncated, too large, or a forbidden redirect."""


class RemoteSessionError(RemoteError):
    """The remote session itself failed, was aborted or is unknown to the server."""

    status: str
    """The status it ended with, in the API's words; UNKNOWN where the server does not know the session."""

    def __init__(self, message: str, *, hint: str | None = None, status: str, session_id: str | None = None) -> None:
        super().__init__(message, hint=hint, session_id=session_id)
        self.status = status


class DeadlineError(RemoteError, TimeoutError):
    """The remote prover did not answer, or did not finish, in time."""


class MissingAssumptionError(ProverError):
    """The guest relies on another claim, and no receipt for it was supplied."""

    claim: str
    """The digest of that claim, 64 hex digits."""

    def __init__(self, message: str, *, hint: str | None = None, claim: str = "") -> None:
        super().__init__(message, hint=hint)
        self.claim = claim


class OutOfMemoryError(ProverError):
    """Proving needs more memory than is available, even with the smallest segments."""

    segment_limit_po2: int | None
    """The last limit tried; None where it was not chosen here."""

    def __init__(self, message: str, *, hint: str | None = None, segment_limit_po2: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.segment_limit_po2 = segment_limit_po2


class WorkerLostError(ProverError):
    """A job of a proof was lost with its worker, more often than the retry limit allows."""

    job: str
    """Which job, as in `segment 3`."""
    attempts: int
    """How often it was tried."""

    def __init__(self, message: str, *, hint: str | None = None, job: str, attempts: int) -> None:
        super().__init__(message, hint=hint)
        self.job = job
        self.attempts = attempts


class ClusterError(ProverError):
    """An r0vm cluster did not start, or lost a process."""


class UnsupportedError(ProverError):
    """The prover cannot do what the environment or the options ask for. Nothing was started."""

    asked: str
    """What was asked for, several joined by a comma."""

    def __init__(self, message: str, *, hint: str | None = None, asked: str) -> None:
        super().__init__(message, hint=hint)
        self.asked = asked


class CancelledError(ProverError):
    """The caller cancelled; nothing was returned."""


class ReceiptError(ZkhostError):
    """Something is wrong with a receipt."""


class ReceiptFormatError(ReceiptError):
    """The bytes are not a receipt in the format asked for."""


class VerificationError(ReceiptError):
    """The receipt does not prove what was asked."""


class ImageIDMismatchError(VerificationError):
    """The receipt proves another program."""

    expected: str
    """The image ID that was asked about, 64 hex digits."""
    found: str
    """The image ID that the receipt proves, 64 hex digits."""

    def __init__(self, message: str, *, hint: str | None = None, expected: str, found: str) -> None:
        super().__init__(message, hint=hint)
        self.expected = expected
        self.found = found


class DigestMismatchError(VerificationError):
    """A journal commits to something else by a salted digest: a hidden model, weights, a tensor or a test set."""

    what: str
    """What has the digest."""
    expected: str
    """The digest that was expected, 64 hex digits."""
    found: str
    """The digest in the journal, 64 hex digits."""

    def __init__(self, message: str, *, hint: str | None = None, what: str, expected: str, found: str) -> None:
        super().__init__(message, hint=hint)
        self.what = what
        self.expected = expected
        self.found = found


class ChainError(VerificationError):
    """The receipts of a model's parts are not those of one run."""

    tensor: str
    """The tensor that two of them say different things of; empty where it is not about one."""

    def __init__(self, message: str, *, hint: str | None = None, tensor: str = "") -> None:
        super().__init__(message, hint=hint)
        self.tensor = tensor


class JournalMismatchError(VerificationError):
    """The journal is not the one that was proved: it was modified, or attached to another receipt."""


class InvalidSealError(VerificationError):
    """The seal, the proof itself, does not prove the receipt's claim."""


class UnsuccessfulExitError(VerificationError):
    """The receipt proves a run that did not end with Halted(0)."""

    exit_code: str
    """How it ended, as in `Halted(1)`."""

    def __init__(self, message: str, *, hint: str | None = None, exit_code: str) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


class FakeReceiptError(VerificationError):
    """A dev-mode receipt, which proves nothing."""


class VerifierVersionError(VerificationError):
    """The receipt was made for other verifier parameters, as another risc0 version has."""

    expected: str
    """The parameters, or the version, of this build."""
    got: str
    """Those of the receipt."""

    def __init__(self, message: str, *, hint: str | None = None, expected: str, got: str) -> None:
        super().__init__(message, hint=hint)
        self.expected = expected
        self.got = got


class PolicyError(VerificationError):
    """The receipt is valid, but outside the caller's VerifyPolicy."""
