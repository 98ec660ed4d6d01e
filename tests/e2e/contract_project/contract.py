"""Every kind of type that a contract can have, sent to the guest and back."""

from __future__ import annotations

import enum as py_enum
from dataclasses import dataclass, field
from typing import Annotated, Generic, NewType, TypeVar

from zkhost import Contract
from zkhost.codec import (
    F32,
    F64,
    I8,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    Char,
    HashMap,
    Len,
    SerdeBytes,
    Some,
    Tagged,
    enum,
    newtype,
    tuple_struct,
)

T = TypeVar("T")

Height = NewType("Height", U64)


class Colour(py_enum.Enum):
    """A colour."""

    RED = 0
    DARK_GREEN = 1
    """Not light."""


@enum
class Move:
    """What a player does."""


@dataclass(frozen=True)
class Pass(Move):
    """Nothing."""


@newtype
@dataclass(frozen=True)
class Jump(Move):
    steps: I8


@tuple_struct
@dataclass(frozen=True)
class Swap(Move):
    first: U8
    second: U8


@dataclass(frozen=True)
class Go(Move):
    x: U8
    type: str
    """`type` is a keyword of Rust."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items, and perhaps more."""

    items: list[T]
    next: Page[T] | None = None


@newtype
@dataclass(frozen=True)
class Small:
    value: U16


@dataclass(frozen=True)
class Everything:
    """One field of each kind."""

    flag: bool
    tiny: U8
    big: U128
    negative: I128
    single: F32
    double: F64
    letter: Char
    name: str
    data: bytes
    serde_data: SerdeBytes
    digest: Annotated[bytes, Len(32)]
    """32 bytes, as a SHA-256."""
    signature: Annotated[bytes, Len(64)]
    odd: Annotated[bytes, Len(35)]
    words: list[U32]
    wide: Annotated[list[U64], Len(3)]
    pair: tuple[U8, bool]
    maybe: Some[U8 | None] | None
    moves: list[Move]
    colour: Colour
    height: Height
    bytes_page: Page[U8]
    text_page: Page[str]
    prices: dict[Small, I64] = field(default_factory=dict)
    counts: HashMap[str, U32] = field(default_factory=dict)
    seen: set[Colour] = field(default_factory=set)
    choice: Annotated[Pass | Go, Tagged("Choice")] = Pass()


@dataclass(frozen=True)
class Total:
    """What `sum` commits."""

    sum: U64


everything = Contract(Everything, Everything)
everything_packed = Contract(Everything, Everything, format="packed")
total = Contract(list[U32], Total, guest="sum")
