"""The declarations of a module, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zkhost.contract.from_rust.attributes import Attributes, Meta
from zkhost.contract.from_rust.cfg import Features, all_hold
from zkhost.contract.from_rust.syntax_tree import line_of

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(eq=False)
class Definition:
    """A declaration. `conditions` are its `cfg` predicates; they decide which of several of a name is compiled."""

    kind: str
    name: str
    module: Module
    file: Path
    node: Node
    attributes: Attributes
    child: Module | None = None
    """The module itself, for a `mod`."""

    @property
    def line(self) -> int:
        """The line of its name, from 1."""
        return line_of(self.node)

    @property
    def conditions(self) -> list[Meta]:
        """Its own cfg predicates."""
        return self.attributes.arguments("cfg")

    def present(self) -> bool | None:
        """Return whether it is compiled; None where that is not known."""
        return all_hold(self.conditions, self.module.crate.features)


@dataclass(frozen=True)
class Use:
    """One name that a `use` brings in, or with the name `*` all of a module."""

    name: str
    path: tuple[str, ...]
    present: bool | None


@dataclass(frozen=True)
class Impl:
    """`impl Trait for Type`, or with `trait` None an inherent one."""

    module: Module
    file: Path
    node: Node
    trait: str | None
    type: Node


@dataclass(frozen=True)
class MacroCall:
    """A macro call among declarations: what it declares is unknown."""

    module: Module
    file: Path
    line: int
    name: str
    text: str


@dataclass(eq=False)
class Module:
    """A module and its declarations."""

    crate: Crate
    name: str
    parent: Module | None
    file: Path
    folder: Path
    """Where the files of its child modules are."""
    body: Node | None = None
    definitions: dict[str, list[Definition]] = field(default_factory=dict)
    """Types and modules."""
    constants: dict[str, list[Definition]] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)

    @property
    def path(self) -> tuple[str, ...]:
        """Its path from the root of the crate."""
        return () if self.parent is None else (*self.parent.path, self.name)

    def all_definitions(self) -> Iterator[Definition]:
        """Yield its types and modules, in no order."""
        return (definition for named in self.definitions.values() for definition in named)

    def children(self) -> Iterator[Module]:
        """Yield its child modules, in order."""
        return (d.child for d in self.all_definitions() if d.child is not None)


@dataclass(frozen=True)
class Dependency:
    """A crate that may be named in paths: its package's name, and its folder where that is known."""

    package: str
    folder: Path | None = None
    features: frozenset[str] = frozenset()


class Crate:
    """A crate: its module tree, dependencies and features, and the problems met while reading.

    `name` is that of a library, empty for a program; `root_file` None: its modules are files next to each other.
    """

    def __init__(
        self, name: str, root_file: Path | None, manifest: Path | None, folder: Path,
        dependencies: dict[str, Dependency], features: Features,
    ) -> None:  # fmt: skip
        self.name, self.root_file, self.manifest = name, root_file, manifest
        self.dependencies, self.features = dependencies, features
        self.impls: list[Impl] = []
        self.macros: dict[str, str] = {}
        self.macro_calls: list[MacroCall] = []
        self.files: dict[Path, Module] = {}
        self.problems: list[tuple[Path, int, str]] = []
        self.root = Module(self, name, None, root_file or folder, folder)

    def modules(self) -> Iterator[Module]:
        """Yield all modules, parents first."""
        todo = [self.root]
        while todo:
            here = todo.pop()
            yield here
            todo.extend(reversed(list(here.children())))
