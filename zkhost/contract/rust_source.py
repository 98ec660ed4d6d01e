"""Prints Rust types as rustfmt (edition 2021, its defaults) would, so that a formatter never finds anything to do."""

from __future__ import annotations

from collections.abc import Sequence

from zkhost.contract.model import Array, Enum, Fields, Item, Named, RustType, Tuple, Variant, walk
from zkhost.contract.names import rust_identifier

MAX_WIDTH = 100
LONGEST_ARRAY = 32
"""serde's own limit: longer arrays are `zkhost_guest::BigArray`."""
_STRUCT_VARIANT_WIDTH = 35
_CALL_WIDTH = 60
_INDENT = "    "


def type_text(rust_type: RustType) -> str:
    """The type on one line."""
    match rust_type:
        case Named(name, ()):
            return rust_identifier(name)
        case Named(name, args):
            return f"{rust_identifier(name)}<{', '.join(map(type_text, args))}>"
        case Tuple((only,)):
            return f"({type_text(only)},)"
        case Tuple(items):
            return f"({', '.join(map(type_text, items))})"
        case Array(item, length) if length > LONGEST_ARRAY:
            return f"BigArray<{type_text(item)}, {length}>"
        case Array(item, length):
            return f"[{type_text(item)}; {length}]"


def item_source(item: Item, derives: Sequence[str] = ()) -> str:
    """A struct or enum with its documentation and derives, without a line end."""
    head = [*doc_lines(item.doc), *([f"#[derive({', '.join(derives)})]"] if derives else [])]
    params = f"<{', '.join(item.params)}>" if item.params else ""
    name = rust_identifier(item.name) + params
    if isinstance(item, Enum):
        return "\n".join([*head, *_enum_lines(name, item.variants)])
    return "\n".join([*head, *_fields_lines(f"pub struct {name}", item.fields, ";", public=True)])


def doc_lines(text: str, *, inner: bool = False) -> list[str]:
    """A doc comment, one line of Rust for each line of text; empty text gives none."""
    mark = "//!" if inner else "///"
    return [f"{mark} {line}".rstrip() for line in text.strip().splitlines()] if text.strip() else []


def _fields_lines(head: str, fields: Fields, end: str, *, public: bool, width: int | None = None) -> list[str]:
    """`head` with its fields; `width` bounds a named struct on one line, None: never on one line."""
    if fields.kind == "unit":
        return [head + end]
    if fields.kind == "tuple":
        parts = [("pub " if public else "") + type_text(f.type) for f in fields.items]
        one_line = f"{head}({', '.join(parts)}){end}"
        fits = len(", ".join(parts)) <= _CALL_WIDTH and len(one_line) <= MAX_WIDTH - (0 if public else 4)
        if fits and not any(f.doc or _breaks(f.type) for f in fields.items):
            return [one_line]
        lines = [f"{head}("]
        for item in fields.items:
            lines += _indented(doc_lines(item.doc))
            lines += _typed_lines("pub " if public else "", item.type, public)
        return [*lines, f"){end}"]
    end = "" if end == ";" else end
    if not fields.items:
        return [f"{head} {{}}{end}"]
    if width is not None and not any(f.doc for f in fields.items):
        inside = ", ".join(f"{rust_identifier(f.name)}: {type_text(f.type)}" for f in fields.items)
        if len(inside) <= width and not any(_breaks(f.type) for f in fields.items):
            return [f"{head} {{ {inside} }}{end}"]
    lines = [f"{head} {{"]
    for item in fields.items:
        lines += _indented(doc_lines(item.doc))
        lines += _typed_lines(f"{'pub ' if public else ''}{rust_identifier(item.name)}: ", item.type, public)
    return [*lines, f"}}{end}"]


def _typed_lines(prefix: str, rust_type: RustType, top: bool) -> list[str]:
    """`prefix` and the type and a comma, indented once, inside an item at the left margin (`top`) or in an enum."""
    room = MAX_WIDTH - (4 if top else 8)
    one_line = f"{prefix}{type_text(rust_type)},"
    if len(one_line) <= room and not _breaks(rust_type):
        return [_INDENT + one_line]
    if prefix.endswith(": ") and len(type_text(rust_type)) + 5 <= room and not _breaks(rust_type):
        return [_INDENT + prefix.rstrip(), f"{_INDENT * 2}{type_text(rust_type)},"]
    first, *rest = _broken(rust_type, room)
    return [_INDENT + line for line in (prefix + first, *rest[:-1], rest[-1] + ",")] if rest else [_INDENT + one_line]


def _breaks(rust_type: RustType) -> bool:
    """Whether rustfmt breaks the type wherever it stands: tuples have a width of their own, as calls have."""
    tuples = (t for t in walk(rust_type) if isinstance(t, Tuple))
    return any(len(", ".join(map(type_text, t.items))) > _CALL_WIDTH for t in tuples)


def _broken(rust_type: RustType, room: int) -> list[str]:
    """The type over several lines, the outermost list of types one a line."""
    match rust_type:
        case Named(name, args) if args:
            opening, closing, inner = f"{rust_identifier(name)}<", ">", args
        case Tuple(items) if items:
            opening, closing, inner = "(", ")", items
        case _:
            return [type_text(rust_type)]
    if len(inner) == 1 and isinstance(inner[0], Tuple) and inner[0].items:
        first, *middle, last = _broken(inner[0], room)
        return [opening + first, *middle, last + closing]
    lines = [opening]
    for each in inner:
        text = type_text(each) + ","
        if len(text) > room - 4 or _breaks(each):
            *broken, last = _broken(each, room - 4)
            lines += _indented([*broken, last + ","])
        else:
            lines.append(_INDENT + text)
    return [*lines, closing]


def _enum_lines(name: str, variants: Sequence[Variant]) -> list[str]:
    if not variants:
        return [f"pub enum {name} {{}}"]
    blocks = [_variant_lines(v, _STRUCT_VARIANT_WIDTH) for v in variants]
    # rustfmt's rule: where one variant needs several lines and another does not, no struct variant stays on one.
    if len({len(block) > 1 for block in blocks}) == 2:
        blocks = [_variant_lines(v, 0) for v in variants]
    return [f"pub enum {name} {{", *_indented([line for block in blocks for line in block]), "}"]


def _variant_lines(variant: Variant, width: int) -> list[str]:
    body = _fields_lines(rust_identifier(variant.name), variant.fields, ",", public=False, width=width)
    return [*doc_lines(variant.doc), *body]


def _indented(lines: Sequence[str]) -> list[str]:
    return [_INDENT + line if line else line for line in lines]


__all__ = ["LONGEST_ARRAY", "doc_lines", "item_source", "type_text"]
