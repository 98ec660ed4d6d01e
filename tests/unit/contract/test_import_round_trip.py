"""Rust -> Python -> Rust gives back the same types, and so does each half alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import HealthCheck, given, settings

from zkhost.codec import U8
from zkhost.contract.from_rust import Imported, import_rust
from zkhost.contract.from_rust.python_module import python_module
from zkhost.contract.from_rust.python_printer import PythonSource
from zkhost.contract.item_model import Fields, Item, Module, Struct
from zkhost.contract.to_rust.item_printer import item_source
from zkhost.contract.to_rust.module_printer import module_source
from zkhost.contract.to_rust.schema_items import Items

from .strategies import modules

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


def read_rust(folder: Path, source: str) -> Imported:
    file = folder / "types.rs"
    file.write_text(source)
    return import_rust([file])


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
def test_rust_is_read_as_it_was_printed(tmp_path: Path, module: Module) -> None:
    read = read_rust(tmp_path, module_source(module))
    assert read.left_out == []
    assert read.module.items == module.items


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
    """Of the whole corpus: what ruff's formatter and its import rules would leave as it is."""
    folder = Path(__file__).with_name("corpus")
    root = Path(__file__).parents[3]
    for source in (folder / "rollup", *folder.glob("*.rs"), Path(__file__).with_name("types.rs")):
        (tmp_path / f"{source.stem}.py").write_text(python_module(import_rust([source])).source)
    settings_file = ["--config", str(root / "pyproject.toml")]
    for arguments in (
        ["check", "--select", "I,F,E,UP", *settings_file],
        ["format", "--check", "--diff", *settings_file],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
