"""The frame of a generated encoder: functions, branches and loops, and what is pending where they meet."""

from __future__ import annotations

import re
from collections.abc import Callable

from . import schema as s
from .pack import ALIGNED, AT_O, Atom, Group
from .report import NESTING_LIMIT
from .source import Source, recursive_nodes

__all__ = ["EncoderFrame"]

WRITES = re.compile(r"\bw[(,]")


class EncoderFrame:
    """One encoder in the making: its functions, branches and loops, and what is pending in them."""

    def __init__(self, root: s.Node, packed: bool, source: Source) -> None:
        self.src = source
        self.packed = packed
        self.recursive = recursive_nodes(root)
        self.weights: dict[int, int] = {}
        self.functions: dict[int, str] = {}
        self.waiting: list[s.Node] = []
        self.group = Group(source)
        self.root = root

    def top(self, node: s.Node, explain: str) -> None:
        """Writes `encode(v)`."""
        with self.src.function("def encode(v):"):
            with self.src.block("try:"):
                start = len(self.src.lines)
                self.value(node, "v")
                if self.group.phase != ALIGNED:
                    self.group.add(Atom("align"))
                lines = self.src.lines
                if any(WRITES.search(line) for line in lines[start:]):
                    lines[start:start] = ["        d = 0", "        r = []", "        w = r.append"]
                    self.group.flush()
                    self.src.line("return b''.join(r)")
                elif self.group.atoms:
                    self.group.flush("return {}")
                else:
                    self.src.line("return b''")
            with self.src.block("except Exception:"):
                self.src.line(f"return {explain}(v)")
        while self.waiting:
            self.function(self.waiting.pop())

    def call(self, node: s.Node, x: str, deeper: bool = False) -> None:
        """Calls the function of a node; it is written later, where it is not yet."""
        if id(node) not in self.functions:
            self.functions[id(node)] = self.src.fresh("f_")
            self.waiting.append(node)
        self.group.flush()
        result = "o = " if self.packed else ""
        depth = "d + 1" if deeper else "d"
        self.src.line(f"{result}{self.functions[id(node)]}({x}, w, {self.group.phase.expr}, {depth})")
        if self.packed:
            self.group.phase = AT_O

    def function(self, node: s.Node) -> None:
        """Writes the function of a node: it takes the value, the sink, the position modulo 4 and the nesting."""
        self.group = Group(self.src, phase=AT_O if self.packed else ALIGNED)
        with self.src.function(f"def {self.functions[id(node)]}(v, w, o, d):"):
            if id(node) in self.recursive:
                self.check(f"d > {NESTING_LIMIT}")
            self.body(node, "v")
            self.group.flush()
            self.src.line(f"return {self.group.phase.expr}")

    def branches(self, heads: list[tuple[str, Callable[[], None]]]) -> None:
        """An if-chain. What is pending is written inside each branch."""
        pending, ends = self.group, []
        for head, body in heads:
            with self.src.block(head):
                self.group = pending.copy()
                body()
                self.group.flush()
                ends.append((self.group.phase, self.src.slot()))
        same = all(phase == ends[0][0] for phase, _ in ends) and not ends[0][0].names
        for phase, slot in ends:
            if not same and phase != AT_O:
                self.src.fill(slot, f"o = {phase.expr}")
        self.group = Group(self.src, phase=ends[0][0] if same else AT_O)

    def loop(self, header: str, body: Callable[[], None]) -> None:
        """A loop. Where a round does not end at the position modulo 4 it began at, the variable `o` holds it."""
        self.group.flush()
        entry, mark = self.group.phase, len(self.src.lines)
        with self.src.block(header):
            body()
            self.group.flush()
        if self.group.phase == entry and not entry.names:
            return
        del self.src.lines[mark:]
        if entry != AT_O:
            self.src.line(f"o = {entry.expr}")
        self.group.phase = AT_O
        with self.src.block(header):
            body()
            self.group.flush()
            if self.group.phase != AT_O:
                self.src.line(f"o = {self.group.phase.expr}")
        self.group.phase = AT_O

    def check(self, condition: str) -> None:
        """Refuses the value where the condition holds."""
        self.src.line(f"if {condition}: raise Bad")

    def local(self, expr: str, prefix: str = "x") -> str:
        """A local variable for an expression that is used more than once."""
        if expr.isidentifier():
            return expr
        name = self.src.fresh(prefix)
        self.src.line(f"{name} = {expr}")
        return name

    def add(self, atom: Atom) -> None:
        """Adds a part to the group, which makes room for it first."""
        if atom.length and self.group.full:
            self.group.flush()
        self.group.add(atom)

    def value(self, node: s.Node, x: str) -> None:
        """Code for one value, given as an expression."""
        raise NotImplementedError

    def body(self, node: s.Node, x: str) -> None:
        """Code for one value, in place."""
        raise NotImplementedError
