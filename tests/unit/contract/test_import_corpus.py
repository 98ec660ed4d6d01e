"""import-types over a corpus of some two hundred Rust types: how many it gives, and that none of them is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from zkhost.contract.from_rust import import_rust
from zkhost.contract.from_rust.check import check_types
from zkhost.contract.from_rust.python_module import PythonModule, python_module

CORPUS = Path(__file__).with_name("corpus")
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((CORPUS / "expected.toml").read_text())
SOURCES = sorted(EXPECTED["left_out"])


def made(source: str) -> PythonModule:
    return python_module(import_rust([CORPUS / source]))


def test_every_source_is_in_the_table() -> None:
    found = {path.name for path in CORPUS.iterdir() if path.suffix == ".rs" or path.is_dir()}
    assert found - {"target"} == set(SOURCES)


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_left_out_is_what_must_be(source: str) -> None:
    reasons = {note.where: note.message for note in made(source).imported.left_out}
    expected = EXPECTED["left_out"][source]
    assert reasons.keys() == expected.keys()
    assert [name for name, part in expected.items() if part not in reasons[name]] == []


def test_of_two_hundred_types_four_in_five_are_given() -> None:
    given: set[str] = set()
    left_out: set[str] = set()
    for source in SOURCES:
        imported = made(source).imported
        given |= {f"{source}:{item.name}" for item in imported.module.items if item.name in imported.origins}
        given |= {f"{source}:{name}" for name in imported.aliases}
        left_out |= {f"{source}:{note.where}" for note in imported.left_out}
    assert len(given) + len(left_out) >= 200
    assert len(given) / (len(given) + len(left_out)) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_every_annotation_agrees_with_serde(source: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiles the corpus with the real serde and the crates it names, from the registry."""
    target = tmp_path_factory.getbasetemp().parent / "import-types-target"
    verdicts = check_types(made(source), target=target)
    assert verdicts
    wrong = {v.name: v.message for v in verdicts if v.outcome == "differs"}
    assert wrong == {}
    unchecked = {v.name: v.message for v in verdicts if v.outcome == "unchecked"}
    expected = EXPECTED["unchecked"].get(source, {})
    assert unchecked.keys() == expected.keys(), unchecked
    assert all(part in unchecked[name] for name, part in expected.items())
    assert all(v.values > 0 for v in verdicts if v.outcome == "agrees")
