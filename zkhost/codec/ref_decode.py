"""The reference decoder: walks the schema word by word and says exactly what is wrong, where, and at which word.

It follows the two Rust deserializers call by call (risc0-zkvm 3.0.6 `serde/deserializer.rs`, l2r0-small-serde 0.20.1
`deserializer.rs`) and, where `strict`, also refuses what they let pass: padding that is not zero, words left over,
maps and sets out of order or with a key twice. The compiled decoders are held against it.
"""

from __future__ import annotations

import struct
from array import array
from typing import Any

from . import schema as s
from .order import order_key
from .ref_words import PackedReader, Reader
from .report import NESTING_LIMIT, ZERO_SIZED_LIMIT, Path, refuse_words
from .types import Some
from .views import native_code
from .zero import zero_sized

__all__ = ["contain", "decode_value"]


def decode_value(node: s.Node, data: bytes, offset: int, packed: bool, strict: bool) -> tuple[Any, int]:
    """A value from the words of `data` that begin at byte `offset`; gives also the offset after it, in bytes.

    Raises DecodeError. Does not look at what follows the value.
    """
    source = (PackedReader if packed else Reader)(data, offset, strict)
    value = _Decoder(source).value(node, None, 0)
    source.finish(None)
    return value, source.at


class _Decoder:
    def __init__(self, source: Reader) -> None:
        self.source = source

    def value(self, node: s.Node, path: Path, nesting: int) -> Any:
        while True:  # nodes that add no level of their own go round here instead of one call deeper
            if isinstance(node, s.Ref):
                nesting += 1
                if nesting > NESTING_LIMIT:
                    refuse_words(path, self.source.at // 4, f"at most {NESTING_LIMIT} levels of nesting", "more")
                node = node.target
            elif isinstance(node, s.NewType):
                node = node.inner
            elif isinstance(node, s.Option) and not node.wrapped:
                if not self.tag(path):
                    return None
                node = node.inner
            else:
                break
        match node:
            case s.Option(inner=inner):
                return Some(self.value(inner, (path, ".value"), nesting)) if self.tag(path) else None
            case s.Tuple(items=items):
                return tuple([self.value(item, (path, i), nesting) for i, item in enumerate(items)])
            case s.Struct(cls=cls, fields=fields):
                return self.fields(cls, fields, path, nesting)
            case s.Enum(name=name, variants=variants):
                expected = f"a variant index of {name}, 0 to {len(variants) - 1}"
                index = self.source.word(path, expected)
                if index >= len(variants):
                    refuse_words(path, self.source.at // 4 - 1, expected, str(index))
                chosen = variants[index]
                return chosen.python if node.plain else self.fields(chosen.python, chosen.fields, path, nesting)
            case s.Map():
                return self.map(node, path, nesting)
            case s.Set():
                return self.set(node, path, nesting)
            case s.Seq(inner=inner, container=container):
                count = self.source.word(path, "a length")
                return contain(container, inner, self.items(inner, count, path, nesting))
            case s.Array(inner=inner, length=length, container=container):
                return contain(container, inner, self.items(inner, length, path, nesting, fixed=True))
            case _:
                return self.leaf(node, path)

    def tag(self, path: Path) -> int:
        tag = self.source.word(path, "an option tag, 0 or 1")
        if tag > 1:
            refuse_words(path, self.source.at // 4 - 1, "an option tag, 0 or 1", str(tag))
        return tag

    def fields(self, cls: Any, fields: tuple[s.Field, ...], path: Path, nesting: int) -> Any:
        start = self.source.at // 4
        values = {f.name: self.value(f.type, (path, f".{f.name}"), nesting) for f in fields}
        try:
            return cls(**values)
        except Exception as exc:
            try:
                refuse_words(path, start, f"what {cls.__name__} accepts", f"{type(exc).__name__}: {exc}")
            except Exception as refusal:
                raise refusal from exc

    def items(self, inner: s.Node, count: int, path: Path, nesting: int, fixed: bool = False) -> list[Any]:
        if not fixed:
            self.bound(inner, count, path)
        items = []
        for i in range(count):
            items.append(self.value(inner, (path, i), nesting))
        return items

    def bound(self, inner: s.Node, count: int, path: Path) -> None:
        """Elements that take no words are not bounded by the input, so they are counted."""
        if zero_sized(inner):
            if count > self.source.zero_sized_left:
                expected = f"at most {ZERO_SIZED_LIMIT} elements without words in all"
                refuse_words(path, self.source.at // 4 - 1, expected, f"a length of {count}")
            self.source.zero_sized_left -= count

    def map(self, node: s.Map, path: Path, nesting: int) -> dict[Any, Any]:
        count = self.source.word(path, "a length")
        self.bound(s.Tuple((node.key, node.value)), count, path)
        result: dict[Any, Any] = {}
        order = _Order(self.source, node.key, node.ordered)
        for i in range(count):
            start = self.source.at // 4
            key = self.value(node.key, (path, f"[#{i}].key"), nesting)
            order.check(key, result, (path, f"[#{i}].key"), start)
            result[key] = self.value(node.value, (path, f"[{key!r}]"), nesting)
        return result

    def set(self, node: s.Set, path: Path, nesting: int) -> Any:
        count = self.source.word(path, "a length")
        self.bound(node.inner, count, path)
        result: dict[Any, None] = {}
        order = _Order(self.source, node.inner, node.ordered)
        for i in range(count):
            start = self.source.at // 4
            item = self.value(node.inner, (path, i), nesting)
            order.check(item, result, (path, i), start)
            result[item] = None
        return frozenset(result) if node.frozen else set(result)

    def leaf(self, node: s.Node, path: Path) -> Any:
        source = self.source
        match node:
            case s.Unit():
                return None
            case s.Bool():
                bit = source.byte(path, "a bool, 0 or 1")
                if bit > 1:
                    refuse_words(path, source.at // 4 - 1, "a bool, 0 or 1", str(bit))
                return bit == 1
            case s.Int(bits=128, signed=signed):
                return int.from_bytes(source.padded(16, path, node.rust), "little", signed=signed)
            case s.Int(bits=bits, signed=signed):
                return self.integer(node, bits, signed, path)
            case s.Float(bits=32):
                return struct.unpack("<f", source.word(path, "f32").to_bytes(4, "little"))[0]
            case s.Float():
                low, high = source.word(path, "f64"), source.word(path, "f64")
                return struct.unpack("<d", struct.pack("<II", low, high))[0]
            case s.Char():
                code = source.word(path, "a char")
                if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                    refuse_words(path, source.at // 4 - 1, "a char", f"{code:#x}")
                return chr(code)
            case s.Str():
                start = source.at // 4
                raw = self.string(path)
                try:
                    return raw.decode()
                except UnicodeDecodeError as exc:
                    refuse_words(path, start + 1 + exc.start // 4, "UTF-8", f"{exc.reason} at byte {exc.start}")
            case s.Bytes(serde=True):
                return self.string(path)
            case s.Bytes(length=length):
                count = source.word(path, "a length") if length is None else length
                octets = bytearray()
                for i in range(count):
                    byte = source.byte((path, i), "u8, 0 to 255")
                    if byte > 255:
                        refuse_words((path, i), source.at // 4 - 1, "u8, 0 to 255", str(byte))
                    octets.append(byte)
                return bytes(octets)
        raise AssertionError(node)

    def integer(self, node: s.Int, bits: int, signed: bool, path: Path) -> int:
        source, expected = self.source, f"{node.rust}, {node.low} to {node.high}"
        if bits == 8 and not signed:
            number = source.byte(path, expected)
        else:
            number = source.word(path, expected)
            if bits == 64:
                number |= source.word(path, expected) << 32
            if signed and number >> (max(bits, 32) - 1):
                number -= 1 << max(bits, 32)
        if not node.low <= number <= node.high:
            refuse_words(path, source.at // 4 - 1, expected, str(number))
        return number

    def string(self, path: Path) -> bytes:
        size = self.source.word(path, "a length")
        return self.source.padded(size, path, f"{size} bytes")


class _Order:
    """Checks that keys come as the Rust collection writes them: sorted if it is ordered, and never twice."""

    def __init__(self, source: Reader, node: s.Node, ordered: bool) -> None:
        self.strict = source.strict
        self.key = (order_key(node) or (lambda v: v)) if ordered else None
        self.last: list[Any] = []

    def check(self, key: Any, seen: dict[Any, Any], path: Path, offset: int) -> None:
        if not self.strict:
            return
        if key in seen:
            refuse_words(path, offset, "each key once", f"{key!r} again")
        if self.key:
            rank = self.key(key)
            if self.last and not self.last[0] < rank:
                refuse_words(path, offset, "keys in ascending order", f"{key!r} after a greater key")
            self.last = [rank]


def contain(container: str, inner: s.Node, items: list[Any]) -> Any:
    """The items in the container of a Seq or Array."""
    if container == "tuple":
        return tuple(items)
    if container == "array":
        return array(native_code(inner) or "", items)
    if container == "numpy":
        import numpy

        return numpy.array(items, dtype=native_code(inner))
    return items
