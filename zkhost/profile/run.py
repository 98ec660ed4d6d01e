"""Runs a guest and profiles the run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from zkhost.errors import GuestError, ProfileError
from zkhost.image_id import compute_image_id
from zkhost.profile.cost_tree import Profile, RunFigures, SegmentCost
from zkhost.profile.pprof import read_pprof
from zkhost.profile.tree_builder import build_profile

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.session import SessionInfo


@dataclasses.dataclass(frozen=True, slots=True)
class ProfiledRun:
    """A profile, and how the run ended: `session`, or the `error` that ended it early; the profile ends there."""

    profile: Profile
    session: SessionInfo | None
    error: GuestError | None


def profile_run(env: ExecutorEnv, program: bytes, pprof_path: Path, *, name: str = "guest") -> ProfiledRun:
    """Run `program` (a program binary) in this process's executor; the pprof file is left at `pprof_path`.

    A guest that panics or faults is profiled up to there. Raises InvalidProgramError for bytes that are not a program.
    """
    from zkhost.provers.local import LocalProver

    pprof_path.unlink(missing_ok=True)
    session: SessionInfo | None = None
    error: GuestError | None = None
    try:
        session = LocalProver("profiling").execute(dataclasses.replace(env, pprof_out=pprof_path), program)
    except GuestError as failure:
        if not pprof_path.exists():
            raise
        error = failure
    if not pprof_path.exists():
        raise ProfileError(f"the executor wrote no profile to {pprof_path}")
    image_id = str(compute_image_id(program))
    pprof = read_pprof(pprof_path.read_bytes())
    profile = build_profile(pprof, _figures(session, name, image_id) if session else None, program=name)
    if not session:
        profile.run = dataclasses.replace(profile.run, image_id=image_id)
    return ProfiledRun(profile, session, error)


def _figures(session: SessionInfo, name: str, image_id: str) -> RunFigures:
    return RunFigures(
        program=name,
        image_id=image_id,
        user=session.user_cycles,
        paging=session.paging_cycles or 0,
        reserved=session.reserved_cycles or 0,
        total=session.total_cycles or 0,
        segments=tuple(SegmentCost(s.index, s.po2, s.cycles, s.paging_cycles or 0) for s in session.segments),
    )
