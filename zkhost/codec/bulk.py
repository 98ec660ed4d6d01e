"""Whole lists of numbers to bytes and back, with as few steps per element as Python allows.

Encoders here raise any exception for what they refuse; the caller then asks the reference encoder what it was.
"""

from __future__ import annotations

import struct
from _codecs import latin_1_decode, utf_32_le_decode, utf_32_le_encode
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import schema as s
from .source import Bad
from .views import as_array, as_bytes, native_code

__all__ = ["Numbers", "from_bytes", "items_of", "narrow", "octets_of", "to_bytes", "unit_of", "wide"]

#: Buffers above this many bytes go into the output as they are.
LONG = 4096


def wide(data: bytes) -> bytes:
    """Each byte as a word. (UTF-32 of Latin-1 text is just that, and its encoder is the fastest there is.)"""
    return utf_32_le_encode(latin_1_decode(data)[0])[0]


def narrow(data: bytes) -> bytes:
    """Each word as a byte. Raises UnicodeError where one is above 255."""
    return utf_32_le_decode(data, "strict", True)[0].encode("latin1")


def octets_of(value: Any) -> bytes:
    """The bytes of a bytes-like value. Raises Bad."""
    raw = as_bytes(value)
    if raw is None:
        raise Bad
    return raw


def items_of(inner: s.Node) -> Callable[[Any], Any]:
    """A function that gives a list or tuple for a list, a tuple or a matching buffer, and raises Bad otherwise."""
    code = native_code(inner)

    def items(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return value
        view = as_array(code, value)
        if view is None:
            raise Bad
        return view.tolist()

    return items


def unit_of(node: s.Node) -> s.Node:
    """The node without the newtypes around it that are no classes."""
    while isinstance(node, s.NewType):
        node = node.inner
    return node


def to_bytes(inner: s.Node, packed: bool) -> Callable[[Any], bytes | memoryview] | None:
    """A function from a sequence of numbers (a list, a tuple or a buffer of the type) to the bytes of its elements.

    None where the elements are no plain numbers.
    """
    node = unit_of(inner)
    code = native_code(node)
    if code is None:
        return None
    compact = packed and code in "B?"

    def convert(value: Any) -> bytes | memoryview:
        if isinstance(value, list | tuple):
            raw = _pack(code, value)
        else:
            view = as_array(code, value)
            if view is None:
                raise Bad
            if view.nbytes > LONG and view.c_contiguous and code in "IiQqfd":
                return view  # joined into the output without a copy in between
            raw = view.tobytes()
        return raw if compact or code in "IiQqfd" else _widen(code, raw)

    return convert


def _pack(code: str, values: Any) -> bytes:
    if code == "?":
        if any(v is not True and v is not False for v in values):
            raise Bad
        return bytes(values)
    if code == "B":
        return bytes(values)
    if code in "fd":
        return struct.pack(f"<{len(values)}{code}", *values)
    return array(code, values).tobytes()


def _widen(code: str, raw: bytes) -> bytes:
    """8- and 16-bit numbers as words, sign-extended."""
    if code in "B?":
        return wide(raw)
    words = array("i" if code in "bh" else "I", array(code, raw))
    return words.tobytes()


@dataclass(frozen=True)
class Numbers:
    """How a run of plain numbers is read: bytes an element, its struct code, and bytes -> container.

    `direct` says that what the code unpacks are the elements themselves, with nothing to check or convert.
    """

    size: int
    code: str
    direct: bool
    convert: Callable[[Any], Any]


def from_bytes(inner: s.Node, packed: bool, container: str) -> Numbers | None:
    """How to read a sequence of `inner`; None where the elements are no plain numbers.

    `convert` takes a view of all elements and raises anything where one is out of range.
    """
    node = unit_of(inner)
    code = native_code(node)
    if code is None:
        return None
    wide_code = {"b": "i", "h": "i", "H": "I", "B": "I", "?": "I"}
    if packed and code in "B?":
        wide_code |= {"B": "B", "?": "B"}
    read = wide_code.get(code, code)
    fill = _FILL[container]

    def convert(raw: Any) -> Any:
        if read == code:
            return fill(code, raw)
        view: Any = memoryview(raw)
        words = view.cast(read)
        if code == "?":
            flags = words.tolist()
            if flags and max(flags) > 1:
                raise Bad
            return fill(code, bytes(flags))
        if code == "B":
            return fill(code, narrow(raw))
        return fill(code, array(code, words.tolist()).tobytes())

    return Numbers(struct.calcsize(f"<{read}"), read, read == code and code not in "B?", convert)


def _fill_list(code: str, raw: Any) -> list[Any]:
    view: Any = memoryview(raw).cast("B")
    items: list[Any] = view.cast(code).tolist()
    return items


def _fill_array(code: str, raw: Any) -> array[Any]:
    filled = array(code)
    filled.frombytes(raw)
    return filled


def _fill_numpy(code: str, raw: Any) -> Any:
    import numpy

    return numpy.frombuffer(raw, dtype=code).copy()


_FILL: dict[str, Callable[[str, Any], Any]] = {
    "list": _fill_list,
    "tuple": lambda code, raw: tuple(_fill_list(code, raw)),
    "array": _fill_array,
    "numpy": _fill_numpy,
}
