"""Containers of words: bytes, buffers, arrays and lists of ints."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

from .refusals import refuse_words, show

__all__ = ["Words", "as_words"]

Words = bytes | bytearray | memoryview | Iterable[int]
"""Words as input: bytes (little-endian, four a word), any buffer of them, array('I') or other ints."""


def as_words(data: Words) -> bytes:
    """Return words in any form as little-endian bytes: a copy, unless they are bytes. Raises DecodeError for other
    types.

    A buffer is copied because its owner, or another process, may change it while values are made of it.
    """
    if isinstance(data, bytes):
        raw = data if type(data) is bytes else bytes(data)
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
