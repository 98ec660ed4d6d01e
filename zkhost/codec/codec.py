"""`Codec`: a type and a wire format, compiled once, that turns values into words and back."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast, overload

from ..errors import DecodeError, EncodeError
from . import schema as s
from .ref_decode import decode_value
from .ref_encode import encode_value
from .report import NESTING_LIMIT, refuse_words
from .translate import schema_of

__all__ = ["Codec", "WireFormat", "Words", "codec", "decode", "encode"]

T = TypeVar("T")
Words = bytes | bytearray | memoryview | Iterable[int]
"""Words as input: bytes (little-endian, four a word), any buffer of them, array('I') or other ints."""


class WireFormat(StrEnum):
    """How values become words: risc0's own serde format, or the one that packs bytes four to a word."""

    STANDARD = "standard"
    PACKED = "packed"


class Codec(Generic[T]):
    """The encoder and decoder of one type in one format. Get one from `codec`; it can be shared between threads."""

    def __init__(self, node: s.Node, format: WireFormat) -> None:
        self.schema = node
        self.format = format
        self._packed = format is WireFormat.PACKED

    def __repr__(self) -> str:
        return f"Codec({getattr(self.schema, 'name', self.schema)}, {self.format.value})"

    def encode(self, value: T) -> bytes:
        """The value as words, in little-endian bytes. Raises EncodeError with the path of what does not fit."""
        try:
            return encode_value(self.schema, value, self._packed)
        except RecursionError:
            raise EncodeError(_too_deep("value"), path="", expected="fewer levels", found="more") from None

    def encode_words(self, value: T) -> list[int]:
        """The value as a list of words. Raises EncodeError."""
        return self.encode_array(value).tolist()

    def encode_array(self, value: T) -> array[int]:
        """The value as an array('I') of words. Raises EncodeError."""
        words = array("I", self.encode(value))
        if sys.byteorder == "big":
            words.byteswap()
        return words

    def decode(self, data: Words, strict: bool = True) -> T:
        """The value that `data` holds. Raises DecodeError with the path and the word offset of what is wrong.

        Where `strict`, words left over, padding that is not zero and maps or sets out of order are refused;
        otherwise exactly what the Rust deserializer accepts is accepted, words left over included.
        """
        raw = as_words(data)
        value, end = self._decode(raw, 0, strict)
        if strict and end != len(raw):
            left = (len(raw) - end) // 4
            refuse_words(None, end // 4, "the end of the input", f"{left} more word{'s' * (left > 1)}",
                         "to read several values one after another use decode_from or zkhost.codec.Reader")  # fmt: skip
        return value

    def decode_from(self, data: Words, offset: int = 0, strict: bool = True) -> tuple[T, int]:
        """The value that begins at word `offset`, and the offset of the word after it: what env::read does in Rust.

        Raises DecodeError; what follows the value is not looked at.
        """
        value, end = self._decode(as_words(data), offset * 4, strict)
        return value, end // 4

    def _decode(self, raw: bytes, at: int, strict: bool) -> tuple[T, int]:
        try:
            return cast("tuple[T, int]", decode_value(self.schema, raw, at, self._packed, strict))
        except RecursionError:
            raise DecodeError(
                _too_deep("stream"), path="", offset=at // 4, expected="fewer levels", found="more"
            ) from None


def as_words(data: Words) -> bytes:
    """Words in any form as little-endian bytes. Raises DecodeError where they are not whole words."""
    if isinstance(data, bytes):
        raw = data
    elif isinstance(data, str):
        raise DecodeError("expected words, found a str", path="", offset=0, expected="words", found="str")
    else:
        try:
            view = memoryview(cast(Any, data))
        except TypeError:
            words = array("I", data)
            view = memoryview(words)
        raw = view.tobytes()
        if view.itemsize == 4 and sys.byteorder == "big":
            swapped = array("I", raw)
            swapped.byteswap()
            raw = swapped.tobytes()
    if len(raw) % 4:
        refuse_words(None, len(raw) // 4, "whole words of four bytes", f"{len(raw)} bytes")
    return raw


def _too_deep(what: str) -> str:
    return (
        f"the {what} is nested deeper than {NESTING_LIMIT} levels, or than Python's recursion limit "
        f"({sys.getrecursionlimit()}) allows"
    )


@overload
def codec(type: type[T], format: WireFormat | str = ..., *, namespace: Mapping[str, Any] | None = ...) -> Codec[T]: ...
@overload
def codec(type: Any, format: WireFormat | str = ..., *, namespace: Mapping[str, Any] | None = ...) -> Codec[Any]: ...
def codec(
    type: Any, format: WireFormat | str = WireFormat.STANDARD, *, namespace: Mapping[str, Any] | None = None
) -> Codec[Any]:
    """The codec of an annotation: made once, then remembered.

    `namespace` resolves forward references to names neither global in the module of the class nor nested in it.
    Raises SchemaError, naming the field and the fix, for an annotation without a wire form.

    >>> from zkhost.codec import U8, U64
    >>> codec(tuple[U8, U64], "packed").encode_words((7, 1 << 32))
    [7, 0, 1]
    """
    try:
        if not namespace:
            return _cached(type, WireFormat(format))
    except TypeError as exc:
        if isinstance(exc, ValueError) or "unhashable" not in str(exc):
            raise
    return Codec(schema_of(type, namespace), WireFormat(format))


@lru_cache(maxsize=4096)
def _cached(type: Any, format: WireFormat) -> Codec[Any]:
    return Codec(schema_of(type), format)


def encode(value: Any, type: Any = None, format: WireFormat | str = WireFormat.STANDARD) -> bytes:
    """Encodes a value of `type`; without it, the class of the value, which must then be a dataclass or an enum.

    Raises EncodeError, and SchemaError as `codec` does.
    """
    return codec(value.__class__ if type is None else type, format).encode(value)


@overload
def decode(type: type[T], data: Words, format: WireFormat | str = ..., strict: bool = ...) -> T: ...
@overload
def decode(type: Any, data: Words, format: WireFormat | str = ..., strict: bool = ...) -> Any: ...
def decode(type: Any, data: Words, format: WireFormat | str = WireFormat.STANDARD, strict: bool = True) -> Any:
    """Decodes a value of `type` from words. Raises DecodeError, and SchemaError as `codec` does."""
    return codec(type, format).decode(data, strict)
