"""Decorators that declare what kind of Rust type a dataclass is."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from ..errors import SchemaError

__all__ = ["enum", "newtype", "tuple_struct"]

C = TypeVar("C", bound=type)

KIND = "__zkhost_kind__"
ENUM = "__zkhost_enum__"


def newtype(cls: C) -> C:
    """Make a dataclass of one field a newtype: `struct Height(u64)`, or a newtype variant of an enum.

    Raises SchemaError where the class is not a dataclass of exactly one field.
    """
    if len(_fields(cls, "newtype")) != 1:
        raise SchemaError(f"@newtype on {cls.__name__}: it needs exactly one field", hint="use @tuple_struct")
    setattr(cls, KIND, "newtype")
    return cls


def tuple_struct(cls: C) -> C:
    """Make a dataclass a tuple struct: `struct Point(u32, u32)`, or a tuple variant of an enum.

    Raises SchemaError where the class is not a dataclass, or has one field only (Rust calls that a newtype) or none.
    """
    if len(_fields(cls, "tuple_struct")) < 2:
        raise SchemaError(
            f"@tuple_struct on {cls.__name__}: it needs two fields or more",
            hint="use @newtype for one field; a dataclass without fields is a unit struct as it is",
        )
    setattr(cls, KIND, "tuple")
    return cls


def enum(cls: C) -> C:
    """Make a class a Rust enum. Its variants are the dataclasses derived from it, in the order of their definition.

    >>> from dataclasses import dataclass
    >>> from zkhost.codec import U32, encode
    >>> @enum
    ... class Shape: ...
    >>> @dataclass(frozen=True)
    ... class Empty(Shape): ...
    >>> @newtype
    ... @dataclass(frozen=True)
    ... class Circle(Shape):
    ...     radius: U32
    >>> encode(Circle(7), Shape).hex()
    '0100000007000000'

    All variants must be defined before the type is first used in a codec.
    """
    setattr(cls, ENUM, cls)
    return cls


def kind_of(cls: type) -> str:
    """`struct`, `newtype`, `tuple` or `unit`."""
    if not dataclasses.fields(cls):
        return "unit"
    return str(cls.__dict__.get(KIND, "struct"))


def is_enum_base(cls: Any) -> bool:
    """Return whether the class itself (not a base of it) was declared with `@enum`."""
    return isinstance(cls, type) and cls.__dict__.get(ENUM) is cls


def variants_of(cls: type) -> list[type]:
    """Return the variants in order. A dataclass with slots replaces its class, so the last of a name counts."""
    subclasses: list[type] = cls.__subclasses__()
    return list({sub.__qualname__: sub for sub in subclasses}.values())


def _fields(cls: type, decorator: str) -> tuple[dataclasses.Field[Any], ...]:
    if not dataclasses.is_dataclass(cls):
        raise SchemaError(f"@{decorator} on {cls.__name__}: not a dataclass", hint="put @dataclass below it")
    return dataclasses.fields(cls)
