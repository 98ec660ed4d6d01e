"""The parts of an input, and the struct formats that read them, cached by length."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Head", "Part", "Unpackers"]


@dataclass(frozen=True)
class Part:
    """A part of fixed size: its struct code, the variables it fills, and whether it begins at a word boundary."""

    code: str
    size: int
    names: tuple[str, ...]
    word: bool = True


@dataclass(frozen=True)
class Head:
    """A part of `n` elements: `text` (bytes, then padding), `octets` (bytes), `wide` (words as bytes), or numbers."""

    kind: str
    n: str
    name: str
    size: int = 1

    def sizes(self, n: int) -> tuple[str, int]:
        """The struct code for n elements, and how many bytes they take without padding."""
        if self.kind in ("text", "octets", "wide"):
            return f"{n * self.size}s", n * self.size
        return f"{n}{self.kind}", n * self.size


Unpack = Callable[[bytes, int], tuple[Any, ...]]


class Unpackers(dict[int, tuple[Unpack, int]]):
    """Unpackers of a head and what follows it, with the number of bytes they take, by the length of the head."""

    def __init__(self, head: Head, parts: tuple[Part, ...]) -> None:
        super().__init__()
        self.head, self.parts = head, parts

    def __missing__(self, n: int) -> tuple[Unpack, int]:
        code, at = self.head.sizes(n)
        out, padded = ["<", code], self.head.kind != "octets"
        if self.head.kind == "text":
            out.append(f"{-at % 4}s")
            at += -at % 4
        for part in self.parts:
            if part.word and not padded:
                out.append(f"{-at % 4}s")
                at += -at % 4
                padded = True
            elif part.word and at % 4:
                out.append(f"{-at % 4}s")
                at += -at % 4
            out.append(part.code)
            at += part.size
        made = self[n] = struct.Struct("".join(out)).unpack_from, at
        return made
