"""The contract inside the guest's binary: its canonical text, written by codegen, found and compared by the host.

The guest holds it as one static byte string, so that it is part of the program and thereby of its image ID:

    zkhost-contract/1 sha256=<64 hex digits of the text> bytes=<its length>
    format packed
    input Input
    journal Output
    struct Input
      a: u64
      pair: Pair<u8>
    enum Move
      Left
      Jump(u32)
      Go { x: u8, y: u8 }
    struct Pair<T>
      0: T
      1: T
"""

from __future__ import annotations

import hashlib
import re

from zkhost.contract.item_model import (
    Array,
    Fields,
    Guest,
    Item,
    Module,
    Named,
    RustType,
    Struct,
    Tuple,
    field_types,
    walk,
)
from zkhost.errors import ContractDriftError

_HEADER = re.compile(rb"zkhost-contract/1 sha256=([0-9a-f]{64}) bytes=([0-9]{1,7})\n")


def contract_text(module: Module, guest: Guest) -> str:
    """Return the canonical text of what one guest reads and commits: all that shapes the words, with its names."""
    lines = [f"format {guest.format}"]
    for role, rust_type in (("input", guest.input), ("journal", guest.journal)):
        lines += [] if rust_type is None else [f"{role} {_type(rust_type)}"]
    for item in reachable(module, guest):
        params = f"<{', '.join(item.params)}>" if item.params else ""
        if isinstance(item, Struct):
            lines.append(f"struct {item.name}{params}")
            lines += [f"  {f.name}: {_type(f.type)}" for f in item.fields.items]
        else:
            lines.append(f"enum {item.name}{params}")
            lines += [f"  {variant.name}{_payload(variant.fields)}" for variant in item.variants]
    return "\n".join(lines) + "\n"


def reachable(module: Module, guest: Guest) -> list[Item]:
    """Return the items that make up a guest's input and journal, by name, whatever else the module holds."""
    todo = [t for t in (guest.input, guest.journal) if t is not None]
    found: set[str] = set()
    while todo:
        for inner in walk(todo.pop()):
            if isinstance(inner, Named) and inner.name in module.by_name and inner.name not in found:
                found.add(inner.name)
                todo.extend(field_types(module.by_name[inner.name]))
    return [module.by_name[name] for name in sorted(found)]


def embedded(text: str) -> str:
    """Return the text with its header, as it is in the guest's binary."""
    data = text.encode()
    return f"zkhost-contract/1 sha256={hashlib.sha256(data).hexdigest()} bytes={len(data)}\n{text}"


def find_contracts(program: bytes) -> list[str]:
    """Return the texts of all contracts in an ELF or program binary, each once. Those with a wrong hash are ignored."""
    texts: list[str] = []
    for header in _HEADER.finditer(program):
        data = program[header.end() : header.end() + int(header[2])]
        if hashlib.sha256(data).hexdigest().encode() == header[1] and (text := data.decode()) not in texts:
            texts.append(text)
    return texts


def check_contract(program: bytes, text: str, name: str) -> None:
    """Check that a program was built with the host's contract.

    Raises ContractDriftError, with `differences`, where it was built with another, or with none.
    """
    found = find_contracts(program)
    if not found:
        raise ContractDriftError(
            f"the guest {name} was built without a contract, so it cannot be compared with the host's",
            hint="let the guest call read_input() of the module that `zkhost codegen` writes, then `zkhost build`",
            differences=(),
        )
    if text not in found:
        differences = min((tuple(compare(text, other)) for other in found), key=len)
        raise ContractDriftError(
            f"the guest {name} was built with another contract: {'; '.join(differences)}",
            hint="run `zkhost build`, which writes the guest's types from the contract again",
            differences=differences,
        )


def compare(host: str, guest: str) -> list[str]:
    """Return how two contract texts differ, one phrase for each difference, naming the type and the field."""
    ours, theirs = _sections(host), _sections(guest)
    out = []
    for head in [*ours, *(h for h in theirs if h not in ours)]:
        if head not in theirs:
            out.append(f"{_title(head)} is not in the guest's")
        elif head not in ours:
            out.append(f"{_title(head)} is only in the guest's")
        else:
            out += _compare_members(head, ours[head], theirs[head])
    return out


def _compare_members(head: str, ours: dict[str, str], theirs: dict[str, str]) -> list[str]:
    if not head.startswith(("struct ", "enum ")):
        return [] if ours == theirs else [f"the {head} is {ours['']} here and {theirs['']} in the guest"]
    kind, _, name = head.partition(" ")
    what, owner = ("field" if kind == "struct" else "variant"), name.partition("<")[0]
    out = []
    for name in [*ours, *(n for n in theirs if n not in ours)]:
        if name not in theirs:
            out.append(f"{what} {owner}.{name} is not in the guest's")
        elif name not in ours:
            out.append(f"{what} {owner}.{name} is only in the guest's")
        elif ours[name] != theirs[name]:
            shown = [side[name] or "without payload" for side in (ours, theirs)]
            out.append(f"{what} {owner}.{name} is {shown[0]} here and {shown[1]} in the guest")
    if not out and list(ours) != list(theirs):
        place = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)
        moved = list(ours)[place], list(theirs)[place]
        out.append(f"{what} {place + 1} of {owner} is {moved[0]} here and {moved[1]} in the guest: another order")
    return out


def _sections(text: str) -> dict[str, dict[str, str]]:
    """Return the heads (`input`, `struct Pair<T>`) with their members (field or variant name -> type or payload)."""
    sections: dict[str, dict[str, str]] = {}
    members: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("  "):
            parts = re.match(r"  (\w+):? ?(.*)", line)
            if parts:
                members[parts[1]] = parts[2]
        elif line.startswith(("struct ", "enum ")):
            members = sections.setdefault(line, {})
        else:
            head, _, value = line.partition(" ")
            sections[head] = {"": value}
    return sections


def _title(head: str) -> str:
    return head if head.startswith(("struct ", "enum ")) else f"the {head}"


def _type(rust_type: RustType) -> str:
    match rust_type:
        case Named("Box", (inner,)):
            return _type(inner)
        case Named(name, args):
            return f"{name}<{', '.join(map(_type, args))}>" if args else name
        case Tuple(items):
            return f"({', '.join(map(_type, items))}{',' if len(items) == 1 else ''})"
        case Array(item, length):
            return f"[{_type(item)}; {length}]"


def _payload(fields: Fields) -> str:
    if fields.kind == "tuple":
        return f"({', '.join(_type(f.type) for f in fields.items)})"
    if fields.kind == "named":
        return f" {{ {', '.join(f'{f.name}: {_type(f.type)}' for f in fields.items)} }}"
    return ""
