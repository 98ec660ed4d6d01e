"""Where a type is written, and what it may be made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from zkhost.contract.from_rust.declarations import Definition, Module
from zkhost.contract.from_rust.syntax_tree import name_of
from zkhost.contract.item_model import Item, Named, RustType

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True, slots=True)
class Unread(Named):
    """A type that is refused only where it is on the wire, not as the argument of a parameter that no field
    has. `name` is unique to the place.
    """

    message: str = ""
    line: int = 0


@dataclass(frozen=True)
class Scope:
    """Where a type is written: its module, what its parameters mean, and which of serde's traits it must have."""

    module: Module
    where: str
    parameters: Mapping[str, RustType | int] = field(default_factory=dict)
    self_type: RustType | None = None
    self_definition: Definition | None = None
    ser: bool = True
    de: bool = True
    depth: int = 0


class Declarations(Protocol):
    """What types are made of: declared types by the name that they have in the result."""

    def use(self, definition: Definition, constants: tuple[int, ...], scope: Scope, node: Node) -> RustType | str:
        """Return the name of a declared type, or the type it is written as. Raises RefusalError without either."""
        ...

    def builtin(self, item: Item) -> str:
        """Return the name of an item that stands for a type of the standard library."""
        ...

    def foreign(self, segments: Sequence[str]) -> RustType | None:
        """Return the type that the caller declared for a path."""
        ...

    def note(self, scope: Scope, line: int, message: str) -> None:
        """Report something about a type that is in the result."""
        ...

    def note_once(self, scope: Scope, line: int, message: str) -> None:
        """Report something that holds in every place, once."""
        ...


@dataclass(frozen=True)
class Parameter:
    """A type or const parameter of a declaration."""

    name: str
    constant: bool
    default: Node | None


def parameters(definition: Definition) -> list[Parameter]:
    """Return a declaration's parameters, lifetimes left out."""
    node = definition.node.child_by_field_name("type_parameters")
    found = []
    for each in [] if node is None else node.named_children:
        constant = each.type == "const_parameter"
        if constant or each.type in (
            "type_parameter",
            "type_identifier",
            "constrained_type_parameter",
            "optional_type_parameter",
        ):
            name = each.child_by_field_name("name") or each.child_by_field_name("left") or each
            default = each.child_by_field_name("value" if constant else "default_type")
            found.append(Parameter(name_of(name), constant, default))
    return found
