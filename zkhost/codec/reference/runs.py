"""The fast path for runs of numbers: all at once where all are valid, else one by one, which finds the invalid one."""

from __future__ import annotations

import struct
from array import array
from typing import Any

from .formats import Reader, Writer

__all__ = ["read", "write"]

#: The code of a number on the wire, by its code in a buffer, where the two differ.
WIDE = {"b": "i", "h": "i", "B": "I", "H": "I", "?": "I"}


def write(out: Writer, code: str | None, items: Any) -> bool:
    """Write numbers, by their array typecode; return False, with nothing written, unless all fit."""
    if code is None:
        return False
    try:
        if code == "?":
            if any(v is not True and v is not False for v in items):
                return False
            out.octets(bytes(items))
        elif code == "B":
            out.octets(bytes(items))
        elif code in "fd":
            out.words(struct.pack(f"<{len(items)}{code}", *items))
        elif code in WIDE:
            out.words(array(WIDE[code], array(code, items)).tobytes())
        else:
            out.words(array(code, items).tobytes())
    except (TypeError, ValueError, OverflowError, struct.error):
        return False
    return True


def read(source: Reader, code: str | None, count: int) -> bytes | None:
    """Read `count` numbers into a buffer of the array typecode; return None, with nothing read, where that fails."""
    if code is None:
        return None
    if code in "B?":
        before = source.state()
        raw = source.octets(count)
        if raw is not None and code == "?" and max(raw, default=0) > 1:
            source.restore(before)
            return None
        return raw
    wide = WIDE.get(code, code)
    before = source.state()
    words = source.words(count * struct.calcsize(f"<{wide}"))
    if words is None or wide == code:
        return words
    try:
        return array(code, array(wide, words)).tobytes()
    except OverflowError:
        source.restore(before)
        return None
