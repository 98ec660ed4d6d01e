"""Universal Binary JSON, draft 12 (ubjson.org), as XGBoost writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_DEPTH = 64
NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
SINGLE: dict[bytes, Any] = {b"Z": None, b"T": True, b"F": False}


def loads(data: bytes) -> Any:
    """Return the value of a document, as `json.loads` has it; arrays of numbers of one type are lists too.

    Raises ValueError for bytes that are none, are cut short, or nest deeper than `MAX_DEPTH`.
    """
    reader = _Reader(data)
    value = reader.value(reader.take(1), 0)
    if reader.at != len(data):
        raise ValueError(f"{len(data) - reader.at} bytes after the end of the document")
    return value


@dataclass
class _Reader:
    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise ValueError(f"{count} bytes at {self.at}, where {len(self.data) - self.at} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def value(self, kind: bytes, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        if kind in NUMBERS:
            return self.numbers(kind, 1)[0]
        if kind in SINGLE:
            return SINGLE[kind]
        if kind == b"C":
            return self.take(1).decode("ascii")
        if kind == b"S":
            return self.text()
        if kind == b"[":
            return self.array(depth)
        if kind == b"{":
            return self.object(depth)
        raise ValueError(f"the type {kind!r} at {self.at}")

    def numbers(self, kind: bytes, count: int) -> list[Any]:
        dtype = np.dtype(NUMBERS[kind])
        found: list[Any] = np.frombuffer(self.take(count * dtype.itemsize), dtype).tolist()
        return found

    def text(self) -> str:
        return self.take(self.length()).decode("utf-8")

    def length(self) -> int:
        kind = self.take(1)
        if kind not in (b"i", b"U", b"I", b"l", b"L"):
            raise ValueError(f"a length of the type {kind!r} at {self.at}")
        found = int(self.numbers(kind, 1)[0])
        if found < 0:
            raise ValueError(f"a length of {found} at {self.at}")
        return found

    def header(self) -> tuple[bytes | None, int | None]:
        """Return the type that all entries of an array or object have, and their number, where they are said."""
        kind = None
        if self.data[self.at : self.at + 1] == b"$":
            self.at += 1
            kind = self.take(1)
        if self.data[self.at : self.at + 1] == b"#":
            self.at += 1
            return kind, self.length()
        if kind is not None:
            raise ValueError(f"a type without a number of entries at {self.at}")
        return None, None

    def array(self, depth: int) -> list[Any]:
        kind, count = self.header()
        if kind in NUMBERS and count is not None:
            return self.numbers(kind, count)
        found: list[Any] = []
        while count is None or len(found) < count:
            each = kind or self.take(1)
            if count is None and each == b"]":
                break
            found.append(self.value(each, depth + 1))
            self._advances(kind)
        return found

    def object(self, depth: int) -> dict[str, Any]:
        kind, count = self.header()
        found: dict[str, Any] = {}
        entries = 0
        while count is None or entries < count:
            if count is None and self.data[self.at : self.at + 1] == b"}":
                self.at += 1
                break
            key = self.text()
            found[key] = self.value(kind or self.take(1), depth + 1)
            entries += 1
        return found

    def _advances(self, kind: bytes | None) -> None:
        """Entries without bytes of their own could be any number of them."""
        if kind in SINGLE:
            raise ValueError(f"an array of the type {kind!r}, which has no bytes, at {self.at}")
