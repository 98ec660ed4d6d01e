"""How a type implements serde's traits: derived, by the derives of other crates, or written by hand."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from zkhost.contract.from_rust.attributes import Meta
from zkhost.contract.from_rust.cfg import all_hold
from zkhost.contract.from_rust.declarations import Crate, Definition, Module
from zkhost.contract.from_rust.name_resolution import Foreign, Names
from zkhost.contract.from_rust.syntax_tree import path_segments

How = Literal["derive", "repr", "text", "hand", "unknown"]
"""Derived by serde; as the number of `#[repr]`; as a string; written by hand; by a derive of another crate."""

SERDE = frozenset({"serde", "serde_derive", "serde_core"})
_OTHER_DERIVES = frozenset({"rkyv", "miniserde", "musli", "nanoserde", "savefile"})
"""Crates with a derive macro Serialize of their own, which a glob import may bring in."""
_OWNERS: dict[How, frozenset[str]] = {
    "derive": SERDE,
    "repr": frozenset({"serde_repr"}),
    "text": frozenset({"serde_with"}),
}
_DERIVES: dict[str, tuple[str, How]] = {
    "Serialize": ("Serialize", "derive"),
    "Deserialize": ("Deserialize", "derive"),
    "Serialize_repr": ("Serialize", "repr"),
    "Deserialize_repr": ("Deserialize", "repr"),
    "SerializeDisplay": ("Serialize", "text"),
    "DeserializeFromStr": ("Deserialize", "text"),
}


@dataclass(frozen=True)
class Traits:
    """How a type implements Serialize and Deserialize; None: it does not."""

    ser: How | None = None
    de: How | None = None
    conditions: tuple[Meta, ...] = ()
    """What the derive depends on."""

    def __bool__(self) -> bool:
        return bool(self.ser or self.de)

    @property
    def ways(self) -> set[How]:
        """The ways of the traits that it has."""
        return {way for way in (self.ser, self.de) if way}


class SerdeTraits:
    """How the types of all crates read implement serde's traits."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._by_hand: dict[int, set[str]] = defaultdict(set)
        self._crates: set[int] = set()
        self._found: dict[int, Traits] = {}

    def of(self, definition: Definition) -> Traits:
        """Return the traits of a type."""
        crate = definition.module.crate
        if id(crate) not in self._crates:
            self._crates.add(id(crate))
            self._read_impls(crate)
        if id(definition) not in self._found:
            self._found[id(definition)] = self._traits(definition)
        return self._found[id(definition)]

    def named_in_macro(self, definition: Definition) -> str | None:
        """Return a macro that is called with the type's name, and may implement what the type does not derive."""
        word = re.compile(rf"\b{re.escape(definition.name)}\b")
        calls = definition.module.crate.macro_calls
        return next((call.name for call in calls if word.search(call.text) and "struct" not in call.text), None)

    def _traits(self, definition: Definition) -> Traits:
        ways: dict[str, How] = {}
        conditions: tuple[Meta, ...] = ()
        for derive in definition.attributes.arguments("derive"):
            if all_hold(derive.conditions, definition.module.crate.features) is False:
                continue
            if found := self._derive(definition.module, derive.path):
                trait, way = found
                ways[trait] = way
                conditions = derive.conditions or conditions
        if any(meta.path.split("::")[-1] == "cw_serde" for meta in definition.attributes.metas):
            ways |= {"Serialize": "derive", "Deserialize": "derive"}
        for trait in self._by_hand[id(definition)]:
            ways[trait] = "hand"
        return Traits(ways.get("Serialize"), ways.get("Deserialize"), conditions)

    def _derive(self, module: Module, path: str) -> tuple[str, How] | None:
        """Return the serde trait that a derive implements, and how; None for other derives."""
        segments = path.removeprefix("::").split("::")
        target = self._names.path(module, segments)
        if isinstance(target, Foreign):
            found = _DERIVES.get(target.path[-1])
            owner = _OWNERS[found[1]] if found else frozenset()
            if found and not owner & set(target.path[:-1]) and not _OTHER_DERIVES & set(target.path):
                return found[0], "unknown"
            return found if found and owner & set(target.path[:-1]) else None
        if target is None and len(segments) == 1 and path in _DERIVES:
            globs = self._names.foreign_globs(module)
            return None if any(set(g.path) & _OTHER_DERIVES for g in globs) else _DERIVES[path]
        return None

    def _read_impls(self, crate: Crate) -> None:
        for block in crate.impls:
            if block.trait is None:
                continue
            segments = re.sub(r"<.*>", "", block.trait, flags=re.DOTALL).split("::")
            target = self._names.path(block.module, segments)
            name = target.path[-1] if isinstance(target, Foreign) else segments[-1]
            foreign = isinstance(target, Foreign) and not SERDE & set(target.path)
            if name not in ("Serialize", "Deserialize") or foreign or (target and not isinstance(target, Foreign)):
                continue
            owner = self._names.path(block.module, path_segments(block.type))
            if isinstance(owner, Definition):
                self._by_hand[id(owner)].add(name)
