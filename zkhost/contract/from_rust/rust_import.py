"""`import_rust`: the serde types of Rust files as the contract's model, with notes about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from zkhost.contract.from_rust.conversions import written_as
from zkhost.contract.from_rust.crate_search import CrateSearch
from zkhost.contract.from_rust.declarations import Crate, Definition
from zkhost.contract.from_rust.declared_types import DeclaredTypes
from zkhost.contract.from_rust.item_reader import ItemReader
from zkhost.contract.from_rust.known_types import canonical
from zkhost.contract.from_rust.name_resolution import Names
from zkhost.contract.from_rust.pruning import prune
from zkhost.contract.from_rust.refusal import RefusalError
from zkhost.contract.from_rust.scope import Scope, parameters
from zkhost.contract.from_rust.serde_traits import SerdeTraits, Traits
from zkhost.contract.from_rust.type_reader import TypeReader
from zkhost.contract.item_model import Item, Module, Named, RustType, field_types, walk
from zkhost.contract.naming import camel_case

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True)
class Note:
    """Something to know about a Rust type; with `left_out` it is not in the result."""

    file: Path
    line: int
    where: str
    message: str
    left_out: bool = False

    def __str__(self) -> str:
        here = Path.cwd()
        file = self.file.relative_to(here) if self.file.is_relative_to(here) else self.file
        return f"{file}:{self.line}: {self.where}: {self.message}{' (left out)' if self.left_out else ''}"


@dataclass(frozen=True)
class Origin:
    """Where an item of the result was declared, and the values of its const parameters."""

    definition: Definition
    constants: tuple[int, ...]
    traits: Traits


@dataclass(frozen=True)
class Imported:
    """What was read. `imports` are the modules of Python that declare types of the caller; `aliases` are requested
    types that are written as another, and so have no class; `origins` is where each item comes from.
    """

    module: Module
    notes: list[Note]
    imports: Mapping[str, str]
    aliases: Mapping[str, RustType]
    origins: Mapping[str, Origin]

    @property
    def left_out(self) -> list[Note]:
        """What is not in the result."""
        return [note for note in self.notes if note.left_out]

    @property
    def found(self) -> bool:
        """Whether any serde type was found, in the result or not."""
        return bool(self.module.items or self.aliases or self.left_out)


def import_rust(
    paths: Sequence[Path],
    *,
    types: Mapping[str, str] | None = None,
    features: Iterable[str] | None = None,
    only: Iterable[str] = (),
) -> Imported:
    """Return the serde types of a crate's folder, a folder or several files.

    `mod`, `use` and paths are followed, into crates of the same checkout too. `types` declares types whose source
    is not read, or not understood: a name or path and an annotation. `features` are the features that are on, all
    others off; without them the default ones are on, and what depends on others is refused. `only` are names of types:
    they, and what they are made of, are the result. Raises ContractError where there is no Rust file, a name of `only`
    is no serde type, or tree-sitter is not installed; ConfigError for an invalid annotation.
    """
    search = CrateSearch(None if features is None else frozenset(features))
    crates, asked = search.find(paths)
    reading = _Import(search, DeclaredTypes(types or {}))
    reading.ask(crates, frozenset(asked), frozenset(only))
    return reading.result()


@dataclass
class _Import:
    search: CrateSearch
    declared: DeclaredTypes
    notes: list[Note] = field(default_factory=list)
    aliases: dict[str, RustType] = field(default_factory=dict)
    _names: dict[tuple[int, tuple[int, ...]], str] = field(default_factory=dict)
    _origins: dict[str, Origin] = field(default_factory=dict)
    _builtins: dict[str, Item] = field(default_factory=dict)
    _todo: list[str] = field(default_factory=list)
    _const_generic: list[Definition] = field(default_factory=list)
    _noted: set[tuple[Path, int, str]] = field(default_factory=set)
    _said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.names = Names(self.search.crate_in, canonical)
        self.traits = SerdeTraits(self.names)
        self.types = TypeReader(self.names, self)
        self._taken = set(self.declared.imports)

    def ask(self, crates: Sequence[Crate], files: frozenset[Path], only: frozenset[str]) -> None:
        """Name all types requested, in the order of their sources."""
        definitions = [
            d for c in crates for m in c.modules() for d in sorted(m.all_definitions(), key=lambda d: (d.file, d.line))
            if d.kind in ("struct", "enum") and d.file in files and d.present() is not False
        ]  # fmt: skip
        definitions = [d for d in definitions if self.traits.of(d) and (not only or d.name in only)]
        self.declared.found(only, {d.name for d in definitions})
        for definition in definitions:
            self._ask(definition)
        if not only:
            for crate in crates:
                self._problems(crate, files)

    def _ask(self, definition: Definition) -> None:
        traits = self.traits.of(definition)
        scope = Scope(definition.module, definition.name, ser=bool(traits.ser), de=bool(traits.de))
        try:
            if any(p.constant for p in parameters(definition)):
                self._const_generic.append(definition)
                return
            used = self.use(definition, (), scope, definition.node)
            if not isinstance(used, str):
                self.aliases[definition.name] = used
                self._note(
                    definition.file,
                    definition.line,
                    definition.name,
                    "has no class of its own: it is written as what it is on the wire",
                )
        except RefusalError as error:
            self._leave_out(definition, error)

    def _problems(self, crate: Crate, files: frozenset[Path]) -> None:
        for file, line, message in crate.problems:
            self._note(file, line, "?" if "not Rust" in message else "mod", message, left_out="not Rust" in message)
        for call in crate.macro_calls:
            body = call.text + crate.macros.get(call.name, "")
            if call.file in files and "derive" in body and ("Serialize" in body or "Deserialize" in body):
                self._note(
                    call.file, call.line, f"{call.name}!", "types that a macro declares are not read", left_out=True
                )

    def result(self) -> Imported:
        """Return all types read, without those that use one that is not understood."""
        items: dict[str, Item] = {}
        while self._todo:
            name = self._todo.pop(0)
            try:
                items[name] = self._read(name)
            except RefusalError as error:
                self._leave_out(self._origins[name].definition, error)
        kept, lost = prune([*items.values(), *self._builtins.values()], self._origins)
        for name, line, message in lost:
            self._leave_out(
                self._origins[name].definition, RefusalError(line or self._origins[name].definition.line, message)
            )
        for definition in self._const_generic:
            if not any(self._origins[n].definition is definition for n in kept if n in self._origins):
                self._leave_out(
                    definition, RefusalError(definition.node, "const generics: only its uses with numbers are read")
                )
        used = {t for item in kept.values() for t in _names_in(item)}
        items = {n: item for n, item in kept.items() if n in self._origins or n in used}
        notes = sorted(self.notes, key=lambda note: (str(note.file), note.line))
        return Imported(Module(tuple(items.values())), notes, self.declared.imports, self.aliases, self._origins)

    def _read(self, name: str) -> Item:
        origin = self._origins[name]
        definition = origin.definition
        params = parameters(definition)
        numbers = iter(origin.constants)
        known: dict[str, RustType | int] = {p.name: next(numbers) if p.constant else Named(p.name) for p in params}
        itself = Named(name, tuple(v for v in known.values() if not isinstance(v, int)))
        traits = origin.traits
        scope = Scope(definition.module, definition.name, known, itself, definition, bool(traits.ser), bool(traits.de))
        reader = ItemReader(self.types, definition, traits, scope)
        item = reader.read(name)
        for line, where, message in reader.notes:
            self._note(definition.file, line, where, message)
        return item

    # The Declarations of a TypeReader.

    def use(self, definition: Definition, constants: tuple[int, ...], scope: Scope, node: Node) -> RustType | str:
        """Return the name of a type in the result, or what it is written as."""
        key = id(definition), constants
        traits = self.traits.of(definition)
        for trait, wanted, there in (("Serialize", scope.ser, traits.ser), ("Deserialize", scope.de, traits.de)):
            if traits and wanted and not there:
                raise RefusalError(node, f"{definition.name} has no {trait} that is seen here")
        if key in self._names:
            return self._names[key]
        self._refuse_unknown_traits(definition, traits, node)
        if alias := written_as(definition, traits, self.types):
            return alias
        name = self._free_name(definition, constants)
        self._names[key] = name
        self._origins[name] = Origin(definition, constants, traits)
        self._todo.append(name)
        return name

    def builtin(self, item: Item) -> str:
        """Return the name of an item that stands for a type of the standard library."""
        if item.name not in self._builtins:
            name = item.name if item.name not in self._taken else f"Std{item.name}"
            self._taken.add(name)
            self._builtins[item.name] = replace(item, name=name)
        return self._builtins[item.name].name

    def foreign(self, segments: Sequence[str]) -> RustType | None:
        """Return the type that the caller declared for a path."""
        return self.declared.type_of(segments)

    def note(self, scope: Scope, line: int, message: str) -> None:
        """Report something about a type that is in the result."""
        owner = scope.self_definition
        self._note(owner.file if owner else scope.module.file, line, scope.where, message)

    def note_once(self, scope: Scope, line: int, message: str) -> None:
        """Report it once."""
        if message not in self._said:
            self._said.add(message)
            self.note(scope, line, message)

    def _refuse_unknown_traits(self, definition: Definition, traits: Traits, node: Node) -> None:
        if not traits:
            macro = self.traits.named_in_macro(definition)
            why = f", unless {macro}! implements them" if macro else ""
            raise RefusalError(node, f"{definition.name} derives none of serde's traits{why}")
        if "hand" in traits.ways:
            written = " and ".join(n for n, w in (("Serialize", traits.ser), ("Deserialize", traits.de)) if w == "hand")
            raise RefusalError(node, f"{written} of {definition.name} is written by hand: what it writes is not known")
        if "unknown" in traits.ways:
            raise RefusalError(node, f"the derive of {definition.name} is not known to be serde's")
        if not (traits.ser and traits.de) and (macro := self.traits.named_in_macro(definition)):
            raise RefusalError(node, f"{macro}! names {definition.name}, and may implement what it does not derive")
        if len(traits.ways) > 1:
            raise RefusalError(node, f"{definition.name} is written one way and read another")

    def _free_name(self, definition: Definition, constants: tuple[int, ...]) -> str:
        short = definition.name + "_".join(map(str, constants))
        candidates = [short, *(f"{camel_case(m)}{short}" for m in reversed(definition.module.path))]
        candidates += [f"{short}{number}" for number in range(2, 1000)]
        name = next(c for c in candidates if c not in self._taken)
        self._taken.add(name)
        if name != short:
            self._note(
                definition.file, definition.line, definition.name, f"is called {name} here: its own name is taken"
            )
        return name

    def _leave_out(self, definition: Definition, error: RefusalError) -> None:
        self._note(definition.file, error.line, definition.name, error.message, left_out=True)

    def _note(self, file: Path, line: int, where: str, message: str, *, left_out: bool = False) -> None:
        if (file, line, where + message) not in self._noted:
            self._noted.add((file, line, where + message))
            self.notes.append(Note(file, line, where, message, left_out))


def _names_in(item: Item) -> set[str]:
    return {t.name for f in field_types(item) for t in walk(f) if isinstance(t, Named)}
