"""The fast path: encoders and decoders that the native library makes, for types whose parts it knows (most).

They are builtin functions, made by the crate `zkhost-native-codec` through CPython's stable ABI: the addresses of
CPython's functions and of a few objects are handed to it, so that one library serves every CPython. A value or word that
is not as usual, and every error, is left to the general functions, in Python. Where the library or the ABI is missing,
there is no fast path, and everything works without it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, cast

from . import schema as s
from .build import stored_directly
from .gen_decode import LARGE
from .source import weight
from .types import Some

__all__ = ["Decode", "Encode", "native_functions"]

LIBRARY = os.path.join(os.path.dirname(__file__), os.pardir, "_native", "lib_native.so")

Encode = Callable[[Any], bytes]
Decode = Callable[..., Any]

#: Types of more parts than this, each counted where it is used, have no fast path.
MAX_WEIGHT = 1000
#: What the library knows by address, in the order of the struct `Objects` in its `python.rs`; kept alive here.
OBJECTS = (int, float, str, bytes, list, tuple, None, False, True, Exception, (), (1 << 64) - 1, 64)


def native_functions(node: s.Node, packed: bool, encode: Encode, decode: Decode) -> tuple[Encode, Decode] | None:
    """(encode, decode) of a type, which hand what they do not take to the two given; None where there is no fast path."""
    if weight(node, {}) > MAX_WEIGHT:
        return None
    if not any(isinstance(part, s.Struct | s.Tuple | s.Enum) for part in s.walk(node)):
        return None  # bytes, lists of numbers and the like are as fast in Python
    try:
        description = describe(node)
    except NotKnown:
        return None
    make = _maker()
    return None if make is None else cast("tuple[Encode, Decode] | None", make(description, packed, encode, decode))


class NotKnown(Exception):
    """A part of a type has no native form."""


def describe(node: s.Node) -> tuple[Any, ...]:
    """A type as the tuples that `plan.rs` reads. Raises NotKnown."""
    match node:
        case s.Int(bits=bits, signed=signed):
            return "int", bits, signed
        case s.Float(bits=bits):
            return "float", bits
        case s.Bool() | s.Char() | s.Str() | s.Unit():
            return (type(node).__name__.lower(),)
        case s.Bytes(length=length, serde=serde):
            return ("serde_bytes",) if serde else ("bytes", length)
        case s.NewType(inner=inner):
            return describe(inner)
        case s.Option(inner=inner, wrapped=wrapped):
            some = describe(inner)
            return "option", ("struct", Some, ("value",), (some,), False, False) if wrapped else some
        case s.Seq(inner=inner, container="list" | "tuple" as container):
            return "seq", describe(inner), None, container
        case s.Array(inner=inner, length=length, container="list" | "tuple" as container):
            return "seq", describe(inner), length, container
        case s.Tuple(items=items):
            return "tuple", tuple(map(describe, items))
        case s.Struct(cls=cls, kind=kind, fields=fields):
            return _shape(cls, kind, fields)
        case s.Enum(variants=variants):
            if node.plain:
                return "members", tuple(v.python for v in variants)
            return "enum", tuple(_shape(v.python, v.kind, v.fields) for v in variants)
    raise NotKnown


def _shape(cls: type, kind: str, fields: tuple[s.Field, ...]) -> tuple[Any, ...]:
    names = tuple(sys.intern(f.name) for f in fields)
    types = tuple(describe(f.type) for f in fields)
    return "struct", cls, names, types, stored_directly(cls, fields), kind in ("struct", "tuple")


@cache
def _maker() -> Callable[..., Any] | None:
    """What makes the functions of a type; None where there is no library, or it does not fit this Python."""
    import ctypes  # not needed by who only imports the codec

    word = ctypes.sizeof(ctypes.c_void_p)
    if sys.implementation.name != "cpython" or word != 8:
        return None
    number = 1.5
    if ctypes.c_void_p.from_address(id(number) + word).value != id(float):
        return None  # an object is not a reference count of one word and then its class: a build with unusual options
    try:
        library = ctypes.PyDLL(LIBRARY)
        library.zkhost_codec_functions.restype = ctypes.c_char_p
        names = library.zkhost_codec_functions().decode().split()
        addresses = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value for name in names]
    except (OSError, AttributeError):
        return None
    functions = (ctypes.c_void_p * len(addresses))(*addresses)
    objects = (ctypes.c_void_p * len(OBJECTS))(*map(id, OBJECTS))
    make = library.zkhost_codec
    pointer, value = ctypes.c_void_p, ctypes.py_object
    make.argtypes = [pointer, pointer, value, ctypes.c_bool, value, value, ctypes.c_size_t]
    make.restype = value
    return lambda *given: make(functions, objects, *given, LARGE)
