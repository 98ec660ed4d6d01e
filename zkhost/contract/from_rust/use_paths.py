"""`use` declarations: the names that they bring in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from zkhost.contract.from_rust.syntax_tree import name_of, path_segments

if TYPE_CHECKING:
    from tree_sitter import Node


def imported(node: Node, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the names that a `use` brings in, with their paths."""
    match node.type:
        case "use_list":
            for child in node.named_children:
                if child.type not in ("line_comment", "block_comment"):
                    yield from imported(child, prefix)
        case "scoped_use_list":
            path, items = node.child_by_field_name("path"), node.child_by_field_name("list")
            inner = () if path is None else tuple(path_segments(path))
            if items is not None:
                yield from imported(
                    items, (*prefix, *(inner or ("",))) if path is None and not prefix else (*prefix, *inner)
                )
        case "use_wildcard":
            inner = tuple(path_segments(node.named_children[0])) if node.named_children else ()
            yield "*", (*prefix, *inner)
        case "use_as_clause":
            path, alias = node.child_by_field_name("path"), node.child_by_field_name("alias")
            if path is not None:
                full = (*prefix, *path_segments(path))
                yield name_of(alias), full[:-1] if full[-1] == "self" and len(full) > 1 else full
        case "self" if prefix:
            yield prefix[-1], prefix
        case _:
            full = (*prefix, *path_segments(node))
            yield (full[-2], full[:-1]) if full[-1] == "self" and len(full) > 1 else (full[-1], full)
