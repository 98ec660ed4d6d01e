"""A profile: the call tree of one run with the cycles of each call path, and the costs per function derived from it.

Cycles are the executor's. *User* cycles run the guest's instructions; *paging* cycles bring a page of memory into a
segment the first time it is touched there, and write it out again. A page's cycles count for the function that touched
it. What is under no function (pages written out when a segment ends) is the difference between the run's figures and
the tree's: `unattributed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from zkhost.profile.symbol_names import crate_of


@dataclass(frozen=True, slots=True)
class Cycles:
    """What a piece of a run cost: `user` cycles, and `page_in` and `page_out` cycles of paging."""

    user: int = 0
    page_in: int = 0
    page_out: int = 0

    @property
    def paging(self) -> int:
        return self.page_in + self.page_out

    @property
    def all(self) -> int:
        """User and paging cycles together: what has to be proved before padding."""
        return self.user + self.paging

    def __add__(self, other: Cycles) -> Cycles:
        return Cycles(self.user + other.user, self.page_in + other.page_in, self.page_out + other.page_out)

    def __sub__(self, other: Cycles) -> Cycles:
        return Cycles(self.user - other.user, self.page_in - other.page_in, self.page_out - other.page_out)


@dataclass(frozen=True, slots=True)
class SegmentCost:
    """One segment of the run: it is proved as 2^`po2` cycles, of which `user` and `paging` do work."""

    index: int
    po2: int
    user: int
    paging: int

    @property
    def total(self) -> int:
        return 1 << self.po2

    @property
    def reserved(self) -> int:
        """What the segment has beyond user and paging cycles: the machine's own and padding to a power of two."""
        return self.total - self.user - self.paging


@dataclass(frozen=True, slots=True)
class RunFigures:
    """The program that ran, and the executor's own figures for the whole run (cycles)."""

    program: str = "guest"
    image_id: str = ""
    user: int = 0
    paging: int = 0
    reserved: int = 0
    total: int = 0
    segments: tuple[SegmentCost, ...] = ()


@dataclass(slots=True)
class Source:
    """A function's place in the source: the first of its lines that ran, and the own cycles of each line."""

    file: str = ""
    line: int = 0
    lines: dict[int, Cycles] = field(default_factory=dict)


@dataclass(slots=True)
class Node:
    """A function as called along one path. `own` is spent in it and not in its callees.

    `inlined`: on this path the compiler put it into its caller.
    """

    name: str
    inlined: bool = False
    own: Cycles = Cycles()
    children: dict[str, Node] = field(default_factory=dict)

    def child(self, name: str, inlined: bool = False) -> Node:
        found = self.children.get(name)
        if found is None:
            found = self.children[name] = Node(name, inlined)
        found.inlined &= inlined
        return found

    @property
    def total(self) -> Cycles:
        """Its own cycles and those of everything it called."""
        return sum((node.own for _, node in self.walk()), Cycles())

    def walk(self) -> Iterator[tuple[int, Node]]:
        """Yield this node and all below, callers first, with the depth below this one."""
        pending = [(0, self)]
        while pending:
            depth, node = pending.pop()
            yield depth, node
            pending.extend((depth + 1, child) for child in reversed(node.children.values()))


@dataclass(frozen=True, slots=True)
class FunctionCost:
    """A function over the whole run. `total` counts it and its callees, once where it calls itself."""

    name: str
    crate: str
    source: Source
    own: Cycles
    total: Cycles


@dataclass(slots=True)
class Profile:
    """The call tree of one run (`root` is the program itself, not a function), and the run's own figures."""

    root: Node
    run: RunFigures
    sources: dict[str, Source] = field(default_factory=dict)

    @property
    def unattributed(self) -> Cycles:
        """User and paging cycles of the run that are under no function (paging counted as page-in); never negative."""
        attributed = self.root.total
        return Cycles(max(0, self.run.user - attributed.user), max(0, self.run.paging - attributed.paging))

    def source(self, name: str) -> Source:
        return self.sources.get(name) or Source()

    def folded(self) -> Profile:
        """Return the profile with every inlined function's cycles counted for the function it was compiled into."""
        folded = Profile(Node(self.root.name, own=self.root.own), self.run, self.sources)
        pending = [(self.root, folded.root)]
        while pending:
            node, into = pending.pop()
            for child in node.children.values():
                inside = child.inlined and into is not folded.root
                target = into if inside else into.child(child.name)
                target.own += child.own
                pending.append((child, target))
        return folded

    def functions(self) -> list[FunctionCost]:
        """Return every function, the most expensive (own cycles) first."""
        own: dict[str, Cycles] = {}
        for _, node in self.root.walk():
            if node is not self.root:
                own[node.name] = own.get(node.name, Cycles()) + node.own
        totals = _totals(self.root)
        rows = [
            FunctionCost(name, crate_of(name, self.source(name).file), self.source(name), own[name], totals[name])
            for name in own
        ]
        return sorted(rows, key=lambda row: (-row.own.all, -row.total.all, row.name))

    def crates(self) -> list[tuple[str, Cycles]]:
        """Return own cycles by the crate they were spent in, the most expensive first."""
        sums: dict[str, Cycles] = {}
        for row in self.functions():
            sums[row.crate] = sums.get(row.crate, Cycles()) + row.own
        return sorted(sums.items(), key=lambda item: (-item[1].all, item[0]))


def _totals(root: Node) -> dict[str, Cycles]:
    """Return the cycles below each function. Where a function calls itself, only its outermost call counts."""
    below = {id(node): node.own for _, node in root.walk()}
    for _, node in reversed(list(root.walk())):
        for child in node.children.values():
            below[id(node)] += below[id(child)]
    totals: dict[str, Cycles] = {}
    open_names: set[str] = set()
    pending: list[tuple[Node, bool]] = [(child, False) for child in root.children.values()]
    while pending:
        node, leaving = pending.pop()
        if leaving:
            open_names.discard(node.name)
            continue
        if node.name not in open_names:
            totals[node.name] = totals.get(node.name, Cycles()) + below[id(node)]
            open_names.add(node.name)
            pending.append((node, True))
        pending.extend((child, False) for child in node.children.values())
    return totals
