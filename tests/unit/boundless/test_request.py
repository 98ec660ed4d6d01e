"""Requests: what is checked when they are made, files, and what a run tells about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zkhost import methods
from zkhost.boundless import (
    GROTH16_V3_0,
    Callback,
    ClaimDigestMatch,
    GuestEnv,
    InputURL,
    Offer,
    PrefixMatch,
    Preflight,
    ProofRequest,
    RequestID,
    Requirements,
    preflight,
    price_of_cycles,
)
from zkhost.codec import U64
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ConfigError, GuestPanicError, MarketFormatError, UnsupportedError
from zkhost.guest.guest import Guest
from zkhost.image_id import ImageID
from zkhost.receipt.receipt import Receipt

CLIENT = b"\xc1" * 20
FACTORS: Guest[Any, Any] = Guest(methods.FACTORS_ELF)
ENV = ExecutorEnv.builder().write(17, U64).write(23, U64).build()
OFFER = Offer.for_cycles(4_242, max_price=2 * 10**14, lock_collateral=20 * 10**18)


def request(**changes: Any) -> ProofRequest:
    values = {
        "image_url": "https://example.com/program.bin",
        "input": GuestEnv(b"\x11\0\0\0\x17\0\0\0"),
        "requirements": Requirements(PrefixMatch(ImageID(bytes(range(32))))),
        "offer": OFFER,
    }
    return ProofRequest(**{**values, **changes})


def test_a_file_holds_the_request(tmp_path: Path) -> None:
    made = request(id=RequestID(CLIENT, 3), input=InputURL("https://example.com/input.bin"))
    made.dump(tmp_path / "request.json")
    assert ProofRequest.load(tmp_path / "request.json") == made


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"id": 1}', "[" * 100_000, "id: 0\noffer: {}\n"])
def test_what_is_no_request_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(MarketFormatError):
        ProofRequest.from_json(text)


def test_a_file_that_is_not_text_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(MarketFormatError, match=r"request\.json"):
        ProofRequest.load(file)


def test_a_field_that_occurs_twice_is_refused() -> None:
    twice = request().to_json().replace('"minPrice": "0x0"', '"minPrice": "0x0", "minPrice": "0x1"')
    with pytest.raises(MarketFormatError, match=r"\.minPrice occurs twice"):
        ProofRequest.from_json(twice)


@pytest.mark.parametrize(
    "url", ["", "https://example.com/\ud800", "program.bin", "/srv/program.bin", "https://", "http://[::1"]
)
def test_what_provers_cannot_download_is_refused(url: str) -> None:
    with pytest.raises(MarketFormatError, match="imageUrl"):
        request(image_url=url)
    with pytest.raises(MarketFormatError, match=r"input\.data"):
        InputURL(url)


def test_a_request_without_an_id_has_no_hash_to_sign() -> None:
    made = request()
    assert '"id": "0x0"' in made.to_json()
    with pytest.raises(MarketFormatError, match="no ID"):
        made.signing_hash(CLIENT, 1)
    signed = dataclasses.replace(made, id=RequestID(CLIENT, 0))
    assert len(signed.signing_hash(CLIENT, 1)) == 32
    assert signed.signing_hash(CLIENT, 1) != signed.signing_hash(CLIENT, 2)


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(65), bytes(64) + b"\x1d", bytes(66)])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(MarketFormatError, match="signature"):
        request(id=RequestID(CLIENT, 0)).order_json(signature, CLIENT, 1)


def test_values_that_do_not_fit_the_contract_are_refused() -> None:
    makers: tuple[Callable[[], object], ...] = (
        lambda: RequestID(CLIENT, 2**32),
        lambda: RequestID(bytes(20), 1),
        lambda: RequestID(bytes(19), 1),
        lambda: Callback(CLIENT, 2**96),
        lambda: Callback(b"short", 1),
        lambda: Requirements(PrefixMatch(ImageID(bytes(32))), selector=b"abc"),
        lambda: ClaimDigestMatch(bytes(31)),
        lambda: dataclasses.replace(OFFER, max_price=1.5),  # type: ignore[arg-type]
        lambda: dataclasses.replace(OFFER, timeout=2**32),
    )
    for make in makers:
        with pytest.raises(MarketFormatError):
            make()


def test_prices_are_rounded_up() -> None:
    assert price_of_cycles(1_000_000, 7) == 7
    assert price_of_cycles(1, 7) == 1
    assert price_of_cycles(0, 7) == 0
    assert price_of_cycles(1_500_000, 10**12) == 15 * 10**11


@pytest.fixture(scope="module")
def run() -> Preflight:
    return preflight(FACTORS, ENV)


def test_a_run_tells_what_a_request_needs(run: Preflight) -> None:
    executed = FACTORS.execute(ENV).session
    assert run.image_id == FACTORS.image_id == methods.FACTORS_ID
    assert run.input == GuestEnv(ENV.input)
    assert run.journal == executed.journal
    assert run.claim_match.claim_digest == executed.claim
    assert run.cycles == sum(segment.cycles for segment in executed.segments) == executed.user_cycles
    for predicate in (run.digest_match, run.claim_match, run.prefix_match(), run.prefix_match(run.journal.bytes[:2])):
        predicate.check(run.image_id, run.journal.bytes)


def test_a_prefix_that_no_proof_would_have_is_refused(run: Preflight) -> None:
    with pytest.raises(ConfigError, match="no proof would fulfil"):
        run.prefix_match(run.journal.bytes + b"!")


def test_a_run_that_fulfils_no_request_is_refused() -> None:
    with pytest.raises(GuestPanicError):
        preflight(FACTORS, ExecutorEnv.builder().write(1, U64).write(23, U64).build())
    with pytest.raises(UnsupportedError):
        preflight(FACTORS, ExecutorEnv.builder().write(17, U64).write(23, U64).args(["a"]).build())


@pytest.mark.prove
def test_a_proof_made_here_is_of_the_claim_that_the_request_names(run: Preflight) -> None:
    receipt: Receipt = FACTORS.prove(run.input.env).receipt
    assert receipt.claim_digest == run.claim_match.claim_digest


def test_selectors_are_those_of_receipts() -> None:
    from tests.unit.receipt.test_evm import IMAGE_ID, JOURNAL, SEAL

    assert Receipt.from_evm_seal(SEAL, IMAGE_ID, JOURNAL).selector == GROTH16_V3_0
