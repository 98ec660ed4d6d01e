"""The vocabulary of annotations. To a type checker each is the plain Python type it stands for.

U8 U16 U32 U64 U128 I8 I16 I32 I64 I128    int
F32 F64 (float alone is f64)               float
Char                                       str of one character
SerdeBytes                                 bytes, as serde_bytes writes them
Digest                                     bytes, the 32 of a risc0 Digest: an image ID, a SHA-256
HashMap[K, V]  HashSet[T]                  dict, set, in any order (dict and set alone are BTreeMap and BTreeSet)
Annotated[bytes, Len(32)]                  [u8; 32]
Annotated[list[T], Len(n)]                 [T; n]; shorter, but not for type checkers: Array[T, n]
Annotated[IntArray, U32]                   Vec<u32> in an array.array (FloatArray for F32 and F64)
Some[T | None] | None                      Option<Option<T>>, with values None, Some(None), Some(x)
Annotated[A | B, Tagged("Name")]           enum Name { A.., B.. } of dataclasses A and B
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from . import schema

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
    "Digest",
    "FloatArray",
    "HashMap",
    "HashSet",
    "IntArray",
    "Len",
    "SerdeBytes",
    "Some",
    "Tagged",
    "Unit",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
H = TypeVar("H", bound=Hashable)

U8 = Annotated[int, schema.Int(8, False)]
U16 = Annotated[int, schema.Int(16, False)]
U32 = Annotated[int, schema.Int(32, False)]
U64 = Annotated[int, schema.Int(64, False)]
U128 = Annotated[int, schema.Int(128, False)]
I8 = Annotated[int, schema.Int(8, True)]
I16 = Annotated[int, schema.Int(16, True)]
I32 = Annotated[int, schema.Int(32, True)]
I64 = Annotated[int, schema.Int(64, True)]
I128 = Annotated[int, schema.Int(128, True)]
F32 = Annotated[float, schema.Float(32)]
F64 = Annotated[float, schema.Float(64)]
Char = Annotated[str, schema.Char()]
SerdeBytes = Annotated[bytes, schema.Bytes(serde=True)]
Digest = Annotated[bytes, schema.Digest()]
Unit = None

if TYPE_CHECKING:
    IntArray = array[int]
    FloatArray = array[float]
else:  # array.array takes no arguments at run time before Python 3.12
    IntArray = FloatArray = array


@dataclass(frozen=True, slots=True)
class AnyOrder:
    """Marks a dict or set whose Rust counterpart keeps no order."""


HashMap = Annotated[dict[H, T], AnyOrder()]
HashSet = Annotated[set[H], AnyOrder()]


@dataclass(frozen=True, slots=True)
class Len:
    """Fixes the length: `Annotated[bytes, Len(32)]` is `[u8; 32]`, `Annotated[list[U32], Len(5)]` is `[u32; 5]`."""

    length: int


@dataclass(frozen=True, slots=True)
class Tagged:
    """Names a union of dataclasses: it becomes the Rust enum `name`, its variants in the order of the union.

    A dataclass without fields is a unit variant; `@newtype` and `@tuple_struct` make newtype and tuple variants.

    Write such a union once: to Python `A | B` equals `B | A`, so `typing` may turn both orders, under one name, into
    the order of whichever was made first.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Some(Generic[T_co]):
    """A present optional value, written out. `Some[T] | None` is `Option<T>` for every T, options and unit included."""

    value: T_co


class Array:
    """`Array[T, n]` is short for `Annotated[list[T], Len(n)]`, and `Array[U8, n]` for `Annotated[bytes, Len(n)]`.

    Type checkers refuse it as the type of a field: write the long form for code that is type-checked.
    """

    def __class_getitem__(cls, args: tuple[Any, int]) -> Any:
        item, length = args
        return Annotated[bytes if item is U8 else list[item], Len(length)]  # type: ignore[valid-type]
