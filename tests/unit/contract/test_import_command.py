"""`zkhost import-types`: what it prints, and the exit codes that scripts go by."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zkhost.cli.import_types import import_types

SERDE = "use serde::{Serialize, Deserialize};\n"
GOOD = f"{SERDE}#[derive(Serialize, Deserialize)]\npub struct Good {{ pub a: u32 }}\npub struct Plain;\n"
BAD = f"{GOOD}#[derive(Serialize, Deserialize)]\npub struct Bad {{ a: far::Away }}\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def run(source: str, *options: str) -> Result:
    Path("types.rs").write_text(source)
    return CliRunner().invoke(import_types, ["types.rs", *options])


def test_types_without_serde_are_no_failure() -> None:
    done = run(GOOD)
    assert done.exit_code == 0, done.output
    assert "class Good:\n    a: U32\n" in done.stdout
    assert done.stderr == ""


def test_a_type_that_is_left_out_is_one() -> None:
    done = run(BAD)
    assert done.exit_code == 1
    assert "class Good:" in done.stdout
    assert "Bad" not in done.stdout
    assert "types.rs:6: Bad: far::Away is of another crate" in done.stderr


def test_nothing_found_is_no_success() -> None:
    done = run("pub struct Plain;\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no serde type was found" in done.stderr


@pytest.mark.parametrize("options", [("--type", "Away"), ("--type", "=U8"), ("--frob",), ("nowhere.rs",)])
def test_wrong_usage_is_two(options: tuple[str, ...]) -> None:
    assert run(BAD, *options).exit_code == 2


def test_what_is_asked_for_decides() -> None:
    assert run(BAD, "--only", "Good").exit_code == 0
    assert run(BAD, "--type", "Away=SerdeBytes").exit_code == 0


def test_pyproject_says_what_a_type_is_and_the_command_line_overrides_it(here: Path) -> None:
    (here / "pyproject.toml").write_text('[tool.zkhost.types]\n"far::Away" = "list[U8]"\n')
    assert "a: bytes" in run(BAD).stdout
    assert "a: U64" in run(BAD, "--type", "far::Away=U64").stdout


def test_json_holds_all_of_it() -> None:
    done = run(BAD, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["types"] == ["Good"]
    assert [(n["line"], n["where"], n["left_out"]) for n in told["notes"]] == [(6, "Bad", True)]


@pytest.mark.slow
def test_check_proves_an_annotation_and_finds_a_wrong_one(here: Path) -> None:
    """With the words right and the kind wrong, and with the words wrong: --check says which, and fails."""
    os.environ.pop("CARGO_TARGET_DIR", None)
    done = run(GOOD, "--check")
    assert done.exit_code == 0, done.stderr
    assert "1 of 1 types agree with Rust, on 64 values" in done.stderr
    wrong = f"{SERDE}#[derive(Serialize, Deserialize)] pub struct X(pub Far);\n#[derive(Serialize, Deserialize)] pub struct Far(i32);\n"
    for annotation, message in {
        "U32": "the annotation is [u32], Rust reads [i32]",
        "U64": "Rust reads [i32]",
        "SerdeBytes": "Rust reads [i32]",
    }.items():
        done = run(wrong, "--check", "--type", f"Far={annotation}", "--only", "X")
        assert done.exit_code == 1, done.stderr
        assert message in done.stderr
    assert run(wrong, "--check", "--type", "Far=I32").exit_code == 0


@pytest.mark.slow
def test_check_reads_a_guest_as_it_is(here: Path) -> None:
    """A guest's main.rs: its entry point and what only the zkVM has are taken out of the copy, private types stay."""
    guest = here / "guest"
    (guest / "src").mkdir(parents=True)
    (guest / "Cargo.toml").write_text(
        '[package]\nname = "guest"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n'
        'serde = { version = "1", features = ["derive"] }\n[workspace]\n'
    )
    (guest / "src/main.rs").write_text(
        "#![no_main]\nuse risc0_zkvm::guest::env;\nrisc0_zkvm::guest::entry!(main);\n"
        "#[derive(serde::Deserialize)]\nstruct Input { a: u64, secret: Option<Secret> }\n"
        "mod inner { #[derive(serde::Serialize)] pub(super) struct Output(pub(super) i16, bool); }\n"
        "#[derive(serde::Serialize, serde::Deserialize)]\nenum Secret { None, Key([u8; 16]) }\n"
        "fn main() { let input: Input = env::read(); env::commit(&inner::Output(1, input.a > 1)); }\n"
    )
    done = CliRunner().invoke(import_types, ["guest", "--check"])
    assert done.exit_code == 0, done.stderr
    assert "3 of 3 types agree with Rust" in done.stderr
