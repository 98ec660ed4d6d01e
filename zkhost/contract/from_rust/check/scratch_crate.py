"""A copy of a crate in which every module can check its own types, private ones too, and a program to run the checks."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit

from zkhost.contract.from_rust.check.scratch_manifest import loose_manifest, package_manifest
from zkhost.contract.from_rust.declarations import Crate, Module
from zkhost.contract.from_rust.name_resolution import PRELUDE
from zkhost.contract.from_rust.rust_import import Origin
from zkhost.contract.from_rust.scope import parameters
from zkhost.contract.from_rust.syntax_tree import line_of
from zkhost.contract.from_rust.use_paths import imported

if TYPE_CHECKING:
    from tree_sitter import Node

RUNTIME = Path(__file__).with_name("runtime")
_IGNORED = shutil.ignore_patterns("target", ".git", "node_modules", "Cargo.lock", "*.elf")
_MAIN = "fn main() {{\n    ::zkhost_wire_check::run(|number, input| ::{name}::zkhost_check(number, input));\n}}\n"


@dataclass(frozen=True)
class Subject:
    """A type to check: its number in the program, and where it was declared."""

    number: int
    origin: Origin


@dataclass
class ScratchCrate:
    """Writes the copy of one crate into `folder`. `remove` takes out what cannot be compiled here."""

    crate: Crate
    subjects: Sequence[Subject]
    folder: Path
    _inserted: dict[tuple[Path, int], int | None] = field(default_factory=dict)
    _shifts: dict[Path, list[tuple[int, int]]] = field(default_factory=dict)
    _removed: dict[Path, set[tuple[int, int]]] = field(default_factory=dict)
    _originals: dict[Path, Path] = field(default_factory=dict)

    def write(self) -> None:
        """Write the whole copy again."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self._inserted.clear()
        base = self._base()
        if self.crate.manifest:
            shutil.copytree(base, self.folder, ignore=_IGNORED)
            (self.folder / "Cargo.toml").unlink()
        copies = {file: self.folder / file.relative_to(base) for file in self.crate.files if file.is_relative_to(base)}
        if self.crate.manifest is None:
            for file, copy in copies.items():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)
        self._originals = {copy: file for file, copy in copies.items()}
        for file, copy in copies.items():
            source = _blanked(copy.read_bytes(), self._removed.get(file, ()))
            copy.write_bytes(self._readable(file, source))
        root = copies[self.crate.root_file] if self.crate.root_file else self._virtual_root()
        self._insert(copies, root)
        name = self.crate.name or "zkhost_subject"
        manifest = self._manifest(name, root)
        (self.folder / "Cargo.toml").write_text(tomlkit.dumps(manifest))
        (self.folder / "zkhost_check_main.rs").write_text(_MAIN.format(name=name))
        locks = (f / "Cargo.lock" for f in base.parents) if self.crate.manifest else iter(())
        lock = next((each for each in (base / "Cargo.lock", *locks) if each.is_file()), None)
        if self.crate.manifest and lock:
            shutil.copy(lock, self.folder / "Cargo.lock")

    def _readable(self, file: Path, source: bytes) -> bytes:
        """Return the source in which fields that are skipped when written are skipped when read too."""
        for subject in self.subjects:
            definition = subject.origin.definition
            if definition.file == file and subject.origin.traits.de is None:
                start, end = definition.node.start_byte, definition.node.end_byte
                source = source[:start] + _SKIPS.sub(_skip, source[start:end]) + source[end:]
        return source

    def _base(self) -> Path:
        if self.crate.manifest:
            return self.crate.manifest.parent
        folders = [file.parent for file in self.crate.files]
        return next(f for f in (folders[0], *folders[0].parents) if all(o.is_relative_to(f) for o in folders))

    def _manifest(self, name: str, root: Path) -> dict[str, Any]:
        text = "\n".join(file.read_text(errors="replace") for file in self.crate.files)
        made = package_manifest(self.crate.manifest) if self.crate.manifest else loose_manifest(text)
        made["package"] |= {"name": "zkhost-subject", "version": "0.0.0", "publish": False, "autobins": False,
                            "autotests": False, "autoexamples": False, "autobenches": False}  # fmt: skip
        made["lib"] = {"name": name, "path": str(root.relative_to(self.folder))}
        made["bin"] = [{"name": "zkhost-check", "path": "zkhost_check_main.rs"}]
        made["dependencies"]["zkhost-wire-check"] = {"path": str(RUNTIME)}
        made["workspace"] = {}
        return made

    def _virtual_root(self) -> Path:
        root = self.folder / "zkhost_root.rs"
        root.write_text("".join(f"pub mod {child.name};\n" for child in self.crate.root.children()))
        return root

    def _insert(self, copies: Mapping[Path, Path], root: Path) -> None:
        """Add to each module a function that checks its types, and calls those of its child modules."""
        here: dict[int, list[Subject]] = defaultdict(list)
        wanted: dict[int, Module] = {id(self.crate.root): self.crate.root}
        for subject in self.subjects:
            module: Module | None = subject.origin.definition.module
            here[id(module)].append(subject)
            while module is not None:
                wanted[id(module)] = module
                module = module.parent
        insertions: dict[Path, list[tuple[int, list[tuple[str, int | None]]]]] = defaultdict(list)
        for module in wanted.values():
            children = [child.name for child in module.children() if id(child) in wanted]
            inline = module.body is not None and module.body.type == "declaration_list"
            file = copies.get(module.file, root) if module.body is not None else root
            end = module.body.end_byte - 1 if inline and module.body else file.stat().st_size
            insertions[file].append((end, _function(here[id(module)], children)))
        for subject in self.subjects:
            definition = subject.origin.definition
            if subject.origin.traits.de is None:
                text = "#[derive(::zkhost_wire_check::serde::Deserialize)]"
                insertions[copies[definition.file]].append((definition.node.start_byte, [(text, subject.number)]))
        for file, parts in insertions.items():
            self._write(file, sorted(parts, key=lambda part: part[0]))

    def _write(self, file: Path, parts: list[tuple[int, list[tuple[str, int | None]]]]) -> None:
        data, made, done, added = file.read_bytes(), b"", 0, 0
        shifts = self._shifts[file] = []
        for place, lines in parts:
            made += data[done:place] + b"\n"
            done = place
            for text, number in lines:
                self._inserted[file, made.count(b"\n") + 1] = number
                made += text.encode() + b"\n"
            added += 1 + len(lines)
            shifts.append((made.count(b"\n"), added))
        file.write_bytes(made + data[done:])

    def state(self) -> int:
        """Return the amount taken out."""
        return sum(map(len, self._removed.values()))

    def remove(self, file: Path, line: int) -> Iterator[int]:
        """Take out what a line of the copy belongs to, and yield the subjects that are then gone.

        A `use` that shadows one of Rust's own names stays: without it the name would mean something else.
        """
        inserted = self._inserted.get((file, line))
        if inserted is not None:
            yield inserted
            return
        original = self._originals.get(file)
        if original is None or (file, line) in self._inserted:
            return
        line -= max((added for at, added in self._shifts.get(file, ()) if at < line), default=0)
        module = self.crate.files[original]
        root = module.body if module.body is not None and module.body.type == "source_file" else None
        if root is None or (nodes := _covering(root, line)) is None:
            return
        if nodes[-1].type == "use_declaration" and PRELUDE.keys() & {
            n for n, _ in imported(nodes[-1].named_children[-1])
        }:
            return
        self._removed.setdefault(original, set()).update((node.start_byte, node.end_byte) for node in nodes)
        for subject in self.subjects:
            if subject.origin.definition.node == nodes[-1]:
                yield subject.number


