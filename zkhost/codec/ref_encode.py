"""The reference encoder: walks the schema one value at a time and says exactly what is wrong and where.

It follows the two Rust serializers call by call (risc0-zkvm 3.0.6 `serde/serializer.rs`, l2r0-small-serde 0.20.1
`serializer.rs`). The compiled encoders do the work; this one explains a refusal, and the tests hold them against it.
"""

from __future__ import annotations

import operator
import struct
from typing import Any

from . import schema as s
from .order import order_key
from .ref_words import PackedWriter, Writer
from .report import NESTING_LIMIT, Path, refuse_value
from .types import Some
from .views import as_bytes, as_items

__all__ = ["WORD_MAX", "encode_value"]

WORD_MAX = 0xFFFF_FFFF


def encode_value(node: s.Node, value: Any, packed: bool) -> bytes:
    """The words of a value as little-endian bytes. Raises EncodeError."""
    out = PackedWriter() if packed else Writer()
    _Encoder(out).value(node, value, None, 0)
    return bytes(out.data)


class _Encoder:
    def __init__(self, out: Writer) -> None:
        self.out = out

    def value(self, node: s.Node, value: Any, path: Path, nesting: int) -> None:
        out = self.out
        while True:  # nodes that add no level of their own go round here instead of one call deeper
            if isinstance(node, s.Ref):
                nesting += 1
                if nesting > NESTING_LIMIT:
                    refuse_value(path, f"at most {NESTING_LIMIT} levels of nesting", value,
                                 "a value that contains itself has no end")  # fmt: skip
                node = node.target
            elif isinstance(node, s.NewType):
                node = node.inner
            elif isinstance(node, s.Option):
                out.word(value is not None)
                if value is None:
                    return
                if node.wrapped:
                    if type(value) is not Some:
                        refuse_value(path, "None or Some(...)", value)
                    value = value.value
                    path = (path, ".value")
                node = node.inner
            elif isinstance(node, s.Struct) and node.kind == "newtype":
                self.instance(node, value, path)
                value, path, node = self.field(node.fields[0], value, path)
            else:
                break
        match node:
            case s.Tuple(items=items):
                if not isinstance(value, tuple) or len(value) != len(items):
                    refuse_value(path, f"a tuple of {len(items)}", value)
                out.open()
                for i, item in enumerate(items):
                    self.value(item, value[i], (path, i), nesting)
                out.close()
            case s.Struct(fields=fields, kind=kind):
                self.instance(node, value, path)
                self.fields(fields, value, path, nesting, kind != "unit")
            case s.Enum():
                self.enum(node, value, path, nesting)
            case s.Seq() | s.Array() | s.Set() | s.Map():
                self.collection(node, value, path, nesting)
            case _:
                self.leaf(node, value, path)

    def instance(self, node: s.Struct, value: Any, path: Path) -> None:
        if type(value) is not node.cls:
            refuse_value(path, f"an instance of {node.name}", value)

    def field(self, f: s.Field, value: Any, path: Path) -> tuple[Any, Path, s.Node]:
        try:
            return getattr(value, f.name), (path, f".{f.name}"), f.type
        except AttributeError:
            return refuse_value((path, f".{f.name}"), "a value", value, "the field was never set")

    def fields(self, fields: tuple[s.Field, ...], value: Any, path: Path, nesting: int, level: bool) -> None:
        if level:
            self.out.open()
        for f in fields:
            inner, where, node = self.field(f, value, path)
            self.value(node, inner, where, nesting)
        if level:
            self.out.close()

    def enum(self, node: s.Enum, value: Any, path: Path, nesting: int) -> None:
        names = ", ".join(v.name for v in node.variants)
        for v in node.variants:
            if (value is v.python) if node.plain else (type(value) is v.python):
                if v.kind in ("unit", "newtype"):
                    self.out.word(v.index)
                    self.fields(v.fields, value, path, nesting, False)
                else:
                    self.out.open()
                    self.out.word(v.index)
                    self.fields(v.fields, value, path, nesting, False)
                    self.out.close()
                return
        refuse_value(path, f"a variant of {node.name} ({names})", value)

    def collection(self, node: s.Seq | s.Array | s.Set | s.Map, value: Any, path: Path, nesting: int) -> None:
        out = self.out
        items: Any
        if isinstance(node, s.Map):
            if not isinstance(value, dict):
                refuse_value(path, "a dict", value)
            items = value
        elif isinstance(node, s.Set):
            if not isinstance(value, set | frozenset):
                refuse_value(path, "a set", value)
            items = value
        else:
            items = as_items(node.inner, value)
            if items is None:
                refuse_value(path, f"a {node.container} of elements", value)
        out.open()
        if isinstance(node, s.Array):
            if len(items) != node.length:
                refuse_value(path, f"{node.length} elements", f"{len(items)} elements")
        else:
            if len(items) > WORD_MAX:
                refuse_value(path, "at most 2**32 - 1 elements", f"{len(items)} elements")
            out.word(len(items))
        if isinstance(node, s.Map | s.Set):
            items = self.sorted(node, items, path)
        if isinstance(node, s.Map):
            for key in items:
                where = (path, f"[{key!r}]")
                self.value(node.key, key, (where, ".key"), nesting)
                self.value(node.value, value[key], where, nesting)
        else:
            for i, item in enumerate(items):
                self.value(node.inner, item, (path, i), nesting)
        out.close()

    def sorted(self, node: s.Set | s.Map, items: Any, path: Path) -> list[Any]:
        """The keys in the order they are written. A key of the wrong type is refused as it would be alone."""
        keyed = node.key if isinstance(node, s.Map) else node.inner
        if isinstance(node, s.Map) and not node.ordered:
            return list(items)
        for key in items:
            _Encoder(PackedWriter()).value(keyed, key, (path, f"[{key!r}].key"), 0)
        return sorted(items, key=order_key(keyed))

    def leaf(self, node: s.Node, value: Any, path: Path) -> None:
        out = self.out
        match node:
            case s.Unit():
                if value is not None:
                    refuse_value(path, "None", value)
            case s.Bool():
                if value is not True and value is not False:
                    refuse_value(path, "a bool", value)
                out.byte(value)
            case s.Int(bits=bits, signed=signed):
                try:
                    number = operator.index(value)
                except TypeError:
                    refuse_value(path, f"an int ({node.rust})", value)
                if not node.low <= number <= node.high:
                    refuse_value(path, f"{node.rust}, {node.low} to {node.high}", value)
                if bits == 8 and not signed:
                    out.byte(number)
                else:
                    for word in struct.unpack(f"<{max(bits, 32) // 32}I", _int_bytes(number, bits)):
                        out.word(word)
            case s.Float(bits=bits):
                try:
                    raw = struct.pack("<f" if bits == 32 else "<d", value)
                except (struct.error, OverflowError, TypeError, ValueError):
                    refuse_value(path, f"a float (f{bits})", value)
                for word in struct.unpack(f"<{bits // 32}I", raw):
                    out.word(word)
            case s.Char():
                if not isinstance(value, str) or len(value) != 1 or 0xD800 <= ord(value) < 0xE000:
                    refuse_value(path, "a str of one character, not a surrogate", value)
                out.word(ord(value))
            case s.Str():
                if not isinstance(value, str):
                    refuse_value(path, "a str", value)
                try:
                    text = str.encode(value)
                except UnicodeEncodeError:
                    refuse_value(path, "a str without lone surrogates", value)
                self.string(text, path)
            case s.Bytes():
                self.byte_list(node, value, path)

    def byte_list(self, node: s.Bytes, value: Any, path: Path) -> None:
        raw = as_bytes(value)
        if raw is None or node.length not in (None, len(raw)):
            refuse_value(path, "bytes" if node.length is None else f"{node.length} bytes", value)
        if node.serde:
            self.string(raw, path)
            return
        self.out.open()
        if node.length is None:
            self.length(raw, path)
        for byte in raw:
            self.out.byte(byte)
        self.out.close()

    def string(self, raw: bytes, path: Path) -> None:
        self.length(raw, path)
        self.out.padded(raw)

    def length(self, raw: bytes, path: Path) -> None:
        if len(raw) > WORD_MAX:
            refuse_value(path, "at most 2**32 - 1 bytes", f"{len(raw)} bytes")
        self.out.word(len(raw))


def _int_bytes(number: int, bits: int) -> bytes:
    size = max(bits, 32) // 8
    return (number & ((1 << size * 8) - 1)).to_bytes(size, "little")
