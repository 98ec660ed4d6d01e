"""Schema -> Python source of a decoder. It only finds out that something is wrong; `ref_decode` then says what."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from . import bulk
from . import schema as s
from .build import build_lines
from .frame_decode import DecoderFrame
from .order import order_key
from .source import MAX_BLOCKS, MAX_WEIGHT, Source, weight
from .types import Some
from .unpack import Head

__all__ = ["LARGE", "compile_decoder", "compile_reader"]

BOOLS = (False, True)
#: Inputs of this many bytes and more are decoded with the garbage collector paused: `general`, native library.
LARGE = 1 << 18


def compile_decoder(node: s.Node, packed: bool, general: Callable[[Any, bool], Any]) -> tuple[Callable[..., Any], str]:
    """`decode(data, strict=True)` and its source. It takes bytes, strictly; the rest and all errors go to `general`."""
    source = Source()
    made = _DecoderSource(node, packed, True, source)
    with source.function("def decode(data, strict=True):"):
        usual = f"if data.__class__ is bytes and strict is True and len(data) < {LARGE}:"
        with source.block(usual), source.block("try:"):
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


class _DecoderSource(DecoderFrame):
    """One decoder in the making: code for each kind of node."""

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
