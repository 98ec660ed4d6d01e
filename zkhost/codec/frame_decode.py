"""The frame of a generated decoder: functions, branches and loops, and what is pending where they meet."""

from __future__ import annotations

import re
from collections.abc import Callable

from . import schema as s
from .report import NESTING_LIMIT, ZERO_SIZED_LIMIT
from .source import Source, recursive_nodes
from .unpack import Part, Reads
from .zero import zero_sized

__all__ = ["DecoderFrame"]


class DecoderFrame:
    """One decoder in the making: its functions, branches and loops, and what is pending in them."""

    def __init__(self, root: s.Node, packed: bool, strict: bool, source: Source) -> None:
        self.src = source
        self.packed = packed
        self.strict = strict
        self.root = root
        self.recursive = recursive_nodes(root)
        self.weights: dict[int, int] = {}
        self.functions: dict[int, str] = {}
        self.waiting: list[s.Node] = []
        self.reads = Reads(source, strict)

    def whole(self, node: s.Node, result: str) -> None:
        """Reads one value and what pads its last word."""
        mark = len(self.src.lines)
        value = self.value(node)
        self.reads.settle()
        text, level = "\n".join(self.src.lines[mark:]), self.src.level
        for name, first in (("e", "len(b)"), ("z", f"[{ZERO_SIZED_LIMIT}]"), ("d", "0")):
            if re.search(rf"(?<![.\w]){name}\b", text):
                self.src.lines.insert(mark, "    " * level + f"{name} = {first}")
        if self.reads.phase != 0:
            if self.strict:
                self.reads.align()
            else:
                self.src.line("p += -p & 3")
        self.src.line(result.format(value))

    def finish(self) -> None:
        """Writes the functions that are used but not yet written."""
        while self.waiting:
            node = self.waiting.pop()
            self.reads = Reads(self.src, self.strict)
            if self.packed:
                self.reads.phase = self.reads.start = None
            with self.src.function(f"def {self.functions[id(node)]}(b, p, e, d, z):"):
                if id(node) in self.recursive:
                    self.src.line(f"if d > {NESTING_LIMIT}: raise Bad")
                value = self.body(node)
                self.reads.settle()
                self.src.line(f"return {value}, p")

    def call(self, node: s.Node, depth: str) -> str:
        """Calls the function of a node."""
        if id(node) not in self.functions:
            self.functions[id(node)] = self.src.fresh("f_")
            self.waiting.append(node)
        self.reads.settle()
        x = self.src.fresh("x")
        self.src.line(f"{x}, p = {self.functions[id(node)]}(b, p, e, {depth}, z)")
        self.reads.phase = self.reads.start = None if self.packed else 0
        return x

    def part(self, code: str, size: int, word: bool = True) -> str:
        """Reads a part of fixed size into a new variable."""
        name = self.src.fresh("v")
        self.reads.add(Part(code, size, (name,), word))
        return name

    def refuse(self, condition: str) -> None:
        """Refuses what was read where the condition holds."""
        self.reads.then(f"if {condition}: raise Bad")

    def branches(self, tag: str, bodies: list[Callable[[], str]]) -> str:
        """An if-chain over a tag just read; each body gives the expression of its value."""
        self.reads.settle()
        x, ends, start = self.src.fresh("x"), [], self.reads.phase
        for i, body in enumerate(bodies):
            self.reads.phase = self.reads.start = start
            with self.src.block(f"{'el' if i else ''}if {tag} == {i}:"):
                value = body()
                self.reads.settle()
                self.src.line(f"{x} = {value}")
            ends.append(self.reads.phase)
        with self.src.block("else:"):
            self.src.line("raise Bad")
        self.reads.phase = self.reads.start = ends[0] if len(set(ends)) == 1 else None
        return x

    def loop(self, count: str, body: Callable[[], None]) -> None:
        """A loop of `count` rounds."""
        self.reads.settle()
        entry, mark = self.reads.phase, len(self.src.lines)
        for phase in (entry, None):
            del self.src.lines[mark:]
            self.reads.phase = self.reads.start = phase
            with self.src.block(f"for {self.src.fresh('i')} in range({count}):"):
                body()
                self.reads.settle()
            if self.reads.phase == phase:
                return
            self.reads.phase = self.reads.start = None
            if phase is None:
                return

    def count(self, *inner: s.Node) -> str:
        """Reads the length of a collection and checks it against what is left of the input."""
        n = self.part("I", 4)
        self.reads.settle()
        if all(map(zero_sized, inner)):
            self.src.line(f"z[0] -= {n}")
            self.src.line("if z[0] < 0: raise Bad")
        else:
            self.src.line(f"if {n} > {'e - p' if self.packed else '(e - p) >> 2'}: raise Bad")
        return n

    def value(self, node: s.Node) -> str:
        """Code that reads one value; gives the expression of it."""
        raise NotImplementedError

    def body(self, node: s.Node) -> str:
        """Code for one value, in place."""
        raise NotImplementedError
