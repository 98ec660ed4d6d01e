"""What provers with a workbench on this machine have in common: executing and compressing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost import _shim
from zkhost.provers.batch import Bulk
from zkhost.provers.engine import segments
from zkhost.provers.interface import OnProgress, Program, ProverOpts, program_bytes
from zkhost.receipt.receipt import Receipt
from zkhost.session import SessionInfo

if TYPE_CHECKING:
    from zkhost._shim import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv


class BenchProver(Bulk):
    """A prover whose workbench is on this machine; where it proves pieces is up to it."""

    _bench: segments.Workbench

    def execute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> SessionInfo:
        """Run a guest, on this machine. Raises a GuestError where it panics or is stopped; other exit codes are in the
        result. Of what it does not report, as r0vm all but user cycles, the result has None.
        """
        return segments.run_guest(self._bench, env, program_bytes(program), on_progress=on_progress, cancel=cancel)

    def compress(self, receipt: Receipt, opts: ProverOpts, *, cancel: CancelToken | None = None) -> Receipt:
        """The same claim in a receipt of `opts.receipt_kind`, made on this machine; a no-op where it is as small already.

        Raises RecursionUnavailableError, at once, where the recursion programs are lacking.
        """
        smaller = Receipt(self._bench.compress(receipt.to_bytes(), opts.receipt_kind, cancel or _shim.CancelToken()))
        smaller.verify_integrity(allow_fake=False)
        return smaller
