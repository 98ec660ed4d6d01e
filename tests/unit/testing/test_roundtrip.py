"""`check_roundtrip` finds a disagreement, makes it small and shows both streams; `zkhost roundtrip` prints it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner

from zkhost import codec as c
from zkhost.cli.roundtrip import roundtrip
from zkhost.testing import MismatchError, RustOracle, check_roundtrip, check_value
from zkhost.testing.mismatch import align
from zkhost.testing.oracles import LIMIT, Refused, SerdeOracle


@dataclass
class Order:
    id: c.U64
    prices: list[c.U32]
    note: str | None


class Wrong(SerdeOracle):
    """risc0's serde, less the last word of values whose encoding has more than `limit` words."""

    name = "wrong"
    formats = ("standard",)

    def __init__(self, limit: int) -> None:
        self.rust, self.limit = RustOracle(), limit

    def encode(self, descriptor: list[Any], plains: Sequence[Any], format: str) -> list[Any]:
        words = self.rust.encode(descriptor, plains)
        return [w[:-4] if len(w) > 4 * self.limit else w for w in words]

    def decode(self, descriptor: list[Any], streams: Sequence[bytes], format: str) -> list[Any]:
        return self.rust.decode(descriptor, streams)


class Shifted(Wrong):
    """Decodes one more than there is."""

    def decode(self, descriptor: list[Any], streams: Sequence[bytes], format: str) -> list[Any]:
        return [value + 1 for value in self.rust.decode(descriptor, streams)]


class Unwilling(Wrong):
    def __init__(self, reason: str) -> None:
        super().__init__(99)
        self.reason = reason

    def encode(self, descriptor: list[Any], plains: Sequence[Any], format: str) -> list[Any]:
        return [Refused(self.reason) for _ in plains]


def test_agreement() -> None:
    assert check_roundtrip(Order, examples=60, seed=1) >= 50


def test_the_smallest_failing_value_is_shown() -> None:
    with pytest.raises(MismatchError) as caught:
        check_roundtrip(Order, examples=300, oracles=[Wrong(limit=6)], seed=3)
    error = caught.value
    assert error.oracle == "wrong"
    assert error.format == "standard"
    assert error.ours is not None
    assert error.ours[:-4] == error.theirs
    # Seven words is the least that fails, of zeros where any number will do.
    assert len(error.ours) == 28
    assert "Order(" in error.message
    assert error.message.splitlines()[-1].split() == ["!", "6", error.ours[-4:][::-1].hex(), "-"]


def test_other_ways_to_disagree() -> None:
    with pytest.raises(MismatchError, match="decodes another value: 6 instead of 5"):
        check_value(c.U8, 5, oracles=[Shifted(99)])
    with pytest.raises(MismatchError, match="does not encode what zkhost encodes: no such thing"):
        check_value(c.U8, 5, oracles=[Unwilling("no such thing")])
    check_value(c.U8, 5, oracles=[Unwilling(f"this is {LIMIT}")])


def test_values_that_rust_refuses_to_know() -> None:
    [refused] = RustOracle().encode(["u8"], [256])
    assert isinstance(refused, Refused)
    [refused] = RustOracle().decode(["bool"], [(2).to_bytes(4, "little")])
    assert isinstance(refused, Refused)
    assert "bool" in refused
    assert RustOracle().decode(["option", ["u8"]], [bytes(4)]) == [None]


def test_alignment_shows_gaps_and_leaves_out_what_is_equal() -> None:
    ours = b"".join(i.to_bytes(4, "little") for i in range(40))
    theirs = ours[:80] + b"\xff\0\0\0" + ours[80:]
    lines = align(ours, theirs, ("zkhost", "rust")).splitlines()
    assert lines[0].split() == ["word", "zkhost", "rust"]
    assert [line for line in lines if line.startswith("!")] == ["!        -         000000ff"]
    assert lines.count("    ...") == 2
    assert len(lines) == 1 + 2 + 7


@pytest.mark.parametrize("option", [[], ["--format", "standard"], ["--oracle", "rust", "--seed", "4"]])
def test_command(option: list[str]) -> None:
    result = CliRunner().invoke(roundtrip, [f"{__name__}:Order", "-n", "20", *option])
    assert result.exit_code == 0, result.output
    assert "zkhost and rust agree" in result.output


def test_command_as_json() -> None:
    result = CliRunner().invoke(roundtrip, [f"{__name__}:Order", "-n", "20", "--json"])
    assert json.loads(result.output)["agree"] is True


def test_command_shows_a_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zkhost.cli.roundtrip._oracle", lambda name: Wrong(limit=0))
    result = CliRunner().invoke(roundtrip, [f"{__name__}:Order", "-n", "20", "--seed", "1"])
    assert result.exit_code == 1
    assert "encode a value differently" in result.output
    result = CliRunner().invoke(roundtrip, [f"{__name__}:Order", "-n", "20", "--seed", "1", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.output)["oracle"] == "wrong"


@pytest.mark.parametrize("target", ["nothing", "no_such_module:Order", f"{__name__}:Missing"])
def test_command_refuses_what_is_no_type(target: str) -> None:
    assert CliRunner().invoke(roundtrip, [target]).exit_code == 2


def test_command_refuses_an_unknown_oracle() -> None:
    result = CliRunner().invoke(roundtrip, [f"{__name__}:Order", "--oracle", "delphi"])
    assert result.exit_code == 2
    assert "rust, packed, guest" in result.output
