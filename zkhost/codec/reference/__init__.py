"""The reference engine: walks the schema as the Rust code does, and reports exactly what is wrong and where.

It explains every refusal, handles what the native engine does not, and replaces that where it cannot be loaded.
"""

from __future__ import annotations

import sys
from typing import Any

from ...errors import DecodeError, EncodeError
from .. import schema as s
from ..refusals import AS_RUST, NESTING_LIMIT, refuse_words
from ..words import Words, as_words
from . import containers, scalars, structures
from .decoder import decode_value
from .encoder import encode_value

__all__ = ["Reference", "containers", "decode_value", "encode_value", "scalars", "structures"]


class Reference:
    """Encodes and decodes one type in one format."""

    def __init__(self, node: s.Node, packed: bool) -> None:
        self.node = node
        self.packed = packed

    def encode(self, value: Any) -> bytes:
        """Return the value as words. Raises EncodeError."""
        try:
            return encode_value(self.node, value, self.packed)
        except RecursionError:
            raise EncodeError(_too_deep("value"), path="", expected="fewer levels", found="more") from None

    def decode(self, data: Words, strict: bool = True) -> Any:
        """Return the value that `data` holds. Raises DecodeError."""
        raw = as_words(data)
        value, end = self._read(raw, 0, strict)
        if strict and end != len(raw):
            left = (len(raw) - end) // 4
            refuse_words(None, end // 4, "the end of the input", f"{left} more word{'s' * (left > 1)}",
                         f"several values one after another are read by decode_from or zkhost.codec.Reader; {AS_RUST}")  # fmt: skip
        return value

    def decode_from(self, data: Words, offset: int = 0, strict: bool = True) -> tuple[Any, int]:
        """Return the value at word `offset` and the offset of the word after it. Raises DecodeError."""
        raw = as_words(data)
        if not 0 <= offset <= len(raw) // 4:
            refuse_words(None, offset, f"an offset from 0 to {len(raw) // 4}", str(offset))
        value, end = self._read(raw, offset * 4, strict)
        return value, end // 4

    def _read(self, raw: bytes, at: int, strict: bool) -> tuple[Any, int]:
        try:
            return decode_value(self.node, raw, at, self.packed, strict)
        except RecursionError:
            raise DecodeError(
                _too_deep("stream"), path="", offset=at // 4, expected="fewer levels", found="more"
            ) from None


def _too_deep(what: str) -> str:
    return (
        f"the {what} is nested deeper than {NESTING_LIMIT} levels, or than Python's recursion limit "
        f"({sys.getrecursionlimit()}) allows"
    )
