"""What a path means in its place: by Rust's rules of names, never by its last segment alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zkhost.contract.from_rust.declarations import Crate, Definition, Module, Use

STD = frozenset({"std", "core", "alloc"})

PRIMITIVES = frozenset("bool char str u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64".split())

PRELUDE = {
    "Vec": "vec",
    "String": "string",
    "Option": "option",
    "Box": "boxed",
    "Result": "result",
    "Some": "option",
    "None": "option",
    "Ok": "result",
    "Err": "result",
}


@dataclass(frozen=True)
class Foreign:
    """Something of a crate whose source is not read; the first segment is its package, with `_` for `-`."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return "::".join(self.path)


@dataclass(frozen=True)
class Primitive:
    """A type that Rust itself has."""

    name: str


@dataclass(frozen=True)
class Ambiguous:
    """Several declarations of one name, of which it is unknown which is compiled."""

    name: str


Target = Definition | Module | Foreign | Primitive | Ambiguous


class Names:
    """Finds what paths mean. `load` reads the crate in a folder, for dependencies whose source is available."""

    def __init__(self, load: Callable[[Path], Crate | None], canonical: Callable[[Foreign], Foreign]) -> None:
        self._load = load
        self._canonical = canonical
        self._known: dict[tuple[int, str, bool], Target | None] = {}
        self._asked: set[tuple[int, str, bool]] = set()

    def path(self, module: Module, segments: Sequence[str], *, constant: bool = False) -> Target | None:
        """Return the meaning of a path written in a module; None where the name is not found.

        `constant`: it names a constant, not a type or module.
        """
        found = self._path(module, tuple(segments), constant)
        return self._canonical(found) if isinstance(found, Foreign) else found

    def _path(self, module: Module, segments: tuple[str, ...], constant: bool = False) -> Target | None:
        first, rest = segments[0], segments[1:]
        alone = constant and not rest
        here: Target | None
        if first in ("crate", "$crate"):
            here = module.crate.root
        elif first == "self":
            here = module
        elif first == "super":
            here = module.parent
        elif first == "":
            if not rest:
                return None
            here, rest = self._crate(module, rest[0]), rest[1:]
        else:
            here = self._lookup(module, first, alone)
            if here is None and not alone:
                here = self._crate_named(module, first, bool(rest)) or _builtin(first, rest)
        for place, segment in enumerate(rest, 1):
            here = self._member(here, segment, constant and place == len(rest))
        return here

    def _member(self, here: Target | None, segment: str, constant: bool = False) -> Target | None:
        match here:
            case Module():
                if segment in ("super", "self"):
                    return here.parent if segment == "super" else here
                return self._lookup(here, segment, constant)
            case Foreign(path):
                return self._canonical(Foreign((*path, segment)))
            case Ambiguous():
                return here
        return None

    def _lookup(self, module: Module, name: str, constant: bool = False) -> Target | None:
        """Return a name in a module: declared there, imported, or from a glob."""
        key = (id(module), name, constant)
        if key in self._known:
            return self._known[key]
        if key in self._asked:  # cyclic globs, or a second visit: nothing new to find
            return None
        outermost = not self._asked
        self._asked.add(key)
        found = self._search(module, name, constant)
        if found is not None or outermost:
            self._known[key] = found
        if outermost:
            self._asked.clear()
        return found

    def _search(self, module: Module, name: str, constant: bool) -> Target | None:
        names = module.constants if constant else module.definitions
        declared = [d for d in names.get(name, []) if d.present() is not False]
        declared = [d for d in declared if d.present()] or declared
        if declared:
            return _only(name, [d.child or d for d in declared])
        explicit = [use for use in module.uses if use.name == name]
        targets = [t for use in explicit if (t := self._used(module, use, constant)) is not None]
        if targets:
            return _only(name, targets)
        found = []
        for use in module.uses:
            if use.name == "*":
                source = self._path(module, use.path)
                target = None if isinstance(source, Foreign) else self._member(source, name, constant)
                if (
                    isinstance(source, Foreign)
                    and (known := self._canonical(Foreign((*source.path, name)))).path[0] == ""
                ):
                    target = known
                found += [] if target is None else [target]
        return _only(name, found) if found else None

    def _used(self, module: Module, use: Use, constant: bool) -> Target | None:
        """Return what a `use` brings in: a path of one segment may be a crate."""
        target = self._path(module, use.path, constant)
        alone = target is None and len(use.path) == 1 and not constant
        return self._crate(module, use.path[0]) if alone else target

    def foreign_globs(self, module: Module) -> list[Foreign]:
        """Return the modules of other crates of which a module imports all."""
        targets = [self.path(module, use.path) for use in module.uses if use.name == "*"]
        return [t for t in targets if isinstance(t, Foreign)]

    def _crate_named(self, module: Module, name: str, in_path: bool) -> Target | None:
        declared = name in module.crate.dependencies or name in STD
        return self._crate(module, name) if in_path or declared else None

    def _crate(self, module: Module, name: str) -> Target | None:
        if name in STD:
            return Foreign(("std",))
        if name == module.crate.name and module.crate.root_file is not None and name not in module.crate.dependencies:
            return module.crate.root
        dependency = module.crate.dependencies.get(name)
        if dependency is None:
            return Foreign((name,)) if name[:1].islower() or name[:1] == "_" else None
        crate = self._load(dependency.folder) if dependency.folder else None
        return crate.root if crate else Foreign((dependency.package.replace("-", "_"),))


def _builtin(name: str, rest: tuple[str, ...]) -> Target | None:
    if name in PRIMITIVES and not rest:
        return Primitive(name)
    return Foreign(("std", PRELUDE[name], name)) if name in PRELUDE else None


def _only(name: str, targets: Sequence[Target]) -> Target:
    """Return the one target, however often it was found."""
    first = targets[0]
    same = all(t is first or (isinstance(t, Foreign | Primitive) and t == first) for t in targets)
    return first if same else Ambiguous(name)
