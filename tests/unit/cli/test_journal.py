"""How commands show a journal: decoded where a contract says what it is, and whose contract may be run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from zkhost.cli._journal import journal_json, journal_lines
from zkhost.cli.main import cli
from zkhost.codec import U8, U64, encode
from zkhost.contract.declare import Contract
from zkhost.methods import FACTORS_PATH
from zkhost.receipt.receipt import Receipt

RECEIPT = str(Path(__file__).parents[1] / "receipt" / "factors.bincode")
CONTRACT = """
from dataclasses import dataclass

from zkhost import Contract
from zkhost.codec import U64


@dataclass
class Factors:
    a: U64
    b: U64


@dataclass
class Product:
    product: U64


factors = Contract(Factors, Product)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose guest is `factors`."""
    (tmp_path / "methods/guest/src").mkdir(parents=True)
    (tmp_path / "methods/guest/Cargo.toml").write_text(
        '[package]\nname = "factors"\n[dependencies]\nrisc0-zkvm = "3"\n'
    )
    (tmp_path / "methods/guest/src/main.rs").write_text("")
    (tmp_path / "methods/factors.bin").write_bytes(FACTORS_PATH.read_bytes())
    (tmp_path / "contract.py").write_text(CONTRACT)
    return tmp_path


@pytest.fixture
def _not_in_the_binary(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled guest was built without a contract; that it is compared with the project's has tests of its own."""
    monkeypatch.setattr("zkhost.project.contracts.check_contract", lambda *_: None)


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def told(*arguments: str) -> Any:
    return json.loads(shown(*arguments, "--json"))


VERIFY = ("verify", RECEIPT, "--image-id", Receipt.load(RECEIPT).claim.image_id)  # type: ignore[union-attr]


@pytest.mark.parametrize("command", [("inspect", RECEIPT), VERIFY], ids=lambda command: command[0])
@pytest.mark.parametrize("place", ["contract.py", ".", "methods/guest"])
def test_a_receipts_journal_as_a_contract_says(project: Path, command: tuple[str, ...], place: str) -> None:
    asked = (*command, "--contract", str(project / place))
    assert "journal: 8 bytes 8701000000000000\ndecoded: Product(product=391)\n" in shown(*asked)
    result = told(*asked)
    assert (result["journal"], result["decoded"]) == ("8701000000000000", {"product": 391})


@pytest.mark.parametrize("command", [("inspect", RECEIPT), VERIFY], ids=lambda command: command[0])
def test_without_a_contract_it_stays_bytes_and_no_contract_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (tmp_path / "contract.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    assert "decoded" not in shown(*command)
    assert "decoded" not in told(*command)


@pytest.mark.usefixtures("_not_in_the_binary")
@pytest.mark.filterwarnings("ignore::zkhost.receipt.receipt.DevModeWarning")
def test_a_projects_own_contract_needs_no_option(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake proof, of dev mode, takes prove and verify through their every line."""
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    data, receipt = project / "input", str(project / "receipt.zkr")
    data.write_bytes((17).to_bytes(8, "little") + (23).to_bytes(8, "little"))
    for command in (
        ("execute", str(project), "--input", str(data)),
        ("prove", str(project), "--input", str(data), "--receipt", receipt),
        ("verify", receipt, "--program", str(project)),
    ):
        assert "\ndecoded: Product(product=391)\n" in shown(*command)
        assert told(*command)["decoded"] == {"product": 391}


def test_which_of_several_contracts(project: Path) -> None:
    (project / "contract.py").write_text(f"{CONTRACT}\nother_guest = Contract(journal=Factors)\n")
    asked = ("inspect", RECEIPT, "--contract", str(project))
    assert "decoded: Product(product=391)" in shown(*asked, "--guest", "factors")
    assert "not decoded: " in shown(*asked, "--guest", "other-guest")
    for wrong in ((), ("--guest", "third")):
        result = CliRunner().invoke(cli, (*asked, *wrong))
        assert result.exit_code == 1
        assert "it has factors, other_guest" in str(result.exception)


def test_a_journal_that_is_something_else() -> None:
    contract: Contract[Any, Any] = Contract(journal=tuple[U64, U8])
    data = encode(391, U64)
    assert journal_lines(data, contract).startswith("journal: 8 bytes 8701000000000000\nnot decoded: ")
    result = journal_json(data, contract)
    assert (result["journal"], result["decoded"]) == (data.hex(), None)
    assert result["decode_error"]


def test_a_long_one_is_cut_short() -> None:
    data = encode(list(range(2000)), list[U64])
    text = journal_lines(data, Contract(journal=list[U64]))
    assert len(text) < 2200
    assert text.count("...") == 2
