"""Rust -> Python -> Rust gives back the same types, and so does each half alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import HealthCheck, given, settings

from zkhost.codec import U8, encode
from zkhost.contract.from_python import Items
from zkhost.contract.model import Fields, Item, Module, Struct
from zkhost.contract.python_source import PythonSource
from zkhost.contract.rust_module import module_source
from zkhost.contract.rust_source import item_source
from zkhost.contract.rust_types import read_rust

from .strategies import modules

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


def run_python(source: str) -> ModuleType:
    """Runs generated source as a module, registered as dataclasses and get_type_hints need it."""
    module = ModuleType("generated_contract")
    sys.modules[module.__name__] = module
    exec(compile(source, "<generated>", "exec"), vars(module))
    return module


def plain(item: Item) -> Item:
    """The item without what has no Python side: `struct S {}` and `struct S;` are one there."""

    def same(fields: Fields) -> Fields:
        return fields if fields.items else Fields()

    if isinstance(item, Struct):
        return replace(item, fields=same(item.fields))
    return replace(item, variants=tuple(replace(v, fields=same(v.fields)) for v in item.variants))


def arguments(item: Item, cls: Any) -> Any:
    return cls[(U8,) * len(item.params)] if item.params else cls


@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
@given(modules())
def test_rust_is_read_as_it_was_printed(module: Module) -> None:
    read, notes = read_rust(module_source(module).encode())
    assert [n for n in notes if n.left_out] == []
    assert read.items == module.items


@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
@given(modules())
def test_python_means_the_types_it_was_printed_from(module: Module) -> None:
    generated = run_python(PythonSource(module).text())
    items = Items()
    for item in module.items:
        items.rust_type(arguments(item, getattr(generated, item.name)))
    found = {item.name: item for item in items.items()}
    # Field documentation is read from source files, which this text is not: printed without it.
    for item in module.items:
        assert item_source(without_field_docs(found[item.name])) == item_source(without_field_docs(plain(item)))


def without_field_docs(item: Item) -> Item:
    def bare(fields: Fields) -> Fields:
        return replace(fields, items=tuple(replace(f, doc="") for f in fields.items))

    if isinstance(item, Struct):
        return replace(item, fields=bare(item.fields))
    plain_enum = all(v.fields.kind == "unit" for v in item.variants)
    return replace(
        item,
        variants=tuple(replace(v, fields=bare(v.fields), doc="" if plain_enum else v.doc) for v in item.variants),
    )


def test_imported_python_is_formatted_and_typed(tmp_path: Path) -> None:
    source = Path(__file__).with_name("types.rs").read_bytes()
    module, _ = read_rust(source)
    file = tmp_path / "contract.py"
    file.write_text(PythonSource(module).text())
    root = Path(__file__).parents[3]
    settings_file = ["--config", str(root / "pyproject.toml")]
    for arguments in (["check", "--select", "I,F,E,UP", *settings_file], ["format", "--check", *settings_file]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, str(file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + file.read_text()


def test_risc0s_digest_is_eight_words() -> None:
    source = b"#[derive(Serialize, Deserialize)]\npub struct Out {\n    pub image: Digest,\n    pub old: Option<Digest>,\n}\n"
    read, notes = read_rust(source)
    assert [str(n) for n in notes] == [
        "line 3: Out.image: Digest is on the wire as [u32; 8], as an image ID is",
        "line 4: Out.old: Digest is on the wire as [u32; 8], as an image ID is",
    ]
    out = run_python(PythonSource(read).text()).Out
    words = [1, 2, 3, 4, 5, 6, 7, 8]
    assert encode(out(words, None)) == b"".join(word.to_bytes(4, "little") for word in [*words, 0])
    own = source.replace(
        b"Option<Digest>,\n}", b"u8,\n}\n#[derive(Serialize, Deserialize)]\npub struct Digest(pub u8);"
    )
    assert read_rust(own)[1] == [], "a Digest of one's own is that"
