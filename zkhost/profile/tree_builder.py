"""The call tree of a pprof file."""

from __future__ import annotations

from zkhost.profile.cost_tree import Cycles, Node, Profile, RunFigures, Source
from zkhost.profile.pprof import Pprof, Sample
from zkhost.profile.symbol_names import tidy

PAGE_IN, PAGE_OUT = "[PageIn]", "[PageOut]"


def build_profile(pprof: Pprof, run: RunFigures | None = None, *, program: str = "guest") -> Profile:
    """Return the profile of a pprof file. Its first sample type is read as user cycles, whatever its name.

    Without a `run`, the figures are the tree's own sums, of `program`, and its segments are unknown.
    """
    profile = Profile(Node("all"), run or RunFigures(program))
    names: dict[str, str] = {}
    for sample in pprof.samples:
        _add(profile, sample, names)
    if run is None:
        total = profile.root.total
        profile.run = RunFigures(program, user=total.user, paging=total.paging, total=total.all)
    return profile


def _add(profile: Profile, sample: Sample, names: dict[str, str]) -> None:
    node, cycles = profile.root, sample.values[0]
    source, line, cost = Source(), 0, Cycles(user=cycles)
    for frame in sample.stack:
        if frame.name == PAGE_IN:
            cost = Cycles(page_in=cycles)
            continue
        if frame.name == PAGE_OUT:
            cost = Cycles(page_out=cycles)
            continue
        name = names.get(frame.name)
        if name is None:
            name = names[frame.name] = tidy(frame.name)
        node, line = node.child(name, frame.inlined), frame.line
        source = profile.sources.setdefault(name, Source(frame.file, line))
        if line and (line < source.line or not source.line):
            source.line = line
    node.own += cost
    if line:
        source.lines[line] = source.lines.get(line, Cycles()) + cost
