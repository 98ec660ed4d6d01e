"""Several values one after another, as a guest reads them with one `env::read` each."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from .codecs import Codec, WireFormat, codec
from .refusals import refuse_words
from .words import Words, as_words

__all__ = ["Reader", "Writer"]

T = TypeVar("T")


class Writer:
    """Collects values; each is written separately, so each begins at a word boundary.

    >>> from zkhost.codec import U8, U32
    >>> out = Writer("packed")
    >>> out.write(7, U8).write([1, 2], list[U8]).to_bytes().hex()
    '070000000200000001020000'
    """

    def __init__(self, format: WireFormat | str = WireFormat.STANDARD) -> None:
        self.format = format
        self._parts: list[bytes] = []

    def write(self, value: Any, type: Any = None, format: WireFormat | str | None = None) -> Writer:
        """Add a value; without `type`, of its own class. Raises EncodeError; then nothing was added."""
        made: Codec[Any] = codec(value.__class__ if type is None else type, format or self.format)
        self._parts.append(made.encode(value))
        return self

    def to_bytes(self) -> bytes:
        """Return all words so far, in little-endian bytes."""
        return b"".join(self._parts)


class Reader:
    """Reads values from words; `offset` is the number of words read.

    >>> from zkhost.codec import U8, U32
    >>> words = Reader([5, 2, 10, 20])
    >>> words.read(U8), words.read(list[U32]), words.offset
    (5, [10, 20], 4)
    >>> words.finish()
    """

    def __init__(self, data: Words, format: WireFormat | str = WireFormat.STANDARD, strict: bool = True) -> None:
        self.format = format
        self.strict = strict
        self.offset = 0
        self._data = as_words(data)

    @property
    def left(self) -> int:
        """The number of words left."""
        return len(self._data) // 4 - self.offset

    @overload
    def read(self, type: type[T], format: WireFormat | str | None = ...) -> T: ...
    @overload
    def read(self, type: Any, format: WireFormat | str | None = ...) -> Any: ...
    def read(self, type: Any, format: WireFormat | str | None = None) -> Any:
        """Read the next value. Raises DecodeError, with the offset in the whole input; then nothing was read."""
        made: Codec[Any] = codec(type, format or self.format)
        value, self.offset = made.decode_from(self._data, self.offset, self.strict)
        return value

    def finish(self) -> None:
        """Raise DecodeError where words are left."""
        if self.left:
            refuse_words(None, self.offset, "the end of the input", f"{self.left} more words")
