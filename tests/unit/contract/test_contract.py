"""Declaring contracts, writing them as Rust, and finding out where two differ."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from click.testing import CliRunner

from zkhost import Contract
from zkhost.cli._guest_io import read_program
from zkhost.codec import F64, U8, U16, U32, U64, Len, Tagged
from zkhost.contract.fingerprint import check_contract, compare, contract_text, embedded, find_contracts
from zkhost.contract.to_rust.contract_module import contract_module, contract_text_of
from zkhost.contract.to_rust.module_printer import module_source
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ContractDriftError, ContractError, SchemaError
from zkhost.guest.guest import Guest
from zkhost.methods import FACTORS_PATH
from zkhost.project.contracts import built_contract, codegen, load_contracts, update_contract

ROOT = Path(__file__).parents[3]
SNAPSHOT = ROOT / "tests/e2e/contract_project"


@dataclass(frozen=True)
class Input:
    a: U64
    b: U64


@dataclass(frozen=True)
class Output:
    product: U64


def text(input: Any, journal: Any = Output, format: str = "standard") -> str:
    return contract_text_of(Contract(input, journal, format=format))


def changed(**fields: Any) -> str:
    """The contract's text with other fields of Input, in the order given."""
    return text(dataclass(frozen=True)(type("Input", (), {"__annotations__": fields, "__module__": __name__})))


def test_the_generated_module_is_the_one_on_record() -> None:
    """A snapshot: what every kind of type looks like in Rust. `zkhost codegen` in that folder renews it."""
    [written] = codegen(SNAPSHOT, check=True)
    assert written.source == written.path.read_text()
    assert written.guests == ("everything", "everything_packed", "sum")


@pytest.mark.parametrize(
    ("guest", "difference"),
    [
        (lambda: changed(a=U64, b=U32), "field Input.b is u64 here and u32 in the guest"),
        (lambda: changed(a=U64), "field Input.b is not in the guest's"),
        (lambda: changed(a=U64, b=U64, c=U8), "field Input.c is only in the guest's"),
        (lambda: changed(b=U64, a=U64), "field 1 of Input is a here and b in the guest: another order"),
        (lambda: changed(a=U64, other=U64), "field Input.b is not in the guest's"),
        (lambda: text(Input, format="packed"), "the format is standard here and packed in the guest"),
        (lambda: text(Output), "the input is Input here and Output in the guest"),
        (lambda: contract_text_of(Contract(Input)), "the journal is not in the guest's"),
    ],
)
def test_drift_names_what_differs(guest: Callable[[], str], difference: str) -> None:
    program = b"\x7fELF" + embedded(guest()).encode() + b"\0more"
    with pytest.raises(ContractDriftError) as caught:
        check_contract(program, text(Input), "multiply")
    assert difference in caught.value.differences
    assert difference in str(caught.value)


def test_the_same_contract_is_no_drift() -> None:
    check_contract(b"\0\1" + embedded(text(Input)).encode() + b"\2", text(Input), "multiply")


def test_a_contract_has_one_text_whatever_else_the_project_declares() -> None:
    """A type that another guest's contract holds too stands elsewhere in the module; the text must not follow it."""

    @dataclass(frozen=True)
    class Second:
        first: Output
        other: Input

    contracts: dict[str, Contract[Any, Any]] = {"one": Contract(Input, Output), "two": Contract(Second, Output)}
    module = contract_module(contracts)
    assert [contract_text(module, guest) for guest in module.guests] == [
        contract_text_of(c) for c in contracts.values()
    ]


def test_a_program_without_contract_is_refused() -> None:
    with pytest.raises(ContractDriftError, match="without a contract"):
        check_contract(b"\x7fELF", text(Input), "multiply")


def test_a_contract_that_was_tampered_with_does_not_count() -> None:
    data = embedded(text(Input)).encode()
    assert find_contracts(data) == [text(Input)]
    assert find_contracts(data.replace(b"u64", b"u32")) == []
    assert find_contracts(data[:-3]) == []


