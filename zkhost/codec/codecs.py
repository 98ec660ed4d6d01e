"""`Codec`: a type and a wire format, compiled once, that turns values into words and back."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, Generic, TypeVar, overload

from ..errors import SchemaError
from . import schema as s
from .native import Functions, engine
from .recursion_limit import deep_recursion
from .translate import schema_of
from .words import Words

__all__ = ["Codec", "WireFormat", "codec", "decode", "encode"]

T = TypeVar("T")


class WireFormat(StrEnum):
    """How values become words: risc0's own serde format, or the one that packs bytes four to a word."""

    STANDARD = "standard"
    """That of `risc0_zkvm::serde`: what `env::read` and `env::commit` use."""
    PACKED = "packed"
    """That of `l2r0-small-serde`: what `zkhost_guest::packed` uses."""


FORMATS: dict[str, WireFormat] = {f.value: f for f in WireFormat}


class Codec(Generic[T]):
    """The encoder and decoder of one type in one format. Get one from `codec`; it can be shared between threads.

    Each is made when it is first used, and from then on replaces the method of its name on this object.
    """

    def __init__(self, node: s.Node, format: WireFormat) -> None:
        self.schema = node
        self.format = format

    def __repr__(self) -> str:
        return f"Codec({getattr(self.schema, 'name', self.schema)}, {self.format.value})"

    def encode(self, value: T) -> bytes:
        """Return the value as words, in little-endian bytes. Raises EncodeError with the path of what does not fit."""
        self.__dict__["encode"] = self._engine[0]
        return self.encode(value)

    def encode_words(self, value: T) -> list[int]:
        """Return the value as a list of words. Raises EncodeError."""
        return self.encode_array(value).tolist()

    def encode_array(self, value: T) -> array[int]:
        """Return the value as an array('I') of words. Raises EncodeError."""
        return array("I", self.encode(value))

    def decode(self, data: Words, strict: bool = True) -> T:
        """Return the value that `data` holds. Raises DecodeError with the path and the word offset of what is wrong.

        Where `strict`, words left over, padding that is not zero and maps or sets out of order are refused;
        otherwise exactly what the Rust deserializer accepts is accepted, words left over included.
        """
        self.__dict__["decode"] = self._engine[1]
        return self.decode(data, strict)

    def decode_from(self, data: Words, offset: int = 0, strict: bool = True) -> tuple[T, int]:
        """Return the value at word `offset` and the offset of the word after it, as env::read does in Rust.

        Raises DecodeError; what follows the value is ignored.
        """
        self.__dict__["decode_from"] = self._engine[2]
        return self.decode_from(data, offset, strict)

    @cached_property
    def _engine(self) -> Functions:
        with deep_recursion():
            return engine(self.schema, self.format is WireFormat.PACKED)


@overload
def codec(type: type[T], format: WireFormat | str = ..., *, namespace: Mapping[str, Any] | None = ...) -> Codec[T]: ...
@overload
def codec(type: Any, format: WireFormat | str = ..., *, namespace: Mapping[str, Any] | None = ...) -> Codec[Any]: ...
def codec(
    type: Any, format: WireFormat | str = WireFormat.STANDARD, *, namespace: Mapping[str, Any] | None = None
) -> Codec[Any]:
    """Return the codec of an annotation; it is made once and cached.

    `namespace` resolves forward references to names neither global in the module of the class nor nested in it.
    Raises SchemaError, naming the field and the fix, for an annotation without a wire form.

    >>> from zkhost.codec import U8, U64
    >>> codec(tuple[U8, U64], "packed").encode_words((7, 1 << 32))
    [7, 0, 1]
    """
    known = FORMATS.get(format)
    if known is None:
        raise SchemaError(f"no wire format {format!r}", hint="use 'standard' or 'packed'")
    if namespace or not _hashable(type):
        return Codec(schema_of(type, namespace), known)
    return _cached(type, known)


def _hashable(type: Any) -> bool:
    try:
        hash(type)
    except TypeError:
        return False
    return True


@lru_cache(maxsize=4096)
def _cached(type: Any, format: WireFormat) -> Codec[Any]:
    return Codec(schema_of(type), format)


def encode(value: Any, type: Any = None, format: WireFormat | str = WireFormat.STANDARD) -> bytes:
    """Encode a value of `type`; without it, the class of the value, which must then be a dataclass or an enum.

    Raises EncodeError, and SchemaError as `codec` does.
    """
    return codec(value.__class__ if type is None else type, format).encode(value)


@overload
def decode(type: type[T], data: Words, format: WireFormat | str = ..., strict: bool = ...) -> T: ...
@overload
def decode(type: Any, data: Words, format: WireFormat | str = ..., strict: bool = ...) -> Any: ...
def decode(type: Any, data: Words, format: WireFormat | str = WireFormat.STANDARD, strict: bool = True) -> Any:
    """Decode a value of `type` from words. Raises DecodeError, and SchemaError as `codec` does."""
    return codec(type, format).decode(data, strict)
