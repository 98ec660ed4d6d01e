"""`Codec`: a type and a wire format, compiled once, that turns values into words and back."""

from __future__ import annotations

import gc
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast, overload

from ..errors import DecodeError, EncodeError, SchemaError
from . import schema as s
from .deep import deep_recursion
from .gen_decode import LARGE, compile_decoder, compile_reader
from .gen_encode import compile_encoder
from .ref_decode import decode_value
from .ref_encode import encode_value
from .report import NESTING_LIMIT, refuse_words, show
from .translate import schema_of

__all__ = ["Codec", "WireFormat", "Words", "codec", "decode", "encode"]

T = TypeVar("T")
Words = bytes | bytearray | memoryview | Iterable[int]
"""Words as input: bytes (little-endian, four a word), any buffer of them, array('I') or other ints."""


class WireFormat(StrEnum):
    """How values become words: risc0's own serde format, or the one that packs bytes four to a word."""

    STANDARD = "standard"
    """That of `risc0_zkvm::serde`: what `env::read` and `env::commit` use."""
    PACKED = "packed"
    """That of `l2r0-small-serde`: what `zkhost_guest::packed` uses."""


FORMATS: dict[str, WireFormat] = {f.value: f for f in WireFormat}


class Codec(Generic[T]):
    """The encoder and decoder of one type in one format. Get one from `codec`; it can be shared between threads.

    Each is compiled when it is first used, and from then on replaces the method of its name on this object.
    """

    def __init__(self, node: s.Node, format: WireFormat) -> None:
        self.schema = node
        self.format = format
        self._packed = format is WireFormat.PACKED

    def __repr__(self) -> str:
        return f"Codec({getattr(self.schema, 'name', self.schema)}, {self.format.value})"

    def encode(self, value: T) -> bytes:
        """The value as words, in little-endian bytes. Raises EncodeError with the path of what does not fit."""
        with deep_recursion():
            compiled, _ = compile_encoder(self.schema, self._packed, self._explain)
        self.__dict__["encode"] = compiled
        return compiled(value)

    def encode_words(self, value: T) -> list[int]:
        """The value as a list of words. Raises EncodeError."""
        return self.encode_array(value).tolist()

    def encode_array(self, value: T) -> array[int]:
        """The value as an array('I') of words. Raises EncodeError."""
        return array("I", self.encode(value))

    def decode(self, data: Words, strict: bool = True) -> T:
        """The value that `data` holds. Raises DecodeError with the path and the word offset of what is wrong.

        Where `strict`, words left over, padding that is not zero and maps or sets out of order are refused;
        otherwise exactly what the Rust deserializer accepts is accepted, words left over included.
        """
        with deep_recursion():
            compiled, _ = compile_decoder(self.schema, self._packed, self._decode)
        self.__dict__["decode"] = compiled
        return cast(T, compiled(data, strict))

    def decode_from(self, data: Words, offset: int = 0, strict: bool = True) -> tuple[T, int]:
        """The value that begins at word `offset`, and the offset of the word after it: what env::read does in Rust.

        Raises DecodeError; what follows the value is not looked at.
        """
        raw = as_words(data)
        value, end = self._read(raw, offset * 4, strict)
        return value, end // 4

    def _explain(self, value: T) -> bytes:
        """What the compiled encoder asks about a value it does not take: raises the error, or encodes it after all."""
        try:
            return encode_value(self.schema, value, self._packed)
        except RecursionError:
            raise EncodeError(_too_deep("value"), path="", expected="fewer levels", found="more") from None

    def _decode(self, data: Words, strict: bool) -> T:
        """What the compiled decoder asks about input it does not take."""
        raw = as_words(data)
        value, end = self._read(raw, 0, strict)
        if strict and end != len(raw):
            left = (len(raw) - end) // 4
            refuse_words(None, end // 4, "the end of the input", f"{left} more word{'s' * (left > 1)}",
                         "to read several values one after another use decode_from or zkhost.codec.Reader")  # fmt: skip
        return value

    def _read(self, raw: bytes, at: int, strict: bool) -> tuple[T, int]:
        name = "_read_strict" if strict else "_read_lax"
        reader = self.__dict__.get(name)
        if reader is None:
            with deep_recursion():
                reader = self.__dict__[name] = compile_reader(self.schema, self._packed, strict)[0]
        try:
            if len(raw) < LARGE:
                return cast("tuple[T, int]", reader(raw, at))
            with _collector_paused():
                return cast("tuple[T, int]", reader(raw, at))
        except Exception:
            pass
        try:
            return cast("tuple[T, int]", decode_value(self.schema, raw, at, self._packed, strict))
        except RecursionError:
            raise DecodeError(
                _too_deep("stream"), path="", offset=at // 4, expected="fewer levels", found="more"
            ) from None


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pauses the garbage collector: what a decoder makes is all alive, so searching it again and again is waste."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def as_words(data: Words) -> bytes:
    """Words in any form as little-endian bytes. Raises DecodeError where they are not whole words."""
    if isinstance(data, bytes):
        raw = data
    else:
        try:
            raw = _as_bytes(data)
        except (TypeError, OverflowError, ValueError):
            refuse_words(None, 0, "bytes, or words from 0 to 2**32 - 1", show(data))
    if len(raw) % 4:
        refuse_words(None, len(raw) // 4, "whole words of four bytes", f"{len(raw)} bytes")
    return raw


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, str):
        raise TypeError
    try:
        return memoryview(data).tobytes()
    except TypeError:
        return array("I", data).tobytes()


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
    known = FORMATS.get(format)
    if known is None:
        raise SchemaError(f"no wire format {format!r}", hint="use 'standard' or 'packed'")
    if namespace or not _hashable(type):
        return Codec(schema_of(type, namespace), known)
    return _cached(type, known)


def _hashable(type: Any) -> bool:
    try:
        hash(type)
    except TypeError:
        return False
    return True


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
