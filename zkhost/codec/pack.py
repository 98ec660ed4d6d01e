"""Pending output of an encoder: consecutive small parts become one call of a cached struct packer.

In both formats a value is a run of bytes in which some parts begin at a word boundary. The standard format aligns
everything; in the packed format a u8, a bool and a byte array go where the last part ended. (At depth 0 there is at
most one such byte, and the end of the value pads it to a word: so depth needs no bookkeeping here.)
A place whose position modulo 4 depends on lengths is a `Phase` with variables.
"""

from __future__ import annotations

import struct
from _codecs import utf_32_le_encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import chain
from typing import Any

from .source import Source

__all__ = ["ALIGNED", "AT_O", "BATCH", "SMALL", "ZEROS", "Atom", "Group", "Phase", "batches"]

#: Lengths below this are packed together with what is around them, by formats cached per length.
SMALL = 64
ZEROS = (b"", b"\0\0\0", b"\0\0", b"\0")
"""Padding to the next word, by position modulo 4."""
#: So many elements of a long list are joined at a time (see `batches`).
BATCH = 256


@dataclass(frozen=True)
class Phase:
    """A position modulo 4: a constant plus local variables."""

    const: int = 0
    names: tuple[str, ...] = ()

    @property
    def expr(self) -> str:
        """The expression for it."""
        if not self.names:
            return str(self.const)
        if self.names == ("o",) and not self.const:
            return "o"
        return f"({' + '.join((*self.names, str(self.const)))}) & 3"

    def plus(self, const: int = 0, *names: str) -> Phase:
        """The position so many bytes on."""
        return Phase((self.const + const) % 4, self.names + names)


ALIGNED = Phase()
AT_O = Phase(0, ("o",))


@dataclass(frozen=True)
class Atom:
    """One part of a group.

    `kind` is `word` (begins at a word), `raw` (begins anywhere), `align` (pads only), or, of a length known at run time
    and with a length word before it, `text` (bytes, then padding), `octets` (bytes), `wide` (4 bytes an element) or
    `items` (numbers of the struct code). `args` go to the packer, `data` is the expression of the bytes themselves.
    """

    kind: str
    code: str = ""
    size: int = 0
    args: str = ""
    length: str = ""
    data: str = ""
    small: str = ""

    @property
    def shape(self) -> tuple[str, str, int]:
        """What the format depends on."""
        return self.kind, self.code, self.size


Shape = tuple[tuple[str, str, int], ...]


def pack_format(shape: Shape, lengths: tuple[int, ...], at: int) -> str:
    """The struct format of a group that begins at position `at` modulo 4."""
    out, rest = ["<"], iter(lengths)
    for kind, code, size in shape:
        if kind != "raw" and at % 4:
            out.append(f"{-at % 4}x")
            at += -at % 4
        if kind == "align":
            continue
        if kind in ("word", "raw"):
            out.append(code)
            at += size
            continue
        n = next(rest)
        wide = {"text": n + -n % 4, "octets": n, "wide": 4 * n}
        out.append(f"I{n}{code}" if kind == "items" else f"I{wide[kind]}s")
        at += 4 + (n * size if kind == "items" else wide[kind])
    return "".join(out)


class Packers(dict[int, Callable[..., bytes]]):
    """Packers of one group by its lengths (below SMALL) and its position modulo 4, all in one int."""

    def __init__(self, shape: Shape, count: int) -> None:
        super().__init__()
        self.shape, self.count = shape, count

    def __missing__(self, key: int) -> Callable[..., bytes]:
        lengths = tuple((key >> (2 + 6 * i)) & (SMALL - 1) for i in range(self.count))
        made = self[key] = struct.Struct(pack_format(self.shape, lengths, key & 3)).pack
        return made


def batches(write: Any, items: list[Any] | tuple[Any, ...]) -> Iterable[Any]:
    """The items of a long list; what was appended with `write` becomes part of one buffer after each BATCH of them.

    So the memory of the small pieces is used again while it is in the processor's cache, and the output, of which
    that buffer is most, is not copied at the end.
    """

    def groups() -> Iterator[Any]:
        pieces, joined = write.__self__, BytesIO()
        for start in range(0, len(items), BATCH):
            yield items[start : start + BATCH]
            joined.write(b"".join(pieces))
            pieces.clear()
        pieces.append(joined.getvalue())

    return chain.from_iterable(groups())


