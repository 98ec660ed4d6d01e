"""Where a guest's cycles go: profiles read, compared and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.profile.cost_tree import Cycles as Cycles
    from zkhost.profile.cost_tree import FunctionCost as FunctionCost
    from zkhost.profile.cost_tree import Node as Node
    from zkhost.profile.cost_tree import Profile as Profile
    from zkhost.profile.cost_tree import RunFigures as RunFigures
    from zkhost.profile.cost_tree import SegmentCost as SegmentCost
    from zkhost.profile.cost_tree import Source as Source
    from zkhost.profile.pprof import Pprof as Pprof
    from zkhost.profile.pprof import read_pprof as read_pprof
    from zkhost.profile.run import ProfiledRun as ProfiledRun
    from zkhost.profile.run import profile_run as profile_run
    from zkhost.profile.store import load_profile as load_profile
    from zkhost.profile.store import profile_from_plain as profile_from_plain
    from zkhost.profile.store import profile_to_plain as profile_to_plain
    from zkhost.profile.tree_builder import build_profile as build_profile
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.profile.tree_builder": "build_profile",
            "zkhost.profile.cost_tree": "Cycles FunctionCost Node Profile RunFigures SegmentCost Source",
            "zkhost.profile.pprof": "Pprof read_pprof",
            "zkhost.profile.run": "ProfiledRun profile_run",
            "zkhost.profile.store": "load_profile profile_from_plain profile_to_plain",
        },
    )
