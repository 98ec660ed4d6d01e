"""Schema nodes -> Rust types: the names and forms of the declared dataclasses and enums in the guest."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated, Any

from zkhost.codec import schema as s
from zkhost.codec import schema_of
from zkhost.contract.item_model import Array, Enum, Field, Fields, Item, Named, RustType, Struct, Tuple, Variant
from zkhost.contract.naming import NEVER_NAMES, TAKEN_TYPES, camel_case, snake_case
from zkhost.contract.to_rust.field_docs import field_docs
from zkhost.errors import SchemaError

_MAX_TUPLE = 12  # Rust's own traits (Debug, PartialEq) end there.


@dataclass(frozen=True, slots=True)
class _Param(s.Node):
    """Stands for a type parameter while a generic class is translated with its parameters left open."""

    name: str


class Items:
    """The Rust items that a contract's types need, collected while types are translated."""

    def __init__(self) -> None:
        self._items: dict[str, Item | None] = {}
        self._origins: dict[str, Any] = {}

    def items(self) -> tuple[Item, ...]:
        """Return all items so far, each type before those that only it needs."""
        return tuple(item for item in self._items.values() if item is not None)

    def rust_type(self, annotation: Any) -> RustType:
        """Return the Rust type of an annotation; collects what it needs. Raises SchemaError where there is none."""
        return self._type(schema_of(annotation))

    def _type(self, node: s.Node) -> RustType:
        match node:
            case _Param(name):
                return Named(name)
            case s.Unit():
                return Tuple()
            case s.Array(inner=inner, length=length):
                return Array(self._type(inner), length)
            case s.Tuple(items):
                if len(items) > _MAX_TUPLE:
                    raise SchemaError(
                        f"a tuple of {len(items)} items: Rust's tuples end at {_MAX_TUPLE}",
                        hint="declare a dataclass, with @tuple_struct if the fields need no names",
                    )
                return Tuple(tuple(map(self._type, items)))
            case s.NewType(name, inner):
                return self._newtype(name, inner)
            case s.Ref():
                return self._type(node.target)
            case s.Struct() | s.Enum():
                return self._item(node)
        if node.rust:
            return Named(node.rust, tuple(map(self._type, s.children(node))))
        if node.like:
            return self._type(node.like)
        raise SchemaError(f"{type(node).__name__} has no Rust type", hint="report this: codegen does not know the node")

    def _newtype(self, name: str, inner: s.Node) -> RustType:
        rust_name, fresh = self._claim(name, (name, inner))
        if fresh:
            self._items[rust_name] = Struct(rust_name, Fields("tuple", (Field("0", self._type(inner)),)))
        return Named(rust_name)

    def _item(self, node: s.Struct | s.Enum) -> RustType:
        origin: Any = node.cls
        if isinstance(node, s.Enum) and node.cls is None:
            origin = node.variants  # a tagged union has no class of its own: its variants make it
        name, fresh = self._claim(node.name, origin)
        if fresh:
            self._items[name] = self._define(name, _open(node))
        return Named(name, tuple(map(self._type, node.args)))

    def _claim(self, python_name: str, origin: Any) -> tuple[str, bool]:
        """Return a type's Rust name and whether it is new; refuse one that Rust or another type of the contract has."""
        name = _checked(camel_case(python_name), python_name)
        if name in TAKEN_TYPES:
            raise SchemaError(f"a type of the contract is called {name}, as Rust's own is", hint="give it another name")
        fresh = name not in self._items
        if fresh:
            self._items[name] = None
            self._origins[name] = origin
        if self._origins[name] != origin:
            raise SchemaError(f"two types of the contract are called {name} in Rust", hint="rename one of them")
        return name, fresh

    def _define(self, name: str, node: s.Struct | s.Enum) -> Item:
        params = tuple(arg.name for arg in node.args if isinstance(arg, _Param))
        doc = inspect.cleandoc(node.doc) if node.doc else ""
        if isinstance(node, s.Struct):
            return Struct(name, self._fields(name, node.kind, node.fields, field_docs(node.cls)), params, doc)
        member_docs = field_docs(node.cls) if node.cls is not None and node.plain else {}
        variants = []
        for variant in node.variants:
            own_docs = field_docs(variant.python) if isinstance(variant.python, type) else {}
            variant_name = _checked(camel_case(variant.name), f"{node.name}.{variant.name}")
            variant_doc = inspect.cleandoc(variant.doc) if variant.doc else member_docs.get(variant.name, "")
            fields = self._fields(f"{name}.{variant_name}", variant.kind, variant.fields, own_docs)
            variants.append(Variant(variant_name, fields, variant_doc))
        _distinct(name, [v.name for v in variants], [v.name for v in node.variants])
        return Enum(name, tuple(variants), params, doc)

    def _fields(self, where: str, kind: str, fields: tuple[s.Field, ...], docs: dict[str, str]) -> Fields:
        named = kind == "struct"
        made = []
        for place, f in enumerate(fields):
            name = _checked(snake_case(f.name), f"{where}.{f.name}") if named else str(place)
            made.append(Field(name, self._type(f.type), f.doc or docs.get(f.name, "")))
        _distinct(where, [f.name for f in made], [f.name for f in fields])
        return Fields("unit" if kind == "unit" else "named" if named else "tuple", tuple(made))


def _open(node: s.Struct | s.Enum) -> s.Struct | s.Enum:
    """Return the node of a generic class with its parameters left open; any other node unchanged."""
    if not node.args or node.cls is None:
        return node
    cls: Any = node.cls
    params = tuple(_Param(camel_case(param.__name__)) for param in cls.__parameters__)
    generic = schema_of(cls[tuple(Annotated[object, param] for param in params)])
    assert isinstance(generic, s.Struct | s.Enum)
    return generic


def _checked(name: str, python_name: str) -> str:
    if name.isidentifier() and name not in NEVER_NAMES:
        return name
    raise SchemaError(f"{python_name} would be {name!r} in Rust, which is no name there", hint="rename it in Python")


def _distinct(where: str, rust: list[str], python: list[str]) -> None:
    for place, name in enumerate(rust):
        first = rust.index(name)
        if first != place:
            raise SchemaError(
                f"{python[first]} and {python[place]} of {where} are both {name} in Rust", hint="rename one of them"
            )