def test_enum_variants_are_compared() -> None:
    old = "enum Move\n  Left\n  Jump(u8)\n"
    new = "enum Move\n  Left\n  Jump(u16)\n  Go { x: u8 }\n"
    assert compare(new, old) == [
        "variant Move.Jump is (u16) here and (u8) in the guest",
        "variant Move.Go is not in the guest's",
    ]


@dataclass(frozen=True)
class String:
    value: U8


@dataclass(frozen=True)
class Twice:
    fooBar: U8
    foo_bar: U8


@dataclass(frozen=True)
class Wide:
    items: tuple[U8, U8, U8, U8, U8, U8, U8, U8, U8, U8, U8, U8, U8]


@dataclass(frozen=True)
class A:
    x: U8


@dataclass(frozen=True)
class B:
    x: U8


@dataclass(frozen=True)
class Clash:
    one: Annotated[A | B, Tagged("Same")]
    two: Annotated[B | Input, Tagged("Same")]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (String, "called String, as Rust's own"),
        (Twice, "fooBar and foo_bar of Twice are both foo_bar in Rust"),
        (Wide, "tuples end at 12"),
        (Clash, "two types of the contract are called Same"),
        (int, "no fixed width"),
    ],
)
def test_what_has_no_rust_twin_is_refused(bad: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        contract_module({"guest": Contract(bad, Output)})


def test_contracts_say_what_is_wrong_with_them() -> None:
    with pytest.raises(SchemaError, match="without input and without journal"):
        Contract()
    with pytest.raises(SchemaError, match="'compact' does not exist"):
        Contract(Input, format="compact")


def test_floats_are_not_eq_and_long_arrays_are_big_ones() -> None:
    @dataclass(frozen=True)
    class Reading:
        value: F64
        signature: Annotated[bytes, Len(64)]

    source = module_source(contract_module({"guest": Contract(Reading)}))
    assert "#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]\npub struct Reading {" in source
    assert "pub signature: BigArray<u8, 64>," in source


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one guest, my-guest, with a contract."""
    guest = tmp_path / "methods/guest"
    (guest / "src").mkdir(parents=True)
    (guest / "Cargo.toml").write_text('[package]\nname = "my-guest"\n[dependencies]\nrisc0-zkvm = "3"\n')
    (guest / "src/main.rs").write_text("fn main() {}\n")
    write_contract(tmp_path, "my_guest = Contract(Input)")
    return tmp_path


def write_contract(folder: Path, declaration: str) -> None:
    (folder / "contract.py").write_text(
        '"""Two numbers."""\n'
        "from dataclasses import dataclass\nfrom zkhost.codec import U64\nfrom zkhost import Contract\n"
        f"@dataclass\nclass Input:\n    a: U64\n{declaration}\n"
    )


def test_codegen_writes_only_what_changed(project: Path) -> None:
    [first] = codegen(project)
    assert first.changed
    assert first.path == project / "methods/guest/src/contract.rs"
    before = first.path.stat().st_mtime_ns
    [second] = update_contract(project)
    assert not second.changed
    assert first.path.stat().st_mtime_ns == before
    assert second.source.startswith("//! Two numbers.\n")


def test_a_lone_contract_belongs_to_the_only_guest(project: Path) -> None:
    write_contract(project, "CONTRACT = Contract(Input)")
    [written] = codegen(project)
    assert written.guests == ("my-guest",)


def test_the_command_checks_and_prints_json(project: Path) -> None:
    from zkhost.cli.codegen import codegen as command

    assert CliRunner().invoke(command, [str(project), "--check"]).exit_code == 1
    assert CliRunner().invoke(command, [str(project)]).exit_code == 0
    done = CliRunner().invoke(command, [str(project / "contract.py"), "--check", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["modules"][0]["guests"] == ["my-guest"]


def test_what_is_wrong_with_a_project_is_said(project: Path, tmp_path: Path) -> None:
    write_contract(project, "other = Contract(Input)")
    with pytest.raises(ContractError, match=r"guest other, which is not in the project(.|\n)*my-guest"):
        codegen(project)
    write_contract(project, "1 / 0")
    with pytest.raises(ContractError, match="ZeroDivisionError"):
        codegen(project)
    write_contract(project, "")
    with pytest.raises(ContractError, match="declares no contract"):
        codegen(project)
    assert update_contract(tmp_path / "methods") == []


def test_unsigned_words_stay_what_they_are() -> None:
    assert (
        contract_text_of(Contract(tuple[U8, U16], list[U32])) == "format standard\ninput (u8, u16)\njournal Vec<u32>\n"
    )


def test_a_check_says_that_the_rust_side_is_stale(project: Path) -> None:
    update_contract(project)
    assert not update_contract(project, check=True)[0].changed
    write_contract(project, "CONTRACT = Contract(Input, Input)")
    before = (project / "methods/guest/src/contract.rs").read_text()
    with pytest.raises(ContractError, match=r"contract\.rs(.|\n)*zkhost build"):
        update_contract(project, check=True)
    assert (project / "methods/guest/src/contract.rs").read_text() == before


def test_a_contract_file_with_types_alone_is_no_contract(project: Path) -> None:
    write_contract(project, "")
    assert update_contract(project) == []
    built_contract(project, "my-guest", b"a program built without contract")


def test_a_built_guest_is_checked_against_its_projects_contract(project: Path) -> None:
    _, contracts = load_contracts(project / "contract.py")
    [contract] = contracts.values()
    built_contract(project, "my-guest", embedded(contract_text_of(contract)).encode())
    with pytest.raises(ContractDriftError):
        built_contract(project, "my-guest", embedded(text(Output)).encode())
    built_contract(project, "another", b"which the contract does not speak of")


def test_a_guest_gets_the_crates_that_its_contract_needs(project: Path) -> None:
    """As in a project that was not made by `zkhost new`; what is there already is left as it is."""
    manifest = project / "methods/guest/Cargo.toml"
    manifest.write_text(manifest.read_text() + 'serde = "1.0.200"  # kept\n')
    [written] = codegen(project)
    assert written.added == ("zkhost-guest",)
    assert not (project / "methods/zkhost-guest").exists(), "a dependency, not a copy"
    dependencies = tomllib.loads(manifest.read_text())["dependencies"]
    assert dependencies == {"risc0-zkvm": "3", "serde": "1.0.200", "zkhost-guest": "0.1"}
    assert "# kept" in manifest.read_text()
    write_contract(project, "CONTRACT = Contract(Input, Input)")
    assert codegen(project)[0].added == ()


@pytest.mark.parametrize("contract", [Contract(Input, Output), Contract(Input, Output, format="packed"), None])
def test_an_input_goes_with_what_else_an_env_has(contract: Contract[Any, Any] | None) -> None:
    guest = Guest(b"", contract, check=False)
    env = guest.env(Input(17, 23), ExecutorEnv.builder().session_limit(1000).args(["-v"]))
    assert (env.session_limit, env.args) == (1000, ("-v",))
    assert env.input == guest.env(Input(17, 23)).input == (17).to_bytes(8, "little") + (23).to_bytes(8, "little")


def test_no_contract_is_run_for_a_binary_that_belongs_to_no_project(tmp_path: Path) -> None:
    """A contract.py of whoever owns a folder above is somebody's code: the command line must not run it."""
    (tmp_path / "contract.py").write_text("raise SystemExit('run')")
    folder = tmp_path / "binaries"
    folder.mkdir()
    shutil.copy(FACTORS_PATH, folder / "factors.bin")
    assert read_program(folder) == FACTORS_PATH.read_bytes()
