"""The words themselves, for the reference encoder and decoder: both formats, as the Rust code has them."""

from __future__ import annotations

from .report import ZERO_SIZED_LIMIT, Path, refuse_words

__all__ = ["PackedReader", "PackedWriter", "Reader", "Writer"]


class Writer:
    """Writes words: the standard format."""

    def __init__(self) -> None:
        self.data = bytearray()

    def word(self, value: int) -> None:
        """One word."""
        self.data += value.to_bytes(4, "little")

    def byte(self, value: int) -> None:
        """One u8 or bool."""
        self.word(value)

    def padded(self, raw: bytes) -> None:
        """Bytes, zero-padded to a word."""
        self.data += raw + bytes(-len(raw) % 4)

    def open(self) -> None:
        """A container opens (only the packed format cares)."""

    def close(self) -> None:
        """It closes."""


class PackedWriter(Writer):
    """The byte automaton of l2r0-small-serde, with a depth that has no limit."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.held: list[int] = []

    def flush(self) -> None:
        """Writes the word that is being filled, if one is."""
        if self.held:
            super().padded(bytes(self.held))
            self.held = []

    def word(self, value: int) -> None:
        """One word, after a flush."""
        self.flush()
        super().word(value)

    def byte(self, value: int) -> None:
        """A byte: at depth 0 a whole word, deeper the next byte of the current word."""
        if self.depth == 0:
            super().word(value)
            return
        self.held.append(value)
        if len(self.held) == 4:
            self.flush()

    def padded(self, raw: bytes) -> None:
        """Bytes, after a flush."""
        self.flush()
        super().padded(raw)

    def open(self) -> None:
        """One level deeper."""
        self.depth += 1

    def close(self) -> None:
        """One level up; flushes when it was the outermost."""
        self.depth -= 1
        if self.depth == 0:
            self.flush()


class Reader:
    """Reads words: the standard format."""

    def __init__(self, data: bytes, at: int, strict: bool) -> None:
        self.data = data
        self.at = at
        self.strict = strict
        self.zero_sized_left = ZERO_SIZED_LIMIT

    def word(self, path: Path, expected: str) -> int:
        """The next word."""
        if self.at + 4 > len(self.data):
            refuse_words(path, self.at // 4, expected, "the end of the input")
        self.at += 4
        return int.from_bytes(self.data[self.at - 4 : self.at], "little")

    def byte(self, path: Path, expected: str) -> int:
        """What stands for one u8 or bool."""
        return self.word(path, expected)

    def padded(self, size: int, path: Path, expected: str) -> bytes:
        """Bytes and their padding."""
        end = self.at + size
        aligned = end + (-size % 4)
        if aligned > len(self.data):
            left = len(self.data) - self.at
            refuse_words(path, self.at // 4, expected, f"the end of the input after {left} of {size} bytes")
        if self.strict and any(self.data[end:aligned]):
            refuse_words(path, end // 4, "zero padding", _word(self.data, end // 4))
        raw = self.data[self.at : end]
        self.at = aligned
        return raw

    def finish(self, path: Path) -> None:
        """The value ends here."""


class PackedReader(Reader):
    """The byte buffer of l2r0-small-serde's deserializer."""

    held = b""

    def flush(self, path: Path) -> None:
        """Drops the unread bytes of the current word, which must be zero."""
        if any(self.held):
            refuse_words(path, self.at // 4 - 1, "zero padding", _word(self.data, self.at // 4 - 1))
        self.held = b""

    def word(self, path: Path, expected: str) -> int:
        """The next word, after a flush."""
        self.flush(path)
        return super().word(path, expected)

    def byte(self, path: Path, expected: str) -> int:
        """The next byte of the current word, or the first of a new one."""
        if not self.held:
            super().word(path, expected)
            self.held = self.data[self.at - 4 : self.at]
        byte, self.held = self.held[0], self.held[1:]
        return byte

    def padded(self, size: int, path: Path, expected: str) -> bytes:
        """Bytes and their padding, after a flush."""
        self.flush(path)
        return super().padded(size, path, expected)

    def finish(self, path: Path) -> None:
        """The value ends: where strict, what is left of its last word must be zero."""
        if self.strict:
            self.flush(path)


def _word(data: bytes, index: int) -> str:
    return f"{int.from_bytes(data[index * 4 : index * 4 + 4], 'little'):#010x}"
