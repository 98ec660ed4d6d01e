"""Wire forms of types whose source is not read, and which values they accept."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from zkhost.contract.item_model import Array, Enum, Field, Fields, Item, Named, RustType, Struct, Variant


class Arguments(Protocol):
    """The generic arguments of a use of a known type."""

    @property
    def count(self) -> int:
        """Their number, lifetimes not counted."""
        ...

    def type(self, place: int) -> RustType:
        """Return an argument that is a type."""
        ...

    def number(self, place: int) -> int:
        """Return an argument that is a constant."""
        ...

    def item(self, item: Item) -> str:
        """Return the name under which a type that serde writes as this one is declared in the result."""
        ...


Form = Callable[[Arguments], RustType]


@dataclass(frozen=True, slots=True)
class Constrained(Named):
    """A type that accepts fewer values than others of its wire form: `sample` makes one, in the codec's plain form."""

    sample: Callable[[random.Random], Any] = lambda rng: None
    limit: str = ""
    """Which values it takes, in words."""


class UnknownFormError(Exception):
    """A use of a known type whose wire form is unknown."""


def always(rust_type: RustType) -> Form:
    """Return the same form, whatever the arguments."""
    return lambda a: rust_type


def as_inner(a: Arguments) -> RustType:
    """Return the argument's form."""
    return a.type(0)


def as_list(a: Arguments) -> RustType:
    """Return a list of the argument."""
    return Named("Vec", (a.type(0),))


def generic(name: str, count: int) -> Form:
    """Return a type of the model, of the first `count` arguments: a hasher behind them is not on the wire."""
    return lambda a: Named(name, tuple(a.type(i) for i in range(count)))


def declared_form(declared: Struct | Enum) -> Form:
    """Return a struct or enum that the result declares in its place."""
    return lambda a: Named(a.item(declared), tuple(a.type(i) for i in range(len(declared.params))))


def exactly(length: int) -> Constrained:
    """Return a serde byte string of one length."""
    return Constrained("ByteBuf", (), lambda rng: rng.randbytes(length), f"{length} bytes")


def bytes_of(length: int) -> Form:
    """Return a serde byte string of one length."""
    return lambda a: exactly(length)


def text(limit: str, *samples: str) -> Constrained:
    """Return a string of some syntax."""
    return Constrained("String", (), lambda rng: rng.choice(samples), limit)


def text_form(limit: str, *samples: str) -> Form:
    """Return a string of some syntax."""
    return lambda a: text(limit, *samples)


def between(name: str, low: int, high: int) -> Constrained:
    """Return an integer within bounds."""
    return Constrained(name, (), lambda rng: rng.randint(low, high), f"{low} to {high}")


def nonzero(name: str) -> Constrained:
    """Return an integer that is not 0."""
    bits = int(name[1:])

    def sample(rng: random.Random) -> int | bytes:
        value = 1 + rng.getrandbits(bits - 2)
        return value.to_bytes(16, "little") if bits == 128 else value

    return Constrained(name, (), sample, "not 0")


def nonzero_form(a: Arguments) -> RustType:
    """`NonZero<T>`."""
    inner = a.type(0)
    if isinstance(inner, Named) and inner.name[1:].isdigit():
        return nonzero(inner.name)
    raise UnknownFormError("NonZero of what is no integer")


def small_vec(a: Arguments) -> RustType:
    """`SmallVec<[T; N]>`: a list."""
    match a.type(0):
        case Array(item):
            return Named("Vec", (item,))
    raise UnknownFormError("SmallVec without an array")


def bits_as_bytes(a: Arguments) -> RustType:
    """Return the bytes of an integer whose bits the argument counts."""
    return exactly((a.number(0) + 7) // 8)


def struct_form(name: str, *fields: tuple[str, RustType], params: tuple[str, ...] = (), doc: str = "") -> Form:
    """Return a struct of named fields."""
    return declared_form(Struct(name, Fields("named", tuple(Field(n, t) for n, t in fields)), params, doc))


def enum_form(name: str, *variants: tuple[str, RustType | None], params: tuple[str, ...] = ()) -> Form:
    """Return an enum of unit and newtype variants."""
    made = [Variant(n, Fields() if t is None else Fields("tuple", (Field("0", t),))) for n, t in variants]
    return declared_form(Enum(name, tuple(made), params))


def fixed_bytes(a: Arguments) -> RustType:
    """Return the argument's number of bytes, as a serde byte string."""
    return exactly(a.number(0))


def big_array(a: Arguments) -> RustType:
    """`BigArray<T, N>`: an array."""
    return Array(a.type(0), a.number(1))
