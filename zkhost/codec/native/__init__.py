"""The native engine: encoders and decoders from the native library, one set for each type.

They are builtin functions, made by the crate `zkhost-native-codec` through CPython's stable ABI: the addresses of
CPython's functions and of a few objects are passed to it, so that one library serves every CPython. A value or word
that they do not accept, and every error, is left to the reference engine. Where the library or the ABI is missing, the
reference engine does everything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any, cast

from ...errors import ShimError
from .. import schema as s
from ..reference import Reference
from ..types import Some
from ..words import as_words
from .description import describe

__all__ = ["Functions", "native_functions"]

#: Inputs of this many bytes and more are decoded with the garbage collector paused.
LARGE = 1 << 18
#: What the library knows by address, in the order of the struct `Objects` in its `python.rs`; kept alive here.
OBJECTS = (
    int, float, str, bytes, list, tuple, dict, set, frozenset, None, False, True, Exception, (), (1 << 64) - 1, 64,
    Some, "value", as_words,
)  # fmt: skip

Functions = tuple[Callable[[Any], bytes], Callable[..., Any], Callable[..., tuple[Any, int]]]
"""encode, decode and decode_from."""


def native_functions(node: s.Node, packed: bool, reference: Functions) -> Functions | None:
    """Return the functions of a type, with `reference` as their fallback; None where there is no native engine."""
    make = _maker()
    return None if make is None else make(describe(node), packed, reference)


def engine(node: s.Node, packed: bool) -> Functions:
    """Return the fastest functions available for a type."""
    reference = Reference(node, packed)
    functions = (reference.encode, reference.decode, reference.decode_from)
    return native_functions(node, packed, functions) or functions


@cache
def _maker() -> Callable[[Any, bool, Functions], Functions | None] | None:
    import ctypes

    word = ctypes.sizeof(ctypes.c_void_p)
    if sys.implementation.name != "cpython" or word != 8 or ctypes.sizeof(ctypes.c_long) != word:
        return None
    number = 1.5
    if ctypes.c_void_p.from_address(id(number) + word).value != id(float):
        return None  # an object is not a reference count of one word and then its class: a build with unusual options
    try:
        from ..._shim import codec_library

        library = codec_library()
        library.zkhost_codec_functions.restype = ctypes.c_char_p
        names = library.zkhost_codec_functions().decode().split()
        addresses = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value for name in names]
    except (OSError, AttributeError, ShimError):
        return None
    functions = (ctypes.c_void_p * len(addresses))(*addresses)
    objects = (ctypes.c_void_p * len(OBJECTS))(*map(id, OBJECTS))
    make = library.zkhost_codec
    pointer, value = ctypes.c_void_p, ctypes.py_object
    make.argtypes = [pointer, pointer, value, ctypes.c_bool, value, ctypes.c_size_t]
    make.restype = value
    return lambda *given: cast("Functions | None", make(functions, objects, *given, LARGE))
