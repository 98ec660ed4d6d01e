"""Pending input of a decoder: consecutive parts are read by one call of a cached struct unpacker.

A group may begin with a part whose length was read just before (its `head`), followed by parts of fixed size. Code that
uses what was read waits in `post` until the group is flushed. Generated code knows the input as `b`, its end as `e` and
the position as `p`; `moved` bytes beyond p have been read already, and are added to p when it matters.
"""

from __future__ import annotations

import struct
from _codecs import utf_32_le_decode
from dataclasses import dataclass, field

from .pack import SMALL
from .source import Source
from .unpack_formats import Head, Part, Unpackers

__all__ = ["Head", "Part", "Reads"]

ZERO_WORD = b"\0\0\0"
"""Padding (at most three bytes) compares greater than this exactly where a byte of it is not zero."""


def narrowing(source: Source, data: str) -> str:
    """The expression for words that hold a byte each, as bytes (see `bulk.narrow`)."""
    read, write = source.const(utf_32_le_decode, "u32d"), source.const(str.encode, "utf8")
    return f"{write}({read}({data}, 'strict', True)[0], 'latin1')"


@dataclass
class Reads:
    """The parts not yet read. `phase` is the position modulo 4 after them, None where only p itself tells."""

    source: Source
    strict: bool
    phase: int | None = 0
    start: int | None = 0
    moved: int = 0
    head: Head | None = None
    parts: list[Part] = field(default_factory=list)
    post: list[str] = field(default_factory=list)
    run: tuple[int, int, list[str], list[int]] | None = None

    def add(self, part: Part) -> None:
        """Reads a part of fixed size."""
        if part.word:
            self.phase = 0
        if self.phase is not None:
            self.phase = (self.phase + part.size) % 4
        self.parts.append(part)

    def narrow(self, size: int) -> str:
        """Reads bytes that take a word each. Such parts side by side are turned into bytes together."""
        name = self.source.fresh("v")
        last = self.parts[-1] if self.parts and self.run and self.run[0] == len(self.parts) else None
        if last is None:
            self.add(Part(f"{4 * size}s", 4 * size, (self.source.fresh("s"),)))
            self.run = (len(self.parts), len(self.post), [name], [size])
            self.post.append("")
        else:
            assert self.run is not None
            self.parts[-1] = Part(f"{last.size + 4 * size}s", last.size + 4 * size, last.names)
            self.run[2].append(name)
            self.run[3].append(size)
        _, index, names, sizes = self.run
        data = narrowing(self.source, self.parts[-1].names[0])
        if len(names) > 1:
            split = struct.Struct("".join(f"{n}s" for n in sizes)).unpack
            data = f"{self.source.const(split, 'split')}({data})"
        self.post[index] = f"{', '.join(names)} = {data}"
        return name

    def begin(self, head: Head) -> None:
        """Begins a new group with a part whose length was the last thing read."""
        self.flush()
        self.head = head
        self.phase = None if head.kind == "octets" else 0
        if head.kind not in ("text", "octets", "wide"):
            self.flush()

    def then(self, line: str) -> None:
        """A line that needs what was read so far."""
        if self.head or self.parts:
            self.post.append(line)
        else:
            self.source.line(line)

    def settle(self) -> None:
        """Flushes, and makes p the position."""
        self.flush()
        if self.moved:
            self.source.line(f"p += {self.moved}")
            self.moved = 0

    def flush(self) -> None:
        """Writes the code that reads the parts, then what waited for them."""
        head, parts, post = self.head, self.parts, self.post
        start, self.start = self.start, self.phase
        self.head, self.parts, self.post, self.run = None, [], [], None
        if head:
            self._with_head(head, parts)
        elif parts:
            self._fixed(parts, start)
        for line in post:
            self.source.line(line)

    def _position(self) -> str:
        return f"p + {self.moved}" if self.moved else "p"

    def _fixed(self, parts: list[Part], phase: int | None) -> None:
        """Parts of fixed size from a known or unknown position modulo 4."""
        if phase is None:
            raw = [p for p in parts if not p.word]
            raw = parts[: next((i for i, p in enumerate(parts) if p.word), len(parts))]
            if raw:
                self._unpack(raw, None)
            if len(raw) < len(parts):
                self.align()
                self._unpack(parts[len(raw) :], 0)
            return
        self._unpack(parts, phase)

    def _unpack(self, parts: list[Part], at: int | None) -> None:
        line, codes, names, size, pads = self.source.line, ["<"], [], 0, []
        for part in parts:
            if part.word and at is not None and (at + size) % 4:
                gap = -(at + size) % 4
                pads.append(self.source.fresh("z"))
                names.append(pads[-1])
                codes.append(f"{gap}s")
                size += gap
            codes.append(part.code)
            names += part.names
            size += part.size
        unpack = self.source.const(struct.Struct("".join(codes)).unpack_from, "U")
        line(f"{', '.join(names)}, = {unpack}(b, {self._position()})")
        self.moved += size
        for pad in pads:
            self._check_pad(pad)

    def _check_pad(self, pad: str) -> None:
        self.source.line(f"if {pad} > {self.source.const(ZERO_WORD, 'Z')}: raise Bad")

    def align(self) -> None:
        """Goes to the next word boundary; what is skipped must be zero."""
        if self.moved:
            self.source.line(f"p += {self.moved}")
            self.moved = 0
        with self.source.block("if p & 3:"):
            self.source.line(f"if b[p:p + (-p & 3)] > {self.source.const(ZERO_WORD, 'Z')}: raise Bad")
            self.source.line("p += -p & 3")

    def _with_head(self, head: Head, parts: list[Part]) -> None:
        src, line = self.source, self.source.line
        cache = src.const(Unpackers(head, tuple(parts)), "G")
        names = [head.name]
        pads: list[str] = []
        padded, at = head.kind != "octets", 0
        if head.kind == "text":
            pads.append(src.fresh("z"))
            names.append(pads[0])
        text_pad = bool(pads)
        for part in parts:
            if part.word and (not padded or at % 4):
                pads.append(src.fresh("z"))
                names.append(pads[-1])
                padded, at = True, 0
            names += part.names
            at += part.size
        u, size = src.fresh("u"), src.fresh("k")
        if self.moved:
            line(f"p += {self.moved}")
            self.moved = 0
        with src.block(f"if {head.n} < {SMALL}:"):
            line(f"{u}, {size} = {cache}[{head.n}]")
            if head.kind in ("text", "octets", "wide"):
                line(f"{', '.join(names)}, = {u}(b, p)")
            else:
                line(f"{head.name} = [*{u}(b, p)]")
            line(f"p += {size}")
            for i, pad in enumerate(pads):
                if self.strict or i or not text_pad:
                    self._check_pad(pad)
        with src.block("else:"):
            self._long(head)
            if parts:
                self._fixed(parts, None if head.kind == "octets" else 0)
            if self.moved:
                line(f"p += {self.moved}")
                self.moved = 0

    def _long(self, head: Head) -> None:
        line = self.source.line
        line(f"q = p + {head.n}{f' * {head.size}' if head.size > 1 else ''}")
        line("if q > len(b): raise Bad")
        view = self.source.const(memoryview, "mv")
        if head.kind == "wide":
            line(f"{head.name} = {view}(b)[p:q]")
        elif head.kind in ("text", "octets"):
            line(f"{head.name} = b[p:q]")
        else:
            line(f"{head.name} = {view}(b)[p:q].cast({head.kind!r}).tolist()")
        line("p = q")
        if head.kind == "text":
            line("q += -q & 3")
            if self.strict:
                line(f"if b[p:q] > {self.source.const(ZERO_WORD, 'Z')}: raise Bad")
            line("p = q")
            line("if p > len(b): raise Bad")
