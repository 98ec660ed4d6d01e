"""What executes guests and proves jobs: the native library in this process, its child process, or r0vm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from zkhost import _shim
from zkhost.environment import serving
from zkhost.errors import CancelledError, ProverError, RecursionUnavailableError
from zkhost.receipt.claim import ReceiptKind

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken
    from zkhost._shim import Host
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.checkpoint import ProofJob


class Worker(Protocol):
    """Executes guests and proves jobs."""

    def execute(self, env: ExecutorEnv, program: bytes, host: Host, segment_dir: Path | None) -> dict[str, Any]:
        """Return the reply of the shim's `execute`; jobs go to `segment_dir` or nowhere."""

    def prove_job(self, job: ProofJob, path: Path, cancel: CancelToken) -> bytes:
        """Return the bincode receipt of a job, whose file is at `path`."""

    def compress(self, receipt: bytes, kind: ReceiptKind, cancel: CancelToken) -> bytes:
        """Return the receipt in a smaller kind, in bincode."""

    def has_recursion(self) -> bool:
        """Return whether it has the recursion programs, which succinct and groth16 receipts and keccak need."""


class InProcessWorker:
    """Works with the native library, in this process."""

    def execute(self, env: ExecutorEnv, program: bytes, host: Host, segment_dir: Path | None) -> dict[str, Any]:
        """Return the reply of the shim's `execute`; jobs go to `segment_dir` or nowhere."""
        request: dict[str, Any] = {"env": serving.request(env), "program": program, "segments": "discard"}
        if segment_dir is not None:
            request |= {"segments": "dir", "segment_dir": str(segment_dir)}
        return _shim.call("execute", request, host)

    def prove_job(self, job: ProofJob, path: Path, cancel: CancelToken) -> bytes:
        """Return the bincode receipt of a job, whose file is at `path`."""
        host = _shim.Host(cancel=cancel)
        if job.kind == "keccak":
            reply = _shim.call("prove_keccak", {"request": path.read_bytes()}, host)
        else:
            reply = _shim.call("prove_segment", {"path": str(path)}, host)
        receipt: bytes = reply["receipt"]
        return receipt

    def compress(self, receipt: bytes, kind: ReceiptKind, cancel: CancelToken) -> bytes:
        """Return the receipt in a smaller kind, in bincode."""
        host = _shim.Host(cancel=cancel)
        smaller: bytes = _shim.call("compress", {"receipt": receipt, "kind": str(kind)}, host)["receipt"]
        return smaller

    def has_recursion(self) -> bool:
        """Return whether this build has the recursion programs."""
        return bool(_shim.build_info()["recursion"])


def check_job(job: ProofJob, path: Path, cancel: CancelToken) -> None:
    """Check a segment's witness without proving it. Raises ProverError, naming the segment, where it has none."""
    try:
        _shim.call("segment_preflight", {"path": str(path)}, _shim.Host(cancel=cancel))
    except CancelledError:
        raise
    except ProverError as error:
        raise error.with_message(f"{job} cannot be proved: {error.message}") from error


def verify_job(job: ProofJob, path: Path, receipt: bytes) -> None:
    """Verify a segment's receipt. A keccak batch's is verified only as part of the whole receipt.

    Raises InvalidSealError or ReceiptFormatError for a receipt that proves no segment, VerificationError for one that
    proves another than the segment at `path`.
    """
    if job.kind == "segment":
        _shim.call("verify_segment", {"receipt": receipt, "index": job.index, "path": str(path)})


def no_recursion(what: str) -> RecursionUnavailableError:
    """Return the error for what needs the recursion programs, where they are missing."""
    return RecursionUnavailableError(
        f"{what} needs risc0's recursion programs, which this build of zkhost lacks",
        hint="rebuild zkhost without DOCS_RS set (the build then downloads them), or with RECURSION_SRC_PATH naming a "
        "copy of recursion_zkr.zip",
    )
