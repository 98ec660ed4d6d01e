"""Schema -> Python source of an encoder. One function for the whole type where it is small, more where it is not.

Generated code only finds out that a value is refused (by raising anything); `ref_encode` then says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import bulk
from . import schema as s
from .frame_encode import EncoderFrame
from .order import order_key
from .pack import ALIGNED, BATCH, SMALL, Atom, batches
from .source import MAX_BLOCKS, MAX_WEIGHT, Source, weight
from .types import Some
from .views import native_code

__all__ = ["compile_encoder"]

#: Byte arrays and lists of a fixed length above this are written on their own instead of through a packer.
MAX_INLINE = 1024
INT_CODES = {8: "B3x", 16: "H2x", 32: "I", 64: "Q"}


def compile_encoder(node: s.Node, packed: bool, explain: Callable[[Any], bytes]) -> tuple[Callable[[Any], bytes], str]:
    """The encoder of a type, and its source. It hands what it does not accept to `explain`."""
    source = Source()
    made = _EncoderSource(node, packed, source)
    made.top(node, source.const(explain, "explain"))
    return source.compile("encoder")["encode"], source.text()


class _EncoderSource(EncoderFrame):
    """One encoder in the making: code for each kind of node."""

    def value(self, node: s.Node, x: str) -> None:
        """Code for one value, given as an expression; a function call where the node is recursive, heavy or deep."""
        if isinstance(node, s.Ref):
            self.call(node.target, self.local(x), deeper=True)
        elif id(node) in self.recursive or self._outline(node):
            self.call(node, self.local(x))
        else:
            self.body(node, x)

    def _outline(self, node: s.Node) -> bool:
        if node is self.root or not any(True for _ in s.children(node)):
            return False
        return weight(node, self.weights) > MAX_WEIGHT or self.src.level > MAX_BLOCKS

    def body(self, node: s.Node, x: str) -> None:
        """Code for one value, in place."""
        match node:
            case s.NewType(inner=inner):
                self.value(inner, x)
            case s.Option(inner=inner, wrapped=wrapped):
                self.option(inner, wrapped, self.local(x))
            case s.Tuple(items=items):
                self.tuple(items, x)
            case s.Struct(cls=cls, fields=fields):
                x = self.local(x)
                self.check(f"{x}.__class__ is not {self.src.const(cls, 'C')}")
                self.fields(fields, x)
            case s.Enum():
                self.enum(node, self.local(x))
            case s.Seq(inner=inner):
                self.sequence(inner, self.local(x), None)
            case s.Array(inner=inner, length=length):
                self.sequence(inner, self.local(x), length)
            case s.Set() | s.Map():
                self.keyed(node, self.local(x))
            case s.Bytes(length=length, serde=serde):
                self.octets(self.local(x), length, serde)
            case _:
                self.leaf(node, x)

    def fields(self, fields: tuple[s.Field, ...], x: str) -> None:
        for f in fields:
            self.value(f.type, f"{x}.{f.name}")

    def option(self, inner: s.Node, wrapped: bool, x: str) -> None:
        def some() -> None:
            if wrapped:
                self.check(f"{x}.__class__ is not {self.src.const(Some, 'C')}")
            self.group.add(Atom("word", "I", 4, "1"))
            self.value(inner, f"{x}.value" if wrapped else x)

        none = Atom("word", "I", 4, "0")
        self.branches([(f"if {x} is None:", lambda: self.group.add(none)), ("else:", some)])

    def tuple(self, items: tuple[s.Node, ...], x: str) -> None:
        x = self.local(x)
        self.check(f"{x}.__class__ is not tuple or len({x}) != {len(items)}")
        names = [self.src.fresh("x") for _ in items]
        if names:
            self.src.line(f"{', '.join(names)}, = {x}")
        for item, name in zip(items, names, strict=True):
            self.value(item, name)

    def enum(self, node: s.Enum, x: str) -> None:
        if node.plain:
            self.check(f"{x}.__class__ is not {self.src.const(node.cls, 'C')}")
            index = self.src.const({id(v.python): v.index for v in node.variants}, "I")
            self.group.add(Atom("word", "I", 4, f"{index}[id({x})]"))
            return
        if len(node.variants) > 2:
            self.group.flush()
        cls = self.src.fresh("c")
        self.src.line(f"{cls} = {x}.__class__")

        def variant(v: s.Variant) -> Callable[[], None]:
            def body() -> None:
                self.group.add(Atom("word", "I", 4, str(v.index)))
                self.fields(v.fields, x)

            return body

        heads = [(f"elif {cls} is {self.src.const(v.python, 'C')}:", variant(v)) for v in node.variants]
        heads[0] = (heads[0][0].removeprefix("el"), heads[0][1])
        self.branches(heads)
        with self.src.block("else:"):
            self.src.line("raise Bad")

    def octets(self, x: str, length: int | None, serde: bool) -> None:
        raw = self.src.fresh("b")
        self.src.line(f"{raw} = {x} if {x}.__class__ is bytes else {self.src.const(bulk.octets_of, 'octets')}({x})")
        spread = "{}" if self.packed or serde else self.group.widening("{}")
        if length is None:
            n = self.src.fresh("n")
            self.src.line(f"{n} = len({raw})")
            data = spread.format(raw)
            kind = "text" if serde else "octets" if self.packed else "wide"
            self.add(Atom(kind, "", 0, f"{n}, {data}", n, data))
            return
        self.check(f"len({raw}) != {length}")
        if self.packed or 4 * length > MAX_INLINE:
            self.blob(spread.format(raw), length * (1 if self.packed else 4), "raw" if self.packed else "word")
        elif length:
            self.group.wide(raw, 4 * length)

    def blob(self, data: str, size: int, kind: str) -> None:
        """Bytes of a fixed size, in the group where they are few."""
        if size > MAX_INLINE:
            if kind == "word" and self.group.phase != ALIGNED:
                self.group.add(Atom("align"))
            self.group.flush()
            self.src.line(f"w({data})")
            self.group.phase = self.group.phase.plus(size)
        elif size:
            self.group.add(Atom(kind, f"{size}s", size, data))

    def sequence(self, inner: s.Node, x: str, length: int | None) -> None:
        convert = bulk.to_bytes(inner, self.packed)
        if convert is not None:
            self.numbers(inner, x, length, self.src.const(convert, "bulk"))
            return
        items = self.src.fresh("l")
        to_items = self.src.const(bulk.items_of(inner), "items")
        self.src.line(f"{items} = {x} if {x}.__class__ is list else {to_items}({x})")
        if length is None:
            self.group.add(Atom("word", "I", 4, f"len({items})"))
        else:
            self.check(f"len({items}) != {length}")
        item, long = self.src.fresh("x"), f"{self.src.const(batches, 'batches')}(w, {items})"
        rounds = f"{items} if len({items}) <= {4 * BATCH} else {long}"
        self.loop(f"for {item} in {rounds}:", lambda: self.value(inner, item))

    def numbers(self, inner: s.Node, x: str, length: int | None, convert: str) -> None:
        """A list of plain numbers: packed with its surroundings where it is short, else converted as a whole."""
        code = native_code(inner) or ""
        byte = code in "B?" and self.packed
        size = 1 if byte else max(4, {"q": 8, "Q": 8, "d": 8}.get(code, 4))
        n = str(length)
        if length is None:
            n = self.src.fresh("n")
            self.src.line(f"{n} = len({x})")
        else:
            self.check(f"len({x}) != {n}")
        data = f"{convert}({x})"
        if length is not None and not byte and code in "IiQqfd" and 0 < length < SMALL:
            items = self.src.const(bulk.items_of(inner), "items")
            args = f"*({x} if {x}.__class__ is list else {items}({x}))"
            self.group.add(Atom("word", f"{length}{code}", length * size, args))
        elif length is not None:
            self.blob(data, length * size, "raw" if byte else "word")
        elif byte:
            self.add(Atom("octets", "", 0, f"{n}, {data}", n, data))
        elif code in "IiQqfd":
            self.add(Atom("items", code, size, f"{n}, *{x}", n, data, small=f"{x}.__class__ is list"))
        else:
            self.add(Atom("wide", "", 0, f"{n}, {data}", n, data))

    def keyed(self, node: s.Set | s.Map, x: str) -> None:
        inner = node.key if isinstance(node, s.Map) else node.inner
        kinds = "dict" if isinstance(node, s.Map) else f"set and {x}.__class__ is not frozenset"
        self.check(f"{x}.__class__ is not {kinds}")
        self.group.add(Atom("word", "I", 4, f"len({x})"))
        key = order_key(inner)
        order = f"sorted({x})" if key is None else f"sorted({x}, key={self.src.const(key, 'order')})"
        if isinstance(node, s.Map) and not node.ordered:
            order = x
        item = self.src.fresh("x")

        def body() -> None:
            self.value(inner, item)
            if isinstance(node, s.Map):
                self.value(node.value, f"{x}[{item}]")

        self.loop(f"for {item} in {order}:", body)

    def leaf(self, node: s.Node, x: str) -> None:
        match node:
            case s.Unit():
                self.check(f"{x} is not None")
            case s.Bool():
                x = self.local(x)
                self.check(f"{x} is not True and {x} is not False")
                self.group.add(Atom("raw", "B", 1, x) if self.packed else Atom("word", "I", 4, x))
            case s.Int(bits=8, signed=False) if self.packed:
                self.group.add(Atom("raw", "B", 1, x))
            case s.Int(bits=128, signed=signed):
                x = self.local(x)
                self.group.add(Atom("word", "Qq" if signed else "QQ", 16, f"{x} & {(1 << 64) - 1}, {x} >> 64"))
            case s.Int(bits=8 | 16, signed=True):
                x = self.local(x)
                self.check(f"not {node.low} <= {x} <= {node.high}")
                self.group.add(Atom("word", "i", 4, x))
            case s.Int(bits=bits, signed=signed):
                code = INT_CODES[bits]
                self.group.add(Atom("word", code.lower() if signed else code, max(bits, 32) // 8, x))
            case s.Float(bits=bits):
                self.group.add(Atom("word", "f" if bits == 32 else "d", bits // 8, x))
            case s.Char():
                x = self.local(x)
                code = self.src.fresh("c")
                self.check(f"{x}.__class__ is not str")
                self.src.line(f"{code} = ord({x})")
                self.check(f"0xD800 <= {code} < 0xE000")
                self.group.add(Atom("word", "I", 4, code))
            case s.Str():
                text, n = self.src.fresh("s"), self.src.fresh("n")
                self.src.line(f"{text} = {self.src.const(str.encode, 'utf8')}({x})")
                self.src.line(f"{n} = len({text})")
                self.add(Atom("text", "", 0, f"{n}, {text}", n, text))
