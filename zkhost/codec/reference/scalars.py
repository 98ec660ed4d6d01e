"""Rules of single values: numbers, truth values, characters, texts, bytes, digests, units."""

from __future__ import annotations

import operator
import struct
from typing import Any

from .. import schema as s
from ..buffers import as_bytes
from ..refusals import Path, refuse_found, refuse_value, refuse_words
from .decoder import Decoder
from .encoder import Encoder
from .rules import RULES, Key, Rules, natural, unordered

WORD_MAX = 0xFFFF_FFFF


def write_unit(_: Encoder, node: s.Unit, value: Any, path: Path, nesting: int) -> None:
    if value is not None:
        refuse_value(path, "None", value)


def read_unit(_: Decoder, node: s.Unit, path: Path, nesting: int) -> None:
    pass


def order_unit(_: s.Unit) -> Key:
    return lambda v: 0


def write_bool(enc: Encoder, node: s.Bool, value: Any, path: Path, nesting: int) -> None:
    if value is not True and value is not False:
        refuse_value(path, "a bool", value)
    enc.out.byte(value)


def read_bool(dec: Decoder, node: s.Bool, path: Path, nesting: int) -> bool:
    bit = dec.source.byte(path, "a bool, 0 or 1")
    if bit > 1:
        refuse_words(path, dec.source.at // 4 - 1, "a bool, 0 or 1", str(bit))
    return bit == 1


def write_int(enc: Encoder, node: s.Int, value: Any, path: Path, nesting: int) -> None:
    try:
        number = operator.index(value)
    except TypeError:
        refuse_value(path, f"an int ({node.rust})", value)
    if not node.low <= number <= node.high:
        refuse_value(path, f"{node.rust}, {node.low} to {node.high}", value)
    if node.bits == 8 and not node.signed:
        enc.out.byte(number)
    else:
        size = max(node.bits, 32) // 8
        enc.out.words((number & ((1 << size * 8) - 1)).to_bytes(size, "little"))


def read_int(dec: Decoder, node: s.Int, path: Path, nesting: int) -> int:
    source, expected = dec.source, f"{node.rust}, {node.low} to {node.high}"
    if node.bits == 128:
        return int.from_bytes(source.padded(16, path, node.rust), "little", signed=node.signed)
    if node.bits == 8 and not node.signed:
        number = source.byte(path, expected)
    else:
        number = source.word(path, expected)
        if node.bits == 64:
            number |= source.word(path, expected) << 32
        if node.signed and number >> (max(node.bits, 32) - 1):
            number -= 1 << max(node.bits, 32)
    if not node.low <= number <= node.high:
        refuse_words(path, source.at // 4 - 1, expected, str(number))
    return number


def write_float(enc: Encoder, node: s.Float, value: Any, path: Path, nesting: int) -> None:
    try:
        raw = struct.pack("<f" if node.bits == 32 else "<d", value)
    except (struct.error, OverflowError, TypeError, ValueError):
        refuse_value(path, f"a float (f{node.bits})", value)
    enc.out.words(raw)


def read_float(dec: Decoder, node: s.Float, path: Path, nesting: int) -> float:
    raw = b"".join(dec.source.word(path, f"f{node.bits}").to_bytes(4, "little") for _ in range(node.bits // 32))
    number: float = struct.unpack("<f" if node.bits == 32 else "<d", raw)[0]
    return number


def write_char(enc: Encoder, node: s.Char, value: Any, path: Path, nesting: int) -> None:
    if not isinstance(value, str) or len(value) != 1 or 0xD800 <= ord(value) < 0xE000:
        refuse_value(path, "a str of one character, not a surrogate", value)
    enc.out.word(ord(value))


def read_char(dec: Decoder, node: s.Char, path: Path, nesting: int) -> str:
    code = dec.source.word(path, "a char")
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        refuse_words(path, dec.source.at // 4 - 1, "a char", f"{code:#x}")
    return chr(code)


def write_str(enc: Encoder, node: s.Str, value: Any, path: Path, nesting: int) -> None:
    if not isinstance(value, str):
        refuse_value(path, "a str", value)
    try:
        text = str.encode(value)
    except UnicodeEncodeError:
        refuse_value(path, "a str without lone surrogates", value)
    _write_string(enc, text, path)


def read_str(dec: Decoder, node: s.Str, path: Path, nesting: int) -> str:
    start = dec.source.at // 4
    raw = _read_string(dec, path)
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        refuse_words(path, start + 1 + exc.start // 4, "UTF-8", f"{exc.reason} at byte {exc.start}")


def write_bytes(enc: Encoder, node: s.Bytes, value: Any, path: Path, nesting: int) -> None:
    raw = as_bytes(value)
    if raw is None or node.length not in (None, len(raw)):
        refuse_value(path, "bytes" if node.length is None else f"{node.length} bytes", value)
    if node.serde:
        _write_string(enc, raw, path)
        return
    enc.out.open()
    if node.length is None:
        _write_length(enc, raw, path)
    enc.out.octets(raw)
    enc.out.close()


def read_bytes(dec: Decoder, node: s.Bytes, path: Path, nesting: int) -> bytes:
    if node.serde:
        return _read_string(dec, path)
    source = dec.source
    count = source.word(path, "a length") if node.length is None else node.length
    raw = source.octets(count)
    if raw is not None:
        return raw
    for i in range(count):  # one is missing, or is no byte: this finds it
        byte = source.byte((path, i), "u8, 0 to 255")
        if byte > 255:
            refuse_words((path, i), source.at // 4 - 1, "u8, 0 to 255", str(byte))
    raise AssertionError(node)


def write_digest(enc: Encoder, node: s.Digest, value: Any, path: Path, nesting: int) -> None:
    raw = as_bytes(value)
    if raw is None or len(raw) != node.size:
        refuse_value(path, f"{node.size} bytes (a digest)", value)
    enc.out.words(raw)


def read_digest(dec: Decoder, node: s.Digest, path: Path, nesting: int) -> bytes:
    words = [dec.source.word(path, f"a digest of {node.size} bytes") for _ in range(node.size // 4)]
    return struct.pack(f"<{len(words)}I", *words)


def order_digest(node: s.Digest) -> Key:
    return lambda v: struct.unpack(f"<{node.size // 4}I", v)


def _write_string(enc: Encoder, raw: bytes, path: Path) -> None:
    _write_length(enc, raw, path)
    enc.out.padded(raw)


def _read_string(dec: Decoder, path: Path) -> bytes:
    size = dec.source.word(path, "a length")
    return dec.source.padded(size, path, f"{size} bytes")


def _write_length(enc: Encoder, raw: bytes, path: Path) -> None:
    if len(raw) > WORD_MAX:
        refuse_found(path, "at most 2**32 - 1 bytes", f"{len(raw)} bytes")
    enc.out.word(len(raw))


RULES |= {
    s.Unit: Rules(write_unit, read_unit, order_unit),
    s.Bool: Rules(write_bool, read_bool, natural),
    s.Int: Rules(write_int, read_int, natural),
    s.Float: Rules(write_float, read_float, unordered),
    s.Char: Rules(write_char, read_char, natural),
    s.Str: Rules(write_str, read_str, natural),
    s.Bytes: Rules(write_bytes, read_bytes, natural),
    s.Digest: Rules(write_digest, read_digest, order_digest),
}
