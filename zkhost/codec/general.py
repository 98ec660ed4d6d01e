"""The way that takes every value and tells every error: compiled to Python, and behind that the reference walkers."""

from __future__ import annotations

import gc
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from ..errors import DecodeError, EncodeError
from . import schema as s
from .deep import deep_recursion
from .gen_decode import LARGE, compile_decoder, compile_reader
from .gen_encode import compile_encoder
from .ref_decode import decode_value
from .ref_encode import encode_value
from .report import NESTING_LIMIT, refuse_words, show

__all__ = ["General", "Words", "as_words"]

Words = bytes | bytearray | memoryview | Iterable[int]
"""Words as input: bytes (little-endian, four a word), any buffer of them, array('I') or other ints."""

Read = Callable[[bytes, int], tuple[Any, int]]


class General:
    """Encodes and decodes one type in one format. What is compiled is compiled when it is first used."""

    def __init__(self, node: s.Node, packed: bool) -> None:
        self.schema = node
        self.packed = packed

    def encode(self, value: Any) -> bytes:
        """The value as words. Raises EncodeError."""
        return self.encoder(value)

    def decode(self, data: Words, strict: bool = True) -> Any:
        """The value that `data` holds. Raises DecodeError."""
        return self.decoder(data, strict)

    @cached_property
    def encoder(self) -> Callable[[Any], bytes]:
        """The compiled encoder."""
        with deep_recursion():
            return compile_encoder(self.schema, self.packed, self._explain)[0]

    @cached_property
    def decoder(self) -> Callable[..., Any]:
        """The compiled decoder, of `data` and `strict`."""
        with deep_recursion():
            return compile_decoder(self.schema, self.packed, self._decode)[0]

    @cached_property
    def _strict_reader(self) -> Read:
        with deep_recursion():
            return compile_reader(self.schema, self.packed, True)[0]

    @cached_property
    def _lax_reader(self) -> Read:
        with deep_recursion():
            return compile_reader(self.schema, self.packed, False)[0]

    def read(self, raw: bytes, at: int, strict: bool) -> tuple[Any, int]:
        """The value that begins at byte `at`, and the position after it. Raises DecodeError."""
        reader = self._strict_reader if strict else self._lax_reader
        try:
            if len(raw) < LARGE:
                return reader(raw, at)
            with _collector_paused():
                return reader(raw, at)
        except Exception:
            pass
        try:
            return decode_value(self.schema, raw, at, self.packed, strict)
        except RecursionError:
            raise DecodeError(
                _too_deep("stream"), path="", offset=at // 4, expected="fewer levels", found="more"
            ) from None

    def _explain(self, value: Any) -> bytes:
        """What the compiled encoder asks about a value it does not take: raises the error, or encodes it after all."""
        try:
            return encode_value(self.schema, value, self.packed)
        except RecursionError:
            raise EncodeError(_too_deep("value"), path="", expected="fewer levels", found="more") from None

    def _decode(self, data: Words, strict: bool) -> Any:
        """What the compiled decoder asks about input it does not take."""
        raw = as_words(data)
        value, end = self.read(raw, 0, strict)
        if strict and end != len(raw):
            left = (len(raw) - end) // 4
            refuse_words(None, end // 4, "the end of the input", f"{left} more word{'s' * (left > 1)}",
                         "to read several values one after another use decode_from or zkhost.codec.Reader")  # fmt: skip
        return value


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
