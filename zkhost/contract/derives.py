"""Which traits a type of the contract can and should derive."""

from __future__ import annotations

from zkhost.contract.item_model import Item, Module, Named, RustType, Struct, field_types, walk

_ORDERED = frozenset({"BTreeMap", "BTreeSet"})
_HASHED = frozenset({"HashMap", "HashSet"})


class Derives:
    """The derives of one module's items."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._ordered = self._keys(_ORDERED)
        self._hashed = self._keys(_HASHED)
        self._not_eq = self._without_eq()

    def of(self, item: Item) -> list[str]:
        """Return the derives in the order Rust code usually has them.

        Eq where nothing in the type is a float; ordering and hashing where the type is in the key of a map or set;
        Copy for enums without payload.
        """
        copy = not isinstance(item, Struct) and all(v.fields.kind == "unit" for v in item.variants)
        return [
            "Clone",
            *(["Copy"] if copy else []),
            "Debug",
            "PartialEq",
            *(["Eq"] if item.name not in self._not_eq else []),
            *(["PartialOrd", "Ord"] if item.name in self._ordered else []),
            *(["Hash"] if item.name in self._hashed else []),
            "Serialize",
            "Deserialize",
        ]

    def _uses(self) -> list[RustType]:
        guests = [t for g in self._module.guests for t in (g.input, g.journal) if t is not None]
        declared = [t for item in self._module.items for t in field_types(item)]
        return [inner for t in (*declared, *guests) for inner in walk(t)]

    def _keys(self, containers: frozenset[str]) -> set[str]:
        """Return the items used in the key of one of the containers, and all that those hold."""
        keys = [t.args[0] for t in self._uses() if isinstance(t, Named) and t.name in containers and t.args]
        found: set[str] = set()
        while keys:
            for inner in walk(keys.pop()):
                item = self._module.by_name.get(inner.name) if isinstance(inner, Named) else None
                if item is not None and item.name not in found:
                    found.add(item.name)
                    keys.extend(field_types(item))
        return found

    def _without_eq(self) -> set[str]:
        """Return the items that hold a float somewhere, by their own fields or as arguments of a generic type."""
        found: set[str] = set()
        while True:
            more = {item.name for item in self._module.items if any(self._floats(t, found) for t in field_types(item))}
            if more == found:
                return found
            found = more

    @staticmethod
    def _floats(rust_type: RustType, known: set[str]) -> bool:
        return any(isinstance(t, Named) and (t.name in ("f32", "f64") or t.name in known) for t in walk(rust_type))
