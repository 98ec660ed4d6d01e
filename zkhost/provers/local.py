"""The in-process prover: risc0's own, in the native library."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from zkhost import _shim
from zkhost.errors import ProverUnavailableError
from zkhost.provers.engine.segment_prover import SegmentProver
from zkhost.provers.engine.segment_run import ProofRequest, SegmentRun
from zkhost.provers.engine.worker import InProcessWorker
from zkhost.provers.options import Provenance
from zkhost.provers.storage.checkpoint import SegmentStore


class LocalProver(SegmentProver):
    """Executes and proves in this process, segment by segment. `reason` is why it was chosen, for ProveInfo.

    Memory is that of one segment: about 10 GB at segment_limit_po2 20, half of that for each step down. With a checkpoint,
    segments are proved in a child process, which runs out of memory in place of this one.
    Raises ProverUnavailableError where the native library was built without `prove`.
    """

    name = "local"

    def __init__(self, reason: str = "asked for in code") -> None:
        info = _shim.build_info()
        if "prove" not in info["features"]:
            raise ProverUnavailableError(
                "this build of zkhost only verifies: it has no in-process prover",
                hint="install zkhost in place of zkhost-verify, or use r0vm: RISC0_PROVER=ipc",
            )
        self.info = Provenance("local", f"this process on {os.uname().nodename}", info["risc0_version"], reason)
        self.worker = InProcessWorker()

    def __repr__(self) -> str:
        return f"<LocalProver, risc0 {self.info.version}>"

    @contextlib.contextmanager
    def run(self, request: ProofRequest, store: SegmentStore) -> Iterator[SegmentRun]:
        """Yield the run that proves a request, in a child process where the store is durable."""
        if not store.is_durable:
            yield SegmentRun(request, self.worker, store, calibrate=self.name)
            return
        from zkhost.provers.engine.isolated import IsolatedWorker

        with IsolatedWorker() as worker:
            yield SegmentRun(request, worker, store, calibrate=self.name)
