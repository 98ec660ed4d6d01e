"""Prints Rust types as rustfmt (edition 2021, its defaults) would, so that a formatter changes nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from zkhost.contract.item_model import Enum, Field, Fields, Item, Named, RustType, Struct, Variant, walk
from zkhost.contract.naming import BUILT_AT_ONCE, rust_identifier
from zkhost.contract.to_rust.rustfmt_layout import (
    CALL_WIDTH,
    INDENT,
    MAX_WIDTH,
    Part,
    Room,
    assigned,
    bracketed,
    type_text,
)

_STRUCT_VARIANT_WIDTH = 35

_Layout = Callable[[str, Field, Room], str | None]
"""A field's prefix (its name and a colon, or nothing, behind its visibility), the field and where it may stand."""


def item_source(item: Item, derives: Sequence[str] = ()) -> str:
    """Return a struct or enum with its documentation and derives, without a line end.

    rustfmt leaves unchanged what has no layout, which takes names of some 90 columns: each field gets one line.
    """
    head = [*doc_lines(item.doc), *([f"#[derive({', '.join(derives)})]"] if derives else [])]
    laid_out, plain = (functools.partial(layout, frozenset(item.params)) for layout in (_laid_out, _plain))
    return "\n".join([*head, _source(item, laid_out) or _source(item, plain) or ""])


def _source(item: Item, layout: _Layout) -> str | None:
    return _enum_source(item, layout) if isinstance(item, Enum) else _struct_source(item, layout)


def doc_lines(text: str, *, inner: bool = False) -> list[str]:
    """Return a doc comment, one line of Rust for each line of text; none for empty text."""
    mark = "//!" if inner else "///"
    return [f"{mark} {line}".rstrip() for line in text.strip().splitlines()] if text.strip() else []


def _laid_out(params: frozenset[str], prefix: str, field: Field, room: Room) -> str | None:
    text = assigned(prefix, field.type, room)
    return text and _indented([*_above(prefix, field, params), text], room.indent)


def _plain(params: frozenset[str], prefix: str, field: Field, room: Room) -> str:
    text = f"{prefix} {type_text(field.type)}" if prefix.endswith(":") else prefix + type_text(field.type)
    return _indented([*_above(prefix, field, params), text], room.indent)


def _above(prefix: str, field: Field, params: frozenset[str]) -> list[str]:
    """Return a field's documentation, and with a name the function that reads its type in far fewer guest cycles.

    For a field with such a function serde's derive does not require type parameters to be readable.
    """
    lines = doc_lines(field.doc)
    match field.type:
        case Named(name) if name in BUILT_AT_ONCE and prefix.endswith(":") and params.isdisjoint(_names(field.type)):
            lines.append(f'#[serde(deserialize_with = "{BUILT_AT_ONCE[name]}")]')
    return lines


def _names(rust_type: RustType) -> set[str]:
    return {inner.name for inner in walk(rust_type) if isinstance(inner, Named)}


def _indented(lines: Sequence[str], indent: int) -> str:
    return f"\n{' ' * indent}".join(lines)


def _struct_source(item: Struct, layout: _Layout) -> str | None:
    head = f"pub struct {rust_identifier(item.name)}"
    if item.fields.kind == "unit":
        return f"{head}{_params(head, item.params)};"
    if item.fields.kind == "named":
        return _named(_opened(head, item.params, item.fields.items), item.fields, layout, public="pub ")
    text = _unnamed(head + _params(head, item.params), item.fields, layout, "pub ")
    return text and text + ";"


def _enum_source(item: Enum, layout: _Layout) -> str | None:
    opened = _opened(f"pub enum {rust_identifier(item.name)}", item.params, item.variants)
    if not item.variants:
        return opened + "}"
    variants = [_variant(v, layout, _STRUCT_VARIANT_WIDTH) for v in item.variants]
    # rustfmt's rule: where one variant needs several lines and another does not, no struct variant stays on one.
    if len({"\n" in (text or "") for text in variants}) == 2:
        variants = [_variant(v, layout, 0) for v in item.variants]
    texts = [f"{text}," for text in variants if text is not None]
    return f"{_indented([opened, *texts], INDENT)}\n}}" if len(texts) == len(variants) else None


def _variant(variant: Variant, layout: _Layout, width: int) -> str | None:
    name, fields = rust_identifier(variant.name), variant.fields
    text: str | None = name
    if fields.kind == "tuple":
        text = _unnamed(name, fields, layout, indent=INDENT)
    elif fields.kind == "named":
        text = _named(_opened(name, (), fields.items, INDENT), fields, layout, indent=INDENT, width=width)
    return text and _indented([*doc_lines(variant.doc), text], INDENT)


def _params(head: str, params: Sequence[str]) -> str:
    """Return the type parameters in their brackets, behind `head`."""
    room = Room(max(MAX_WIDTH - len(head), 0), 0)
    parts = [_part(name) for name in params]
    return bracketed("", "<>", parts, room, MAX_WIDTH) or "" if parts else ""


def _part(name: str) -> Part:
    return Part(lambda room: name)


def _opened(head: str, params: Sequence[str], content: Sequence[object], indent: int = 0) -> str:
    """`head` with its parameters and the opening brace, on a line of its own where it does not fit."""
    whole = head + _params(head, params)
    fits = len(whole.rpartition("\n")[2]) + len(" {" if content else " {}") <= MAX_WIDTH
    return whole + (" {" if fits else f"\n{' ' * indent}{{")


def _unnamed(head: str, fields: Fields, layout: _Layout, public: str = "", indent: int = 0) -> str | None:
    """`head` with the fields of a tuple struct or variant."""
    if not fields.items:
        return _empty(head, "()", indent)
    parts = [Part(functools.partial(layout, public, item)) for item in fields.items]
    return bracketed(head, "()", parts, Room(MAX_WIDTH - indent - 1, indent), CALL_WIDTH)


def _named(
    opened: str, fields: Fields, layout: _Layout, *, public: str = "", indent: int = 0, width: int = 0
) -> str | None:
    """`opened` with named fields, up to `width` columns of them on one line."""
    if not fields.items:
        return _empty(opened, "}", indent)
    room = Room(MAX_WIDTH - indent - INDENT - 1, indent + INDENT)
    laid = [layout(f"{public}{rust_identifier(item.name)}:", item, room) for item in fields.items]
    texts = [text for text in laid if text is not None]
    if len(texts) < len(laid):
        return None
    inside = ", ".join(texts)
    if "\n" not in inside and len(inside) <= min(width, MAX_WIDTH - indent - len(opened) - 3):
        return f"{opened} {inside} }}"
    return f"{_indented([opened, *(f'{text},' for text in texts)], room.indent)}\n{' ' * indent}}}"


def _empty(opened: str, end: str, indent: int) -> str:
    """Return an item without fields: `end` goes to the next line three columns before the edge, however short it is."""
    last = opened.rpartition("\n")[2] if "\n" in opened else " " * indent + opened
    return opened + (f"\n{' ' * indent}" if len(last) + 3 > MAX_WIDTH else "") + end


__all__ = ["doc_lines", "item_source"]
