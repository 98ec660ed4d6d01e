"""Pruning of the types read: parameters that are not on the wire, and types that cannot be had, are removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from zkhost.contract.from_rust.scope import Unread
from zkhost.contract.item_model import Array, Item, Named, RustType, Tuple, field_types, map_types, walk


def prune(items: Sequence[Item], missing: Iterable[str] = ()) -> tuple[dict[str, Item], list[tuple[str, int, str]]]:
    """Return the items that are understood, by name, and those lost: name, line (0: its own) and reason.

    `missing` were lost before. A type parameter that only occurs in PhantomData is removed, with its arguments: those
    need not be types that serde knows.
    """
    table = {item.name: item for item in items}
    used = _used_parameters(table)
    kept = {name: _without_phantoms(item, table, used) for name, item in table.items()}
    lost: list[tuple[str, int, str]] = []
    for name, item in list(kept.items()):
        unread = next((t for f in field_types(item) for t in walk(f) if isinstance(t, Unread)), None)
        if unread is not None:
            lost.append((name, unread.line, unread.message))
            del kept[name]
    known = {*table, *missing}
    lost += _users_of_the_lost(kept, known)
    return kept, lost


def lose(kept: dict[str, Item], name: str) -> list[tuple[str, int, str]]:
    """Remove one item and all that use it, and return those, as `prune` does."""
    known = set(kept)
    del kept[name]
    return _users_of_the_lost(kept, known)


def _users_of_the_lost(kept: dict[str, Item], known: set[str]) -> list[tuple[str, int, str]]:
    lost: list[tuple[str, int, str]] = []
    while True:
        uses = ((name, t.name) for name, item in kept.items() for f in field_types(item) for t in walk(f)
                if isinstance(t, Named))  # fmt: skip
        found = next(((n, t) for n, t in uses if t in known and t not in kept and t not in kept[n].params), None)
        if found is None:
            return lost
        del kept[found[0]]
        lost.append((found[0], 0, f"it uses {found[1]}, which is left out"))


def _used_parameters(table: Mapping[str, Item]) -> set[tuple[str, str]]:
    """Return the parameters (item, name) that some field has on the wire: the least fixed point."""
    used: set[tuple[str, str]] = set()
    while True:
        more = {
            (item.name, name)
            for item in table.values()
            for f in field_types(item)
            for name in _on_the_wire(f, table, used)
            if name in item.params
        }
        if more == used:
            return used
        used = more


def _on_the_wire(rust_type: RustType, table: Mapping[str, Item], used: set[tuple[str, str]]) -> Iterator[str]:
    match rust_type:
        case Named(name, args):
            yield name
            for arg in _kept(name, args, table, used):
                yield from _on_the_wire(arg, table, used)
        case Tuple(items):
            for item in items:
                yield from _on_the_wire(item, table, used)
        case Array(item):
            yield from _on_the_wire(item, table, used)


def _kept(
    name: str, args: tuple[RustType, ...], table: Mapping[str, Item], used: set[tuple[str, str]]
) -> tuple[RustType, ...]:
    item = table.get(name)
    if item is None or len(item.params) != len(args):
        return args
    return tuple(arg for param, arg in zip(item.params, args, strict=True) if (name, param) in used)


def _without_phantoms(item: Item, table: Mapping[str, Item], used: set[tuple[str, str]]) -> Item:
    def change(rust_type: RustType) -> RustType:
        match rust_type:
            case Named(name, args) if args:
                return replace(rust_type, args=tuple(map(change, _kept(name, args, table, used))))
            case Tuple(items):
                return Tuple(tuple(map(change, items)))
            case Array(inner, length):
                return Array(change(inner), length)
        return rust_type

    params = tuple(param for param in item.params if (item.name, param) in used)
    return replace(map_types(item, change), params=params)
