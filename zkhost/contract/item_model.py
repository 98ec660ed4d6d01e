"""Rust types as data: what codegen prints and what import-types reads.

Names are Rust's, raw identifiers (`r#type`) without their prefix: printers add it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

FieldsKind = Literal["unit", "tuple", "named"]


@dataclass(frozen=True, slots=True)
class Named:
    """A type by its name, as in `u32`, `Vec<u8>`, `Move` or the type parameter `T`."""

    name: str
    args: tuple[RustType, ...] = ()


@dataclass(frozen=True, slots=True)
class Tuple:
    """`(A, B)`; the unit `()` when empty."""

    items: tuple[RustType, ...] = ()


@dataclass(frozen=True, slots=True)
class Array:
    """`[T; n]`."""

    item: RustType
    length: int


RustType = Named | Tuple | Array


@dataclass(frozen=True, slots=True)
class Field:
    """A field; tuple structs and tuple variants have fields named "0", "1", ..."""

    name: str
    type: RustType
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """What a struct or a variant holds."""

    kind: FieldsKind = "unit"
    items: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Struct:
    """`struct Name<P, ...>`; a newtype is a tuple struct of one field."""

    name: str
    fields: Fields
    params: tuple[str, ...] = ()
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of an enum. On the wire it is its place in the list."""

    name: str
    fields: Fields = Fields()
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Enum:
    """`enum Name<P, ...>`."""

    name: str
    variants: tuple[Variant, ...]
    params: tuple[str, ...] = ()
    doc: str = ""


Item = Struct | Enum


@dataclass(frozen=True, slots=True)
class Guest:
    """What one guest reads and commits, and in which format; `input` or `journal` None: it has none."""

    name: str
    input: RustType | None
    journal: RustType | None
    format: Literal["standard", "packed"]


@dataclass(frozen=True, slots=True)
class Module:
    """A contract: its types, in the order declared, and its guests."""

    items: tuple[Item, ...]
    guests: tuple[Guest, ...] = ()
    doc: str = ""
    by_name: dict[str, Item] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {item.name: item for item in self.items})


def field_types(item: Item) -> Iterator[RustType]:
    """Yield the types of all fields of an item, as declared."""
    groups = [item.fields] if isinstance(item, Struct) else [variant.fields for variant in item.variants]
    return (f.type for group in groups for f in group.items)


def walk(rust_type: RustType) -> Iterator[RustType]:
    """Yield a type and every type written inside it."""
    yield rust_type
    match rust_type:
        case Named(args=inner) | Tuple(items=inner):
            for each in inner:
                yield from walk(each)
        case Array(item=each):
            yield from walk(each)


def map_types(item: Item, change: Callable[[RustType], RustType]) -> Item:
    """Return the item with `change` made to the type of every field."""

    def changed(fields: Fields) -> Fields:
        return replace(fields, items=tuple(replace(f, type=change(f.type)) for f in fields.items))

    if isinstance(item, Struct):
        return replace(item, fields=changed(item.fields))
    return replace(item, variants=tuple(replace(v, fields=changed(v.fields)) for v in item.variants))