@dataclass
class Group:
    """The parts not yet written, from position `start` on."""

    source: Source
    start: Phase = ALIGNED
    atoms: list[Atom] = field(default_factory=list)
    phase: Phase = ALIGNED

    def add(self, atom: Atom) -> None:
        """Adds a part. At most two parts have a length of their own, so that few formats are needed."""
        if not self.atoms:
            self.start = self.phase
        self.atoms.append(atom)
        if atom.kind != "raw":
            self.phase = ALIGNED
        if atom.kind in ("word", "raw"):
            self.phase = self.phase.plus(atom.size)
        elif atom.kind == "octets":
            self.phase = self.phase.plus(0, atom.length)

    def widening(self, data: str) -> str:
        """The expression for bytes as a word each (see `bulk.wide`)."""
        read, write = self.source.const(bytes.decode, "text"), self.source.const(utf_32_le_encode, "u32e")
        return f"{write}({read}({data}, 'latin1'))[0]"

    def wide(self, raw: str, size: int) -> None:
        """Adds bytes that take a word each. Such parts side by side are turned into words together."""
        last = self.atoms[-1] if self.atoms else None
        if last is not None and last.kind == "word" and last.data:
            self.atoms.pop()
            raw, size = f"{last.data} + {raw}", last.size + size
            self.phase = ALIGNED
        self.add(Atom("word", f"{size}s", size, self.widening(raw), data=raw))

    @property
    def full(self) -> bool:
        """Whether a part with a length has no place any more."""
        return sum(1 for a in self.atoms if a.length) >= 2

    def copy(self) -> Group:
        """The same parts, to be written on another branch."""
        return replace(self, atoms=list(self.atoms))

    def flush(self, sink: str = "w({})") -> None:
        """Writes the parts: each call of a packer is put into `sink`."""
        atoms, self.atoms = self.atoms, []
        if not atoms:
            return
        sized = [a for a in atoms if a.length]
        if not sized:
            self.source.line(sink.format(self._static(atoms, self.start)))
            return
        cache = self.source.const(Packers(tuple(a.shape for a in atoms), len(sized)), "F")
        key = [f"{a.length} << {2 + 6 * i}" for i, a in enumerate(sized)]
        if self.start != ALIGNED:
            key.append(self.start.expr)
        small = [f"{a.length} < {SMALL}" for a in sized] + [a.small for a in sized if a.small]
        args = ", ".join(a.args for a in atoms if a.args)
        with self.source.block(f"if {' and '.join(small)}:"):
            self.source.line(sink.format(f"{cache}[{' | '.join(key)}]({args})"))
        with self.source.block("else:"):
            self._pieces(atoms, sink)

    def _static(self, atoms: list[Atom], start: Phase) -> str:
        shape = tuple(a.shape for a in atoms)
        args = ", ".join(a.args for a in atoms if a.args)
        if not start.names:
            packer = struct.Struct(pack_format(shape, (), start.const)).pack
            return f"{self.source.const(packer, 'P')}({args})"
        four = tuple(struct.Struct(pack_format(shape, (), at)).pack for at in range(4))
        return f"{self.source.const(four, 'P')}[{start.expr}]({args})"

    def _pieces(self, atoms: list[Atom], sink: str) -> None:
        """Writes long parts on their own, so that their bytes are copied once."""
        line, zeros = self.source.line, self.source.const(ZEROS, "Z")
        direct = sink.startswith("return")
        if direct:
            line("r = []")
            line("w = r.append")
        piece = Group(self.source, phase=self.start)
        for atom in atoms:
            if not atom.length:
                piece.add(atom)
                continue
            piece.add(Atom("word", "I", 4, atom.length))
            piece.flush()
            line(f"w({atom.data})")
            if atom.kind == "text":
                line(f"w({zeros}[{atom.length} & 3])")
            elif atom.kind == "octets":
                piece.phase = piece.phase.plus(0, atom.length)
        piece.flush()
        if direct:
            line(sink.format("b''.join(r)"))
