"""The ipc prover: an r0vm process for each piece of work, through risc0's own client in the native library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkhost import _shim
from zkhost.environment import serving
from zkhost.provers.engine import segments
from zkhost.provers.engine.segments import Run
from zkhost.provers.engine.workbench_prover import BenchProver
from zkhost.provers.interface import (
    OnProgress,
    Program,
    ProveInfo,
    ProverInfo,
    ProverOpts,
    is_as_small,
    program_bytes,
)
from zkhost.provers.r0vm import R0vm, find, version_of
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import Receipt
from zkhost.session import SessionInfo

if TYPE_CHECKING:
    from zkhost._shim import CancelToken, Host
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.checkpoint import Piece, SegmentStore
    from zkhost.provers.storage.receipt_cache import ReceiptCache

_DEFAULT_OPTS = ProverOpts()
PATIENCE_S = 60.0
"""An r0vm that uses no processor for so long, with nothing asked of the host, hangs and is killed."""


class IpcBench:
    """Works on pieces with r0vm. Cancelling kills the process at once."""

    def __init__(self, r0vm: R0vm, patience_s: float) -> None:
        self._server = {"r0vm": str(r0vm.path), "patience_s": patience_s}
        self._own = r0vm.found_by == "zkhost's own"

    def execute(self, env: ExecutorEnv, program: bytes, host: Host, segment_dir: Path | None) -> dict[str, Any]:
        folder = None if segment_dir is None else str(segment_dir.absolute())
        request = {"server": self._server, "env": serving.request(env), "program": program, "segment_dir": folder}
        return _shim.call("ipc_execute", request, host)

    def prove_piece(self, piece: Piece, path: Path, cancel: CancelToken) -> bytes:
        request = {"server": self._server, "path": str(path.absolute())}
        receipt: bytes = _shim.call(f"ipc_prove_{piece.kind}", request, _shim.Host(cancel=cancel))["receipt"]
        return receipt

    def compress(self, receipt: bytes, kind: ReceiptKind, cancel: CancelToken) -> bytes:
        request = {"server": self._server, "receipt": receipt, "kind": str(kind)}
        smaller: bytes = _shim.call("ipc_compress", request, _shim.Host(cancel=cancel))["receipt"]
        return smaller

    def has_recursion(self) -> bool:
        """Known of the r0vm built with this library, if that proves; others are taken to be whole, as rzup's are."""
        info = _shim.build_info()
        return not self._own or "prove" not in info["features"] or bool(info["recursion"])


class IpcProver(BenchProver):
    """Executes and proves on r0vm, risc0's server: a process for each piece of work, gone when the work is done.

    Without `path`, the r0vm is found as zkhost.provers.r0vm says. Its version is asked first. Raises
    ProverUnavailableError, ServerVersionError or ServerError, which say what was tried and what to do.
    """

    name = "ipc"

    def __init__(
        self, path: Path | str | None = None, *, reason: str = "asked for in code", patience_s: float = PATIENCE_S
    ) -> None:
        self.r0vm = find() if path is None else R0vm(Path(path), version_of(Path(path)), "asked for in code")
        self.info = ProverInfo("ipc", str(self.r0vm.path), self.r0vm.version, reason)
        self._bench = IpcBench(self.r0vm, patience_s)

    def __repr__(self) -> str:
        return f"<IpcProver, r0vm {self.r0vm.version} at {self.r0vm.path}>"

    def prove(
        self,
        env: ExecutorEnv,
        program: Program,
        opts: ProverOpts = _DEFAULT_OPTS,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        checkpoint: Path | str | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> ProveInfo:
        """Run a guest and prove the run, segment by segment. Result, `checkpoint` and `cache`: as LocalProver."""
        from zkhost.provers.engine import resumable  # not needed to execute

        binary = program_bytes(program)

        def work(env: ExecutorEnv, store: SegmentStore) -> tuple[Receipt, SessionInfo]:
            token = cancel or _shim.CancelToken()
            return Run(self._bench, env, binary, opts, store, on_progress, token, calibrate=self.name).prove()

        return resumable.prove(work, self.info, env, binary, opts, checkpoint=checkpoint, cache=cache)

    def compress(self, receipt: Receipt, opts: ProverOpts, *, cancel: CancelToken | None = None) -> Receipt:
        """The same claim in a receipt of `opts.receipt_kind`; a no-op where it is as small already."""
        if not is_as_small(receipt, opts.receipt_kind) and not self._bench.has_recursion():
            raise segments.no_recursion(f"a {opts.receipt_kind} receipt")
        return super().compress(receipt, opts, cancel=cancel)
