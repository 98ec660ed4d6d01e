"""`zkhost boundless`: files for the market, and the verification of what it delivers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.receipt.test_evm import IMAGE_ID, JOURNAL, SEAL
from zkhost.boundless import GROTH16_V3_0, GuestEnv, InputURL, Offer, PrefixMatch, ProofRequest, Requirements
from zkhost.cli.main import cli
from zkhost.image_id import ImageID
from zkhost.methods import FACTORS_ID, FACTORS_PATH

STDIN = (17).to_bytes(8, "little") + (23).to_bytes(8, "little")
URL = "https://example.com/program.bin"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["boundless", *map(str, arguments)])


@pytest.fixture
def stdin(tmp_path: Path) -> Path:
    file = tmp_path / "stdin.bin"
    file.write_bytes(STDIN)
    return file


def test_the_input_file_is_the_markets(stdin: Path, tmp_path: Path) -> None:
    output = tmp_path / "input.bin"
    result = run("input", FACTORS_PATH, "--input", stdin, "-o", output, "--json")
    assert result.exit_code == 0, result.output
    assert GuestEnv.decode(output.read_bytes()) == GuestEnv(STDIN)
    facts = json.loads(result.stdout)
    assert facts["input_digest"] == GuestEnv(STDIN).digest.hex()
    assert facts["image_id"] == str(FACTORS_ID)


def test_a_request_is_written_with_the_prices_given(stdin: Path, tmp_path: Path) -> None:
    output = tmp_path / "request.json"
    result = run(
        *("request", FACTORS_PATH, "--input", stdin, "--program-url", URL, "-o", output, "--json"),
        *("--max-price", "0.0002ETH", "--min-price", "5gwei", "--collateral", "20 ZKC", "--lock-timeout", "900"),
        *("--proof", "groth16", "--callback", "0x" + "ca" * 20, "--start", "1800000000"),
    )
    assert result.exit_code == 0, result.output
    request, facts = ProofRequest.load(output), json.loads(result.stdout)
    assert (request.image_url, request.input, request.id) == (URL, GuestEnv(STDIN), None)
    assert (request.offer.max_price, request.offer.min_price) == (2 * 10**14, 5 * 10**9)
    assert request.offer.lock_collateral == 20 * 10**18
    assert (request.offer.lock_timeout, request.offer.timeout, request.offer.ramp_up_start) == (
        900,
        1800,
        1_800_000_000,
    )
    assert request.requirements.selector == GROTH16_V3_0
    assert request.requirements.callback.gas_limit == 100_000
    assert request.requirements.predicate.data.hex() == facts["image_id"] + facts["journal_digest"]


def test_the_input_may_be_at_a_url_and_the_journal_any(stdin: Path, tmp_path: Path) -> None:
    output = tmp_path / "request.json"
    options = ("--max-price", "1", "--collateral", "0", "--input-url", "https://example.com/input.bin", "-o", output)
    result = run("request", FACTORS_PATH, "--input", stdin, "--program-url", URL, "--require", "prefix", *options)
    assert result.exit_code == 0, result.output
    request = ProofRequest.load(output)
    assert request.input == InputURL("https://example.com/input.bin")
    assert request.requirements.predicate == PrefixMatch(FACTORS_ID)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--max-price", "0.5", "whole number"),
        ("--max-price", "1ZKC", "no amount"),
        ("--max-price", "-1", "no amount"),
        ("--max-price", "1.2.3ETH", "no amount"),
        ("--max-price", "0", "more than 0"),
        ("--collateral", "1ETH", "no amount"),
        ("--program-url", "program.bin", "not a URL"),
        ("--timeout", "10", "longer than timeout"),
        ("--callback", "0x12", "20"),
        ("--journal-prefix", "00", "--require prefix"),
    ],
)
def test_a_bad_option_is_refused_and_writes_nothing(
    stdin: Path, tmp_path: Path, option: str, value: str, words: str
) -> None:
    output = tmp_path / "request.json"
    good = {"--program-url": URL, "--max-price": "1ETH", "--collateral": "1ZKC", "--input": stdin, "-o": output}
    options = [str(word) for pair in {**good, option: value}.items() for word in pair]
    result = run("request", FACTORS_PATH, *options)
    assert result.exit_code != 0
    assert words in f"{result.output}{result.exception}"
    assert not output.exists()


def test_what_a_file_holds_is_shown(tmp_path: Path) -> None:
    file, written = tmp_path / "file", tmp_path / "stdin.bin"
    file.write_bytes(GuestEnv(STDIN).encode())
    result = run("show", file, "--stdin", written, "--json")
    assert json.loads(result.stdout) == {"stdin_bytes": 16, "input_digest": GuestEnv(STDIN).digest.hex()}
    assert written.read_bytes() == STDIN

    offer = Offer.for_cycles(1, max_price=7, lock_collateral=0)
    request = ProofRequest(URL, GuestEnv(STDIN), Requirements(PrefixMatch(FACTORS_ID)), offer)
    request.dump(file)
    facts = json.loads(run("show", file, "--json").stdout)
    assert (facts["max_price"], facts["stdin_bytes"], facts["predicate"]) == (7, 16, "PrefixMatch")

    written.unlink()
    dataclasses.replace(request, input=InputURL(URL)).dump(file)
    assert json.loads(run("show", file, "--json").stdout)["input_url"] == URL
    assert run("show", file, "--stdin", written).exit_code != 0
    assert not written.exists()

    file.write_bytes(b"\x07")
    assert run("show", file).exit_code != 0


@pytest.fixture
def delivered(tmp_path: Path) -> tuple[Path, Path]:
    """A request, and what get-proof prints for it: the public groth16 receipt of risc0-ethereum."""
    request, proof = tmp_path / "request.json", tmp_path / "proof.txt"
    offer = Offer.for_cycles(1, max_price=1, lock_collateral=0)
    ProofRequest(URL, GuestEnv(b""), Requirements(PrefixMatch(ImageID(IMAGE_ID), b"just")), offer).dump(request)
    data = {"ImageIdAndJournal": [list(ImageID(IMAGE_ID).words), f"0x{JOURNAL.hex()}"]}
    proof.write_text(f'Fulfillment Data:\n{json.dumps(data)}\n\nSeal:\n"0x{SEAL.hex()}"\n')
    return request, proof


def test_a_delivered_proof_is_verified_before_its_journal_is_written(
    delivered: tuple[Path, Path], tmp_path: Path
) -> None:
    journal = tmp_path / "journal.bin"
    result = run("verify", *delivered, "--journal", journal, "--json")
    assert result.exit_code == 0, result.output
    assert journal.read_bytes() == JOURNAL
    assert json.loads(result.stdout)["selector"] == "73c457ba"


def test_a_proof_of_another_journal_writes_nothing(delivered: tuple[Path, Path], tmp_path: Path) -> None:
    request, proof = delivered
    journal = tmp_path / "journal.bin"
    proof.write_text(proof.read_text().replace(JOURNAL.hex(), (JOURNAL + b"!").hex()))
    result = run("verify", request, proof, "--journal", journal)
    assert result.exit_code == 1
    assert not journal.exists()
