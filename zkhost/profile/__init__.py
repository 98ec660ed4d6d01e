"""Where a guest's cycles go: profiles read, compared and drawn."""

from zkhost.profile.build import build_profile
from zkhost.profile.model import Cycles, FunctionCost, Node, Profile, Run, SegmentCost, Source
from zkhost.profile.pprof import Pprof, read_pprof
from zkhost.profile.store import from_plain, load_profile, to_plain

__all__ = [
    "Cycles",
    "FunctionCost",
    "Node",
    "Pprof",
    "Profile",
    "Run",
    "SegmentCost",
    "Source",
    "build_profile",
    "from_plain",
    "load_profile",
    "read_pprof",
    "to_plain",
]
