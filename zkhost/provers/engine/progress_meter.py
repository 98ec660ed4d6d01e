"""Progress of a proof: what is proved of what was executed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from zkhost.session import OnProgress, Phase, Progress, SessionInfo

if TYPE_CHECKING:
    from zkhost.provers.storage.checkpoint import ProofJob

# A keccak batch counts as a segment of this size; its own size is not known here.
_KECCAK_PO2 = 17


class ProgressMeter:
    """Counts jobs for `on_progress`. The time left is by rows: proving is linear in a segment's size."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._user_cycles = 0
        self._po2s: dict[int, int] = {}
        self._since: tuple[float, int] | None = None
        self.disk_bytes: int | None = None

    def report(self, phase: Phase, done: int = 0, total: int | None = None, remaining_s: float | None = None) -> None:
        """Report one event."""
        if self._on_progress is not None:
            elapsed_s = time.monotonic() - self._started
            now = Progress(phase, done, total, self._user_cycles, elapsed_s, remaining_s, self.disk_bytes)
            self._on_progress(now)

    def executed(self, segments: int, user_cycles: int) -> None:
        """Report while the guest runs."""
        self._user_cycles = max(self._user_cycles, user_cycles)
        self.report(Phase.EXECUTE, segments)

    def ran(self, session: SessionInfo) -> None:
        """Record the sizes of the run."""
        self._user_cycles = session.user_cycles
        self._po2s = {segment.index: segment.po2 for segment in session.segments}

    def proving(self, jobs: list[ProofJob], missing: list[ProofJob]) -> None:
        """Report before each job and after the last one."""
        left, now = self._rows(missing), time.monotonic()
        since, at_first = self._since = self._since or (now, left)
        proved = at_first - left
        remaining_s = (now - since) / proved * left if proved else None
        self.report(Phase.PROVE, len(jobs) - len(missing), len(jobs), remaining_s)

    def _rows(self, jobs: list[ProofJob]) -> int:
        return sum(
            1 << (self._po2s.get(job.index, _KECCAK_PO2) if job.kind == "segment" else _KECCAK_PO2) for job in jobs
        )
