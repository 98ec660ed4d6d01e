"""A contract -> the Rust module of the guest."""

from __future__ import annotations

from zkhost.contract.derives import Derives
from zkhost.contract.fingerprint import contract_text, embedded
from zkhost.contract.item_model import Array, Guest, Item, Module, Named, RustType, field_types, walk
from zkhost.contract.naming import rust_identifier, snake_case
from zkhost.contract.to_rust.boxing import box_recursion
from zkhost.contract.to_rust.item_printer import doc_lines, item_source
from zkhost.contract.to_rust.rustfmt_layout import LONGEST_ARRAY, type_text

_IMPORTS = {
    "Box": "alloc::boxed",
    "BTreeMap": "alloc::collections",
    "BTreeSet": "alloc::collections",
    "BigArray": "zkhost_guest",
    "ByteBuf": "serde_bytes",
    "HashMap": "std::collections",
    "HashSet": "std::collections",
    "String": "alloc::string",
    "Vec": "alloc::vec",
}


def module_source(module: Module, made_from: str = "contract.py") -> str:
    """Return the module's source, formatted as rustfmt would. `made_from` is named in its first lines."""
    module = box_recursion(module)
    derives = Derives(module)
    doc = f"{module.doc.strip()}\n\n" if module.doc.strip() else ""
    head = [
        *doc_lines(f"{doc}Written by `zkhost codegen` from {made_from}: change that file, not this one.", inner=True),
        "",
        "#![allow(dead_code)]",
        "",
        *_imports(_named_types(module.items, module.guests), bool(module.items)),
    ]
    parts = ["\n".join(head), *(item_source(item, derives.of(item)) for item in module.items)]
    if len(module.guests) == 1:
        parts += _guest_parts(module, module.guests[0])
    else:
        parts += [_guest_module(module, guest) for guest in module.guests]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _named_types(items: tuple[Item, ...], guests: tuple[Guest, ...]) -> set[str]:
    roots: list[RustType] = [t for item in items for t in field_types(item)]
    roots += [t for guest in guests for t in (guest.input, guest.journal) if t is not None]
    inner = [t for root in roots for t in walk(root)]
    long = {"BigArray" for t in inner if isinstance(t, Array) and t.length > LONGEST_ARRAY}
    return long | {t.name for t in inner if isinstance(t, Named)}


def _imports(names: set[str], serde: bool) -> list[str]:
    folders: dict[str, list[str]] = {}
    for name in sorted(names & _IMPORTS.keys()):
        folders.setdefault(_IMPORTS[name], []).append(name)
    if serde:
        folders["serde"] = ["Deserialize", "Serialize"]
    groups = {folder: names[0] if len(names) == 1 else f"{{{', '.join(names)}}}" for folder, names in folders.items()}
    uses = [f"use {folder}::{group};" for folder, group in sorted(groups.items())]
    return [*(["extern crate alloc;", ""] if any("use alloc" in use for use in uses) else []), *uses]


def _guest_module(module: Module, guest: Guest) -> str:
    uses = ["    use super::*;", ""]
    body = "\n\n".join(_guest_parts(module, guest))
    code, marker, text = body.partition('*b"')
    lines = ["    " + line if line else line for line in code.splitlines()]
    name = rust_identifier(snake_case(guest.name.replace("-", "_")))
    return "\n".join(
        [f"/// The guest `{guest.name}`.", f"pub mod {name} {{", *uses, *lines]
    ) + marker + text.rstrip("\n") + "\n}"  # fmt: skip


def _borrowed(rust_type: RustType) -> str:
    """Return the type to take by reference, as clippy wants it: slices for vectors."""
    match rust_type:
        case Named("Vec", (item,)):
            return f"[{type_text(item)}]"
        case Named("String"):
            return "str"
    return type_text(rust_type)


def _guest_parts(module: Module, guest: Guest) -> list[str]:
    """Return the functions that read the input and commit the journal, and the contract itself."""
    package = "zkhost_guest" if guest.format == "standard" else "zkhost_guest::packed"
    parts = []
    if guest.input is not None:
        parts.append(
            "/// The guest's input, in full.\n"
            "///\n"
            "/// # Panics\n"
            "/// If the input is not one, or ends before it does; the message names the byte.\n"
            f"pub fn read_input() -> {type_text(guest.input)} {{\n"
            "    core::hint::black_box(CONTRACT.as_ptr());\n"
            f"    {package}::read()\n"
            "}"
        )
    if guest.journal is not None:
        keep = "" if guest.input is not None else "    core::hint::black_box(CONTRACT.as_ptr());\n"
        parts.append(
            "/// Commits the journal: what the receipt shows to everyone.\n"
            f"pub fn commit_journal(journal: &{_borrowed(guest.journal)}) {{\n"
            f"{keep}"
            f"    {package}::commit(journal);\n"
            "}"
        )
    text = embedded(contract_text(module, guest))
    parts.append(
        "/// The contract as the host finds it in the program, to compare it with its own before anything runs.\n"
        f'static CONTRACT: [u8; {len(text)}] = *b"{text}";'
    )
    return parts
