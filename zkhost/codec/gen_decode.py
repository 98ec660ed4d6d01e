"""Schema -> Python source of a decoder. It only finds out that something is wrong; `ref_decode` then says what."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from . import bulk
from . import schema as s
from .build import build_lines
from .order import order_key
from .report import NESTING_LIMIT, ZERO_SIZED_LIMIT
from .source import MAX_BLOCKS, MAX_WEIGHT, Source, recursive_nodes, weight
from .types import Some
from .unpack import Head, Part, Reads
from .zero import zero_sized

__all__ = ["compile_decoder", "compile_reader"]

BOOLS = (False, True)


def compile_decoder(node: s.Node, packed: bool, general: Callable[[Any, bool], Any]) -> tuple[Callable[..., Any], str]:
    """`decode(data, strict=True)` and its source. It takes bytes, strictly; the rest and all errors go to `general`."""
    source = Source()
    made = _DecoderSource(node, packed, True, source)
    with source.function("def decode(data, strict=True):"):
        with source.block("if data.__class__ is bytes and strict is True:"), source.block("try:"):
            source.line("b = data")
            source.line("p = 0")
            made.whole(node, "if p == len(b): return {}")
        source.lines += ["        except Exception: pass"]
        source.line(f"return {source.const(general, 'general')}(data, strict)")
    made.finish()
    return source.compile("decoder")["decode"], source.text()


def compile_reader(node: s.Node, packed: bool, strict: bool) -> tuple[Callable[[bytes, int], tuple[Any, int]], str]:
    """`read(b, p)`, which gives a value and the position after it, and its source. It raises anything on error."""
    source = Source()
    made = _DecoderSource(node, packed, strict, source)
    with source.function("def read(b, p):"):
        made.whole(node, "return {}, p")
    made.finish()
    return source.compile("reader")["read"], source.text()


class _DecoderSource:
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

    # -- branches and loops --------------------------------------------------------------------------------------

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

    # -- values --------------------------------------------------------------------------------------------------

    def value(self, node: s.Node) -> str:
        """Code that reads one value; gives the expression of it, which is good once the reads are flushed."""
        if isinstance(node, s.Ref):
            return self.call(node.target, "d + 1")
        if id(node) in self.recursive:
            return self.call(node, "d")
        composite = node is not self.root and any(True for _ in s.children(node))
        if composite and (weight(node, self.weights) > MAX_WEIGHT or self.src.level > MAX_BLOCKS):
            return self.call(node, "d")
        return self.body(node)

    def body(self, node: s.Node) -> str:
        """Code for one value, in place."""
        match node:
            case s.NewType(inner=inner):
                return self.value(inner)
            case s.Option(inner=inner, wrapped=wrapped):
                some = self.src.const(Some, "C")
                tag = self.part("I", 4)
                wrap = f"{some}({{}})" if wrapped else "{}"
                return self.branches(tag, [lambda: "None", lambda: wrap.format(self.value(inner))])
            case s.Tuple(items=items):
                return self.keep(f"({''.join(self.value(i) + ', ' for i in items)})")
            case s.Struct(cls=cls, fields=fields):
                return self.instance(cls, fields)
            case s.Enum(variants=variants):
                tag = self.part("I", 4)
                if node.plain:
                    return f"{self.src.const(tuple(v.python for v in variants), 'E')}[{tag}]"
                return self.branches(tag, [partial(self.instance, v.python, v.fields) for v in variants])
            case s.Seq() | s.Array():
                return self.sequence(node)
            case s.Set():
                return self.set(node)
            case s.Map():
                return self.map(node)
            case s.Bytes(length=length, serde=serde):
                return self.octets(length, serde)
        return self.leaf(node)

    def keep(self, expr: str) -> str:
        """A variable for an expression over what was read."""
        x = self.src.fresh("x")
        self.reads.then(f"{x} = {expr}")
        return x

    def instance(self, cls: type, fields: tuple[s.Field, ...]) -> str:
        values = [self.value(f.type) for f in fields]
        x = self.src.fresh("x")
        for line in build_lines(self.src, cls, fields, values, x):
            self.reads.then(line)
        return x

    def octets(self, length: int | None, serde: bool) -> str:
        thin = self.packed or serde
        if length is not None:
            if not length:
                return "b''"
            return self.part(f"{length}s", length, False) if thin else self.reads.narrow(length)
        spread = "{}" if thin else f"{self.src.const(bulk.narrow, 'narrow')}({{}})"
        n, name = self.part("I", 4), self.src.fresh("s")
        self.reads.begin(Head("text" if serde else "octets" if thin else "wide", n, name, 1 if thin else 4))
        return spread.format(name)

    def sequence(self, node: s.Seq | s.Array) -> str:
        length = node.length if isinstance(node, s.Array) else None
        numbers = bulk.from_bytes(node.inner, self.packed, node.container)
        if numbers is not None:
            return self.numbers(node, numbers, length)
        n = str(length) if length is not None else self.count(node.inner)
        items, add = self.src.fresh("l"), self.src.fresh("a")
        self.reads.settle()
        self.src.line(f"{items} = []")
        self.src.line(f"{add} = {items}.append")

        def body() -> None:
            value = self.value(node.inner)
            self.reads.then(f"{add}({value})")

        self.loop(n, body)
        return f"tuple({items})" if node.container == "tuple" else items

    def numbers(self, node: s.Seq | s.Array, numbers: bulk.Numbers, length: int | None) -> str:
        """A list of plain numbers; in one go with what follows it where it is short."""
        convert = self.src.const(numbers.convert, "bulk")
        if length is not None:
            size = length * numbers.size
            word = not (self.packed and numbers.size == 1)
            return f"{convert}({self.part(f'{size}s', size, word) if size else repr(b'')})"
        n, name = self.part("I", 4), self.src.fresh("l")
        if node.container in ("list", "tuple") and numbers.direct:
            self.reads.begin(Head(numbers.code, n, name, numbers.size))
            return f"tuple({name})" if node.container == "tuple" else name
        self.reads.settle()
        self.src.line(f"q = p + {n} * {numbers.size}")
        self.src.line("if q > len(b): raise Bad")
        self.src.line(f"{name} = {convert}({self.src.const(memoryview, 'mv')}(b)[p:q])")
        self.src.line("p = q")
        self.reads.phase = self.reads.start = None if self.packed and numbers.size == 1 else 0
        return name

    def set(self, node: s.Set) -> str:
        n, items = self.count(node.inner), self.src.fresh("l")
        self.src.line(f"{items} = set()")
        order = _Order(self, node.inner, node.ordered)

        def body() -> None:
            key = self.keep(self.value(node.inner))
            order.check(key)
            self.reads.then(f"{items}.add({key})")

        self.loop(n, body)
        if self.strict:
            self.src.line(f"if len({items}) != {n}: raise Bad")
        return f"frozenset({items})" if node.frozen else items

    def map(self, node: s.Map) -> str:
        n, items = self.count(node.key, node.value), self.src.fresh("l")
        self.src.line(f"{items} = {{}}")
        order = _Order(self, node.key, node.ordered)

        def body() -> None:
            key = self.keep(self.value(node.key))
            order.check(key)
            value = self.value(node.value)
            self.reads.then(f"{items}[{key}] = {value}")

        self.loop(n, body)
        if self.strict:
            self.src.line(f"if len({items}) != {n}: raise Bad")
        return items

    def leaf(self, node: s.Node) -> str:
        match node:
            case s.Unit():
                return "None"
            case s.Bool():
                word = not self.packed
                return f"{self.src.const(BOOLS, 'B')}[{self.part('I' if word else 'B', 4 if word else 1, word)}]"
            case s.Int(bits=8, signed=False) if self.packed:
                return self.part("B", 1, False)
            case s.Int(bits=8 | 16, signed=signed):
                v = self.part("i" if signed else "I", 4)
                self.refuse(f"not {node.low} <= {v} <= {node.high}" if signed else f"{v} > {node.high}")
                return v
            case s.Int(bits=128, signed=signed):
                return f"({self.part('Q', 8)} | {self.part('q' if signed else 'Q', 8)} << 64)"
            case s.Int(bits=bits, signed=signed):
                code = "I" if bits == 32 else "Q"
                return self.part(code.lower() if signed else code, bits // 8)
            case s.Float(bits=bits):
                return self.part("f" if bits == 32 else "d", bits // 8)
            case s.Char():
                v = self.part("I", 4)
                self.refuse(f"0xD800 <= {v} < 0xE000")
                return f"chr({v})"
            case s.Str():
                n, name = self.part("I", 4), self.src.fresh("s")
                self.reads.begin(Head("text", n, name))
                return f"{name}.decode()"
        raise AssertionError(node)


class _Order:
    """Code that checks, where strict, that the keys of an ordered collection ascend."""

    def __init__(self, made: _DecoderSource, node: s.Node, ordered: bool) -> None:
        self.made = made
        self.wanted = ordered and made.strict
        self.key = order_key(node)
        self.last = made.src.fresh("g")
        if self.wanted:
            made.src.line(f"{self.last} = None")

    def check(self, key: str) -> None:
        """The key must be greater than the last."""
        if not self.wanted:
            return
        rank = key
        if self.key is not None:
            rank = self.made.keep(f"({self.made.src.const(self.key, 'order')}({key}),)")
        self.made.refuse(f"{self.last} is not None and not {self.last} < {rank}")
        self.made.reads.then(f"{self.last} = {rank}")
