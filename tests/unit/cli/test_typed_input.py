"""--value: a guest's input as JSON, checked by its contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from zkhost import Contract
from zkhost.cli._inputs import read_inputs
from zkhost.cli._typed_input import encode_option
from zkhost.cli.main import cli
from zkhost.codec import U8, U64, codec
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import EncodeError


@dataclass(frozen=True)
class Pair:
    a: U64
    b: U64


@dataclass(frozen=True)
class Order:
    id: U8
    pairs: list[Pair]


PAIR: Contract[Pair, int] = Contract(Pair, journal=U64)
ORDER: Contract[Order, bytes] = Contract(Order, format="packed")
CONTRACT = """
from dataclasses import dataclass
from zkhost import Contract
from zkhost.codec import U64

@dataclass
class Input:
    a: U64
    b: U64

factors = Contract(Input, U64)
"""


def test_json_becomes_the_words_of_the_contract(tmp_path: Path) -> None:
    text = '{"id": 3, "pairs": [{"a": 1, "b": 2}]}'
    words = codec(Order, "packed").encode(Order(3, [Pair(1, 2)]))
    assert encode_option(ORDER, text) == words
    (tmp_path / "order.json").write_text(text)
    assert encode_option(ORDER, f"@{tmp_path / 'order.json'}") == words


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"id": 300, "pairs": []}', ".id"),
        ('{"id": 3, "pairs": [{"a": 1, "b": 2}, {"a": -1, "b": 2}]}', ".pairs[1].a"),
        ('{"id": 3, "pairs": [{"a": 1, "b": "2"}]}', ".pairs[0].b"),
        ('{"id": 3}', ".pairs"),
        ('{"id": 3, "pairs": [], "price": 1}', ".price"),
    ],
)
def test_errors_name_the_field(text: str, path: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_option(ORDER, text)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{a: 1}", "not JSON"),
        ('{"a": 1, "a": 2, "b": 3}', "an object has two members named 'a'"),
        ("@/no/such/file.json", "No such file"),
    ],
)
def test_what_is_not_json_is_a_wrong_use_of_the_option(text: str, said: str) -> None:
    with pytest.raises(click.BadParameter, match=said) as caught:
        encode_option(PAIR, text)
    assert caught.value.param_hint == "--value"


def test_without_a_contract_for_an_input_there_is_no_typed_input() -> None:
    with pytest.raises(click.UsageError, match="needs the guest's contract"):
        encode_option(None, "1")
    with pytest.raises(click.UsageError, match="has no input"):
        encode_option(Contract(journal=U64), "1")


def test_lines_of_inputs_may_be_typed_too(tmp_path: Path) -> None:
    file = tmp_path / "inputs.jsonl"
    file.write_text('{"value": {"a": 1, "b": 2}}\n{"hex": "ff", "args": ["x"]}\n{"value": {"a": 1}}\n')
    lines = read_inputs(file, ExecutorEnv(), PAIR)
    assert next(lines).input == codec(Pair).encode(Pair(1, 2))
    assert next(lines).input == b"\xff"
    with pytest.raises(click.ClickException, match=r"line 3: .*\.b"):
        next(lines)
    file.write_text('{"value": {"a": 1, "b": 2}, "hex": "ff"}\n')
    with pytest.raises(click.ClickException, match="line 1: give one of value, text, hex"):
        next(read_inputs(file, ExecutorEnv(), PAIR))


@pytest.fixture
def execute(guests: Mapping[str, bytes], tmp_path: Path) -> object:
    (tmp_path / "factors.bin").write_bytes(guests["factors"])
    (tmp_path / "contract.py").write_text(CONTRACT)

    def run(*options: str) -> Result:
        program = ["execute", str(tmp_path / "factors.bin"), "--guest", "factors"]
        return CliRunner().invoke(cli, [*program, "--contract", str(tmp_path / "contract.py"), *options])

    return run


def test_a_guest_runs_on_it_and_its_journal_is_decoded(execute: object) -> None:
    assert callable(execute)
    done = execute("--value", '{"a": 17, "b": 23}', "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["decoded"] == 391


def test_a_bad_value_stops_the_command(execute: object) -> None:
    assert callable(execute)
    done = execute("--value", '{"a": 17, "b": -1}')
    assert isinstance(done.exception, EncodeError)
    assert done.exception.path == ".b"
    both = execute("--value", "1", "--input", __file__)
    assert (both.exit_code, "give one" in both.stderr) == (2, True)
