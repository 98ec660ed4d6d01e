"""Recursive types: Rust needs a `Box` where a type holds itself with no list or map between."""

from __future__ import annotations

from dataclasses import replace

from zkhost.contract.item_model import Array, Item, Module, Named, RustType, Tuple, field_types, map_types

_ON_THE_HEAP = frozenset("Vec BTreeMap BTreeSet HashMap HashSet Box".split())


def box_recursion(module: Module) -> Module:
    """Return the module with `Box` wherever a type would otherwise hold itself directly.

    Types are followed in the order declared; a use that leads back to a type not yet followed to its end is boxed.
    """
    boxed: set[tuple[str, str]] = set()
    done: set[str] = set()

    def follow(item: Item, path: tuple[str, ...]) -> None:
        for used in sorted({name for t in field_types(item) for name in _held(t)}):
            if used in path:
                boxed.add((item.name, used))
            elif used in module.by_name and used not in done:
                follow(module.by_name[used], (*path, used))
        done.add(item.name)

    for item in module.items:
        if item.name not in done:
            follow(item, (item.name,))
    return replace(module, items=tuple(_boxed(item, {used for user, used in boxed if user == item.name})
                                       for item in module.items))  # fmt: skip


def _held(rust_type: RustType) -> set[str]:
    """Return the names of the types a value of this type holds in place, not behind a pointer."""
    match rust_type:
        case Named(name) if name in _ON_THE_HEAP:
            return set()
        case Named(name, args):
            return {name}.union(*map(_held, args))
        case Tuple(items):
            return set().union(*map(_held, items))
        case Array(item):
            return _held(item)


def _boxed(item: Item, names: set[str]) -> Item:
    return map_types(item, lambda t: _box(t, names)) if names else item


def _box(rust_type: RustType, names: set[str]) -> RustType:
    match rust_type:
        case Named(name) if name in _ON_THE_HEAP:
            return rust_type
        case Named(name, args):
            inner = Named(name, tuple(_box(arg, names) for arg in args))
            return Named("Box", (inner,)) if name in names else inner
        case Tuple(items):
            return Tuple(tuple(_box(each, names) for each in items))
        case Array(each, length):
            return Array(_box(each, names), length)
