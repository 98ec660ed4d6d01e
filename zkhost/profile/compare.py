"""What a change cost: one profile against another, function by function."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost.profile.cost_tree import Cycles, FunctionCost, Profile


@dataclass(frozen=True, slots=True)
class FunctionDelta:
    """A function in the base and now; None where that run lacks it. `own` and `total` are now minus base."""

    name: str
    crate: str
    before: FunctionCost | None
    after: FunctionCost | None

    @property
    def own(self) -> Cycles:
        return (self.after.own if self.after else Cycles()) - (self.before.own if self.before else Cycles())

    @property
    def total(self) -> Cycles:
        return (self.after.total if self.after else Cycles()) - (self.before.total if self.before else Cycles())


def compare_profiles(base: Profile, profile: Profile) -> list[FunctionDelta]:
    """Return the functions whose cost changed, the largest change of own cycles (either way) first."""
    before = {row.name: row for row in base.functions()}
    after = {row.name: row for row in profile.functions()}
    deltas = [
        FunctionDelta(name, (after.get(name) or before[name]).crate, before.get(name), after.get(name))
        for name in {**after, **before}
    ]
    changed = [delta for delta in deltas if delta.own != Cycles() or delta.total != Cycles()]
    return sorted(changed, key=lambda delta: (-abs(delta.own.all), -abs(delta.total.all), delta.name))
