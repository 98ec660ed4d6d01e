"""Python values to RISC Zero's u32 words and back, in the standard and in the packed format.

Describe a type once, with a dataclass, an enum or any annotation built from the types here, and `codec` returns an
object that encodes and decodes it. docs/codec.md has the table of Rust types, annotations and words.

>>> from dataclasses import dataclass
>>> @dataclass
... class Order:
...     id: U64
...     prices: list[U32]
>>> encode(Order(1, [10, 20])).hex()
'0100000000000000020000000a00000014000000'
>>> decode(Order, encode(Order(1, [10, 20])))
Order(id=1, prices=[10, 20])
"""

from __future__ import annotations

from typing import Any

from ..errors import DecodeError, EncodeError, SchemaError
from . import schema
from .codecs import Codec, WireFormat, codec, decode, encode
from .decorators import enum, newtype, tuple_struct
from .forms.json import node_from_json, node_to_json
from .forms.plain import describe_node, node_from_plain, node_to_plain
from .stream import Reader, Writer
from .translate import schema_of
from .types import (
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    Array,
    Char,
    Digest,
    FloatArray,
    HashMap,
    HashSet,
    IntArray,
    Len,
    SerdeBytes,
    Some,
    Tagged,
    Unit,
)
from .words import Words

__all__ = [
    "F32",
    "F64",
    "I8",
    "I16",
    "I32",
    "I64",
    "I128",
    "U8",
    "U16",
    "U32",
    "U64",
    "U128",
    "Array",
    "Char",
    "Codec",
    "DecodeError",
    "Digest",
    "EncodeError",
    "FloatArray",
    "HashMap",
    "HashSet",
    "IntArray",
    "Len",
    "Reader",
    "SchemaError",
    "SerdeBytes",
    "Some",
    "Tagged",
    "Unit",
    "WireFormat",
    "Words",
    "Writer",
    "codec",
    "decode",
    "describe",
    "encode",
    "enum",
    "from_json",
    "from_plain",
    "newtype",
    "schema",
    "schema_of",
    "to_json",
    "to_plain",
    "tuple_struct",
]


def describe(type: Any) -> list[Any]:
    """Return the descriptor of an annotation, as data: see the page on the codec."""
    return describe_node(schema_of(type))


def to_plain(type: Any, value: Any) -> Any:
    """Convert a value to the plain form that goes with `describe(type)`."""
    return node_to_plain(schema_of(type), value)


def from_plain(type: Any, plain: Any) -> Any:
    """Return the value of a plain form. Raises EncodeError, naming the field, where it does not fit."""
    return node_from_plain(schema_of(type), plain)


def to_json(type: Any, value: Any) -> Any:
    """Convert a value to what `json.dumps` accepts, as serde_json writes the Rust value; bytes are hexadecimal.

    >>> to_json(tuple[U8, bytes, str | None], (7, b"ab", None))
    [7, '6162', None]
    """
    return node_to_json(schema_of(type), value)


def from_json(type: Any, data: Any) -> Any:
    """Convert what `json.loads` returned to a value. Raises EncodeError, naming the field, where it does not fit.

    Options and fields with a default may be left out. Unknown members are refused.

    >>> from_json(dict[str, U8], {"a": 300})
    Traceback (most recent call last):
    zkhost.errors.EncodeError: at ['a']: expected u8, 0 to 255, found 300 (int)
    """
    return node_from_json(schema_of(type), data)
