"""The ipc prover: an r0vm process for each job, through risc0's own client in the native library."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkhost import _shim
from zkhost.environment import serving
from zkhost.provers.engine.segment_prover import SegmentProver
from zkhost.provers.engine.segment_run import ProofRequest, SegmentRun
from zkhost.provers.options import Provenance
from zkhost.provers.r0vm import R0vm, find, version_of
from zkhost.provers.storage.checkpoint import SegmentStore
from zkhost.receipt.claim import ReceiptKind

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken
    from zkhost._shim import Host
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.checkpoint import ProofJob

PATIENCE_S = 60.0
"""An r0vm that uses no CPU for so long, without a request to the host, counts as hung and is killed."""


class IpcWorker:
    """Works with r0vm. Cancelling kills the process at once."""

    def __init__(self, r0vm: R0vm, patience_s: float) -> None:
        self._server = {"r0vm": str(r0vm.path), "patience_s": patience_s}
        self._own = r0vm.found_by == "zkhost's own"

    def execute(self, env: ExecutorEnv, program: bytes, host: Host, segment_dir: Path | None) -> dict[str, Any]:
        """Return the reply of the shim's `ipc_execute`; jobs go to `segment_dir` or nowhere."""
        folder = None if segment_dir is None else str(segment_dir.absolute())
        request = {"server": self._server, "env": serving.request(env), "program": program, "segment_dir": folder}
        return _shim.call("ipc_execute", request, host)

    def prove_job(self, job: ProofJob, path: Path, cancel: CancelToken) -> bytes:
        """Return the bincode receipt of a job, whose file is at `path`."""
        request = {"server": self._server, "path": str(path.absolute())}
        receipt: bytes = _shim.call(f"ipc_prove_{job.kind}", request, _shim.Host(cancel=cancel))["receipt"]
        return receipt

    def compress(self, receipt: bytes, kind: ReceiptKind, cancel: CancelToken) -> bytes:
        """Return the receipt in a smaller kind, in bincode."""
        request = {"server": self._server, "receipt": receipt, "kind": str(kind)}
        smaller: bytes = _shim.call("ipc_compress", request, _shim.Host(cancel=cancel))["receipt"]
        return smaller

    def has_recursion(self) -> bool:
        """Return whether r0vm has them: known for this library's own where that proves, assumed for others, as rzup's."""
        info = _shim.build_info()
        return not self._own or "prove" not in info["features"] or bool(info["recursion"])


class IpcProver(SegmentProver):
    """Executes and proves on r0vm, risc0's server: a process for each job, gone when the work is done.

    Without `path`, the r0vm is found as zkhost.provers.r0vm describes. Its version is checked first. Raises
    ProverUnavailableError, ServerVersionError or ServerError, which say what was tried and what to do.
    """

    name = "ipc"

    def __init__(
        self, path: Path | str | None = None, *, reason: str = "asked for in code", patience_s: float = PATIENCE_S
    ) -> None:
        self.r0vm = find() if path is None else R0vm(Path(path), version_of(Path(path)), "asked for in code")
        self.info = Provenance("ipc", str(self.r0vm.path), self.r0vm.version, reason)
        self.worker = IpcWorker(self.r0vm, patience_s)

    def __repr__(self) -> str:
        return f"<IpcProver, r0vm {self.r0vm.version} at {self.r0vm.path}>"

    @contextlib.contextmanager
    def run(self, request: ProofRequest, store: SegmentStore) -> Iterator[SegmentRun]:
        """Yield the run that proves a request, on r0vm."""
        yield SegmentRun(request, self.worker, store, calibrate=self.name)
