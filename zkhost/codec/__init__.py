"""Python values to RISC Zero's u32 words and back, in the standard and in the packed format.

Describe a type once, with a dataclass, an enum or any annotation built from the types here, and `codec` gives an object
that encodes and decodes it. docs/codec.md has the table of Rust types, annotations and words.

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
from .codec import Codec, WireFormat, Words, codec, decode, encode
from .declare import enum, newtype, tuple_struct
from .plain import describe_node, node_from_plain, node_to_plain
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
    "from_plain",
    "newtype",
    "schema",
    "schema_of",
    "to_plain",
    "tuple_struct",
]


def describe(type: Any) -> list[Any]:
    """The descriptor of an annotation (see `zkhost.codec.plain`)."""
    return describe_node(schema_of(type))


def to_plain(type: Any, value: Any) -> Any:
    """A value in the plain form that goes with `describe(type)`."""
    return node_to_plain(schema_of(type), value)


def from_plain(type: Any, plain: Any) -> Any:
    """The value of a plain form."""
    return node_from_plain(schema_of(type), plain)
