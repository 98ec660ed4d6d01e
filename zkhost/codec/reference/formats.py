"""The words themselves: both formats, as the Rust code has them."""

from __future__ import annotations

import struct
from typing import Any

from ..refusals import AS_RUST, Path, refuse_words

__all__ = ["PackedReader", "PackedWriter", "Reader", "Writer"]


class Writer:
    """Writes words: the standard format."""

    def __init__(self) -> None:
        self.data = bytearray()

    def word(self, value: int) -> None:
        """Write one word."""
        self.data += value.to_bytes(4, "little")

    def byte(self, value: int) -> None:
        """Write one u8 or bool."""
        self.word(value)

    def octets(self, raw: bytes) -> None:
        """Write any number of u8 or bool, inside a container."""
        self.data += struct.pack(f"<{len(raw)}I", *raw)

    def words(self, raw: bytes) -> None:
        """Write any number of whole words."""
        self.data += raw

    def padded(self, raw: bytes) -> None:
        """Write bytes, zero-padded to a word."""
        self.data += raw + bytes(-len(raw) % 4)

    def open(self) -> None:
        """Open a container (only the packed format depends on it)."""

    def close(self) -> None:
        """Close the container."""


class PackedWriter(Writer):
    """The byte automaton of l2r0-small-serde, with a depth that has no limit."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.held = bytearray()

    def flush(self) -> None:
        """Write the word that is being filled, if one is."""
        if self.held:
            super().padded(bytes(self.held))
            self.held.clear()

    def word(self, value: int) -> None:
        """Write one word, after a flush."""
        self.flush()
        super().word(value)

    def byte(self, value: int) -> None:
        """Write a byte: at depth 0 a whole word, deeper the next byte of the current word."""
        if self.depth == 0:
            super().word(value)
            return
        self.held.append(value)
        if len(self.held) == 4:
            self.flush()

    def octets(self, raw: bytes) -> None:
        """Write bytes, where the last one ended."""
        self.held += raw
        whole = len(self.held) & ~3
        self.data += self.held[:whole]
        del self.held[:whole]

    def words(self, raw: bytes) -> None:
        """Write words, after a flush; no words flush nothing."""
        if raw:
            self.flush()
            super().words(raw)

    def padded(self, raw: bytes) -> None:
        """Write bytes, after a flush."""
        self.flush()
        super().padded(raw)

    def open(self) -> None:
        """Go one level deeper."""
        self.depth += 1

    def close(self) -> None:
        """Go one level up; flush when that level was the outermost."""
        self.depth -= 1
        if self.depth == 0:
            self.flush()


class Reader:
    """Reads words: the standard format."""

    def __init__(self, data: bytes, at: int, strict: bool) -> None:
        self.data = data
        self.at = at
        self.strict = strict

    def state(self) -> Any:
        """Return the position, for `restore`."""
        return self.at

    def restore(self, state: Any) -> None:
        """Return to a position of `state`."""
        self.at = state

    def word(self, path: Path, expected: str) -> int:
        """Read the next word."""
        if self.at + 4 > len(self.data):
            refuse_words(path, self.at // 4, expected, "the end of the input")
        self.at += 4
        return int.from_bytes(self.data[self.at - 4 : self.at], "little")

    def byte(self, path: Path, expected: str) -> int:
        """Read what stands for one u8 or bool."""
        return self.word(path, expected)

    def octets(self, count: int) -> bytes | None:
        """Read `count` u8 or bool; return None, with nothing read, where one is above 255 or some are missing."""
        end = self.at + 4 * count
        if end > len(self.data):
            return None
        try:
            raw = bytes(struct.unpack_from(f"<{count}I", self.data, self.at))
        except ValueError:
            return None
        self.at = end
        return raw

    def words(self, size: int) -> bytes | None:
        """Read `size` bytes of whole words; return None, with nothing read, where some are missing."""
        if self.at + size > len(self.data):
            return None
        self.at += size
        return self.data[self.at - size : self.at]

    def padded(self, size: int, path: Path, expected: str) -> bytes:
        """Read bytes and their padding."""
        end = self.at + size
        aligned = end + (-size % 4)
        if aligned > len(self.data):
            left = len(self.data) - self.at
            refuse_words(path, self.at // 4, expected, f"the end of the input after {left} of {size} bytes")
        if self.strict and any(self.data[end:aligned]):
            refuse_words(path, end // 4, "zero padding", _word(self.data, end // 4), AS_RUST)
        raw = self.data[self.at : end]
        self.at = aligned
        return raw

    def finish(self, path: Path) -> None:
        """Finish the value."""


class PackedReader(Reader):
    """The byte buffer of l2r0-small-serde's deserializer."""

    held = b""

    def state(self) -> Any:
        """Return the position, and the unread bytes of the current word."""
        return self.at, self.held

    def restore(self, state: Any) -> None:
        """Return to a position of `state`."""
        self.at, self.held = state

    def octets(self, count: int) -> bytes | None:
        """Read bytes from where the last one ended; return None, with nothing read, where some are missing."""
        more = max(count - len(self.held), 0)
        end = self.at + more + -more % 4
        if end > len(self.data):
            return None
        raw = self.held + self.data[self.at : end]
        self.at, self.held = end, raw[count:]
        return raw[:count]

    def words(self, size: int) -> bytes | None:
        """Read whole words, after a flush; return None, with nothing read, where some are missing or it fails."""
        if not size:
            return b""
        if any(self.held):
            return None
        raw = super().words(size)
        if raw is not None:
            self.held = b""
        return raw

    def flush(self, path: Path, hint: str | None = None) -> None:
        """Drop the unread bytes of the current word, which must be zero."""
        if any(self.held):
            refuse_words(path, self.at // 4 - 1, "zero padding", _word(self.data, self.at // 4 - 1), hint)
        self.held = b""

    def word(self, path: Path, expected: str) -> int:
        """Read the next word, after a flush."""
        self.flush(path)
        return super().word(path, expected)

    def byte(self, path: Path, expected: str) -> int:
        """Read the next byte of the current word, or the first of a new one."""
        if not self.held:
            super().word(path, expected)
            self.held = self.data[self.at - 4 : self.at]
        byte, self.held = self.held[0], self.held[1:]
        return byte

    def padded(self, size: int, path: Path, expected: str) -> bytes:
        """Read bytes and their padding, after a flush."""
        self.flush(path)
        return super().padded(size, path, expected)

    def finish(self, path: Path) -> None:
        """Finish the value; where strict, the rest of its last word must be zero."""
        if self.strict:
            self.flush(path, AS_RUST)


def _word(data: bytes, index: int) -> str:
    return f"{int.from_bytes(data[index * 4 : index * 4 + 4], 'little'):#010x}"
