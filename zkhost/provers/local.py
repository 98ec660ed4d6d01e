"""The in-process prover: risc0's own, in the native library."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from zkhost import _shim
from zkhost.errors import ProverUnavailableError
from zkhost.provers.engine import segments
from zkhost.provers.engine.workbench import LocalBench
from zkhost.provers.engine.workbench_prover import BenchProver
from zkhost.provers.interface import (
    OnProgress,
    Program,
    ProveInfo,
    ProverInfo,
    ProverOpts,
    program_bytes,
)
from zkhost.receipt.receipt import Receipt
from zkhost.session import SessionInfo

if TYPE_CHECKING:
    from zkhost._shim import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.checkpoint import SegmentStore
    from zkhost.provers.storage.receipt_cache import ReceiptCache

_DEFAULT_OPTS = ProverOpts()


class LocalProver(BenchProver):
    """Executes and proves in this process, piece by piece. `reason` is why it was chosen, for ProveInfo.

    Memory is that of one segment: about 10 GB at segment_limit_po2 20, half of that for each step down.
    Raises ProverUnavailableError where the native library was built without `prove`.
    """

    name = "local"

    def __init__(self, reason: str = "asked for in code") -> None:
        info = _shim.build_info()
        if "prove" not in info["features"]:
            raise ProverUnavailableError(
                "this build of zkhost has no in-process prover",
                hint="rebuild zkhost without --no-default-features, or use r0vm: RISC0_PROVER=ipc",
            )
        self.info = ProverInfo("local", f"this process on {os.uname().nodename}", info["risc0_version"], reason)
        self._bench = LocalBench()

    def __repr__(self) -> str:
        return f"<LocalProver, risc0 {self.info.version}>"

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
        """Run a guest and prove the run; see the class for memory, ProveInfo for what comes back.

        Ctrl-C or `cancel` gives control back within a second and leaves no file behind, other than in `checkpoint`.

        checkpoint: a folder that keeps segments and their receipts. After a crash, whatever its cause, the same call
        proves only what is missing. Segments are then proved in a child process: if it runs out of memory, the run
        starts again with smaller segments. cache: receipts of earlier requests, verified again when they are used.
        """
        from zkhost.provers.engine import resumable  # not needed to execute
        from zkhost.provers.engine.isolated import IsolatedBench

        binary = program_bytes(program)
        with contextlib.ExitStack() as stack:
            bench = self._bench if checkpoint is None else stack.enter_context(IsolatedBench())

            def work(env: ExecutorEnv, store: SegmentStore) -> tuple[Receipt, SessionInfo]:
                token = cancel or _shim.CancelToken()
                return segments.Run(bench, env, binary, opts, store, on_progress, token, calibrate=self.name).prove()

            return resumable.prove(work, self.info, env, binary, opts, checkpoint=checkpoint, cache=cache)