def _covering(parent: Node, line: int) -> list[Node] | None:
    """Return the declaration that a line belongs to, behind its attributes; the innermost, where modules are nested."""
    attributes: list[Node] = []
    for node in parent.named_children:
        if node.type == "attribute_item":
            attributes.append(node)
            continue
        first = line_of(attributes[0]) if attributes else line_of(node)
        if first <= line <= node.end_point[0] + 1 and node.type != "inner_attribute_item":
            body = node.child_by_field_name("body") if node.type == "mod_item" else None
            return _covering(body, line) if body is not None else [*attributes, node]
        if node.type not in ("line_comment", "block_comment"):
            attributes = []
    return None


_SKIPS = re.compile(rb"\bskip_(de)?serializing\b")


def _skip(match: re.Match[bytes]) -> bytes:
    return (b"default" if match[1] else b"skip").ljust(len(match[0]))


def _blanked(source: bytes, ranges: Iterable[tuple[int, int]]) -> bytes:
    """Return the source with parts of it made blank, and its guest's entry point, which no host has."""
    made = bytearray(source)
    for start, end in (*ranges, *(m.span() for m in _ENTRY.finditer(source))):
        made[start:end] = bytes(b if b == 10 else 32 for b in made[start:end])
    return bytes(made)


def _function(subjects: Sequence[Subject], children: Sequence[str]) -> list[tuple[str, int | None]]:
    arms = [(f"        {s.number} => return ::core::option::Option::Some({_call(s)}),", s.number) for s in subjects]
    asked = [
        f"    if let ::core::option::Option::Some(found) = self::{_raw(c)}::zkhost_check(number, input) "
        "{ return ::core::option::Option::Some(found); }"
        for c in children
    ]
    return [
        ("#[doc(hidden)] #[allow(warnings, clippy::all)]", None),
        (
            "pub fn zkhost_check(number: usize, input: &'static ::zkhost_wire_check::Input) -> ::zkhost_wire_check::Answer {",
            None,
        ),
        ("    match number {", None),
        *arms,
        ("        _ => (),", None),
        ("    }", None),
        *((line, None) for line in asked),
        ("    ::core::option::Option::None", None),
        ("}", None),
    ]


def _call(subject: Subject) -> str:
    origin = subject.origin
    definition = origin.definition
    node = definition.node.child_by_field_name("type_parameters")
    lifetimes = [] if node is None else [n for n in node.named_children if n.type in ("lifetime", "lifetime_parameter")]
    numbers = iter(origin.constants)
    others = [str(next(numbers)) if p.constant else "u8" for p in parameters(definition)]
    args = [*("'_" for _ in lifetimes), *others]
    way = "both" if origin.traits.ser else "read"
    return (
        f"::zkhost_wire_check::{way}::<self::{_raw(definition.name)}{f'<{chr(44).join(args)}>' if args else ''}>(input)"
    )


def _raw(name: str) -> str:
    return f"r#{name}" if re.fullmatch(r"type|move|ref|match|async|await|box|dyn|fn|in|loop|mod|use|where|impl|try|yield|gen|enum|struct|trait|static|const|final|abstract|override|priv|macro|virtual|typeof|unsized|become|do", name) else name  # fmt: skip


_ENTRY = re.compile(rb"^[ \t]*(?:risc0_zkvm::guest::)?entry!\s*\(\s*\w+\s*\)\s*;|^#!\[no_main\]", re.MULTILINE)
