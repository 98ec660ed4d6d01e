"""What provers deliver is verified before it is handed over: the seal, against the program and what was required."""

from __future__ import annotations

import hashlib
import json

import eth_abi.abi
import pytest

from tests.unit.receipt.test_evm import IMAGE_ID, JOURNAL, SEAL, fake, inclusion
from zkhost.boundless import (
    GROTH16_V3_0,
    SET_INCLUSION_V0_9,
    ClaimDigestMatch,
    DigestMatch,
    Fulfillment,
    Predicate,
    PrefixMatch,
    Requirements,
)
from zkhost.errors import (
    FakeReceiptError,
    ImageIDMismatchError,
    InvalidSealError,
    JournalMismatchError,
    MarketFormatError,
    ReceiptFormatError,
    VerificationError,
    VerifierVersionError,
)
from zkhost.image_id import ImageID
from zkhost.receipt.receipt import Receipt
from zkhost.receipt.set_inclusion import SetInclusionReceipt

PROGRAM = ImageID(IMAGE_ID)
OTHER = ImageID("22" + IMAGE_ID[2:])
JOURNAL_MATCH = DigestMatch(PROGRAM, hashlib.sha256(JOURNAL).digest())
ANY_JOURNAL = Requirements(PrefixMatch(PROGRAM))
DELIVERED = Fulfillment(SEAL, PROGRAM, JOURNAL)


@pytest.mark.parametrize(
    "predicate",
    [JOURNAL_MATCH, PrefixMatch(PROGRAM), PrefixMatch(PROGRAM, b"just a"), ClaimDigestMatch.of(PROGRAM, JOURNAL)],
    ids=["digest", "any journal", "prefix", "claim"],
)
@pytest.mark.parametrize("selector", [bytes(4), GROTH16_V3_0])
def test_a_groth16_proof_that_fulfils_the_request_is_handed_over(predicate: Predicate, selector: bytes) -> None:
    receipt = DELIVERED.verify(Requirements(predicate, selector))
    assert isinstance(receipt, Receipt)
    assert receipt.journal.bytes == JOURNAL


@pytest.mark.parametrize(
    ("predicate", "error"),
    [
        (DigestMatch(PROGRAM, bytes(32)), JournalMismatchError),
        (DigestMatch(OTHER, hashlib.sha256(JOURNAL).digest()), ImageIDMismatchError),
        (PrefixMatch(PROGRAM, b"just b"), JournalMismatchError),
        (PrefixMatch(PROGRAM, JOURNAL + b"."), JournalMismatchError),
        (PrefixMatch(OTHER), ImageIDMismatchError),
        (ClaimDigestMatch(bytes(32)), VerificationError),
        (ClaimDigestMatch.of(OTHER, JOURNAL), VerificationError),
    ],
)
def test_a_valid_proof_of_something_else_is_refused(predicate: Predicate, error: type[VerificationError]) -> None:
    with pytest.raises(error):
        DELIVERED.verify(Requirements(predicate))


def test_a_journal_or_program_that_was_not_proved_is_refused_though_the_predicate_holds() -> None:
    with pytest.raises(InvalidSealError):
        Fulfillment(SEAL, PROGRAM, JOURNAL + b"!").verify(ANY_JOURNAL)
    with pytest.raises(InvalidSealError):
        Fulfillment(SEAL, OTHER, JOURNAL).verify(Requirements(PrefixMatch(OTHER)))
    changed = SEAL[:40] + bytes([SEAL[40] ^ 1]) + SEAL[41:]
    with pytest.raises((InvalidSealError, ReceiptFormatError)):
        Fulfillment(changed, PROGRAM, JOURNAL).verify(ANY_JOURNAL)


def test_a_seal_that_was_delivered_alone_needs_what_it_is_a_proof_of() -> None:
    alone = Fulfillment(SEAL)
    claim = Requirements(ClaimDigestMatch.of(PROGRAM, JOURNAL))
    assert alone.verify(claim, image_id=PROGRAM, journal=JOURNAL).journal.bytes == JOURNAL
    with pytest.raises(VerificationError, match="alone"):
        alone.verify(claim)
    with pytest.raises(VerificationError, match="claim"):
        alone.verify(claim, image_id=PROGRAM, journal=b"another")
    with pytest.raises(VerificationError, match="requires program and journal"):
        alone.verify(ANY_JOURNAL, image_id=PROGRAM, journal=JOURNAL)


def test_what_the_caller_expects_must_be_what_was_delivered() -> None:
    DELIVERED.verify(ANY_JOURNAL, image_id=PROGRAM, journal=JOURNAL)
    with pytest.raises(VerificationError, match="another program"):
        DELIVERED.verify(ANY_JOURNAL, image_id=OTHER)
    with pytest.raises(VerificationError, match="another journal"):
        DELIVERED.verify(ANY_JOURNAL, journal=b"")


def test_the_seal_must_be_for_the_verifier_that_was_required() -> None:
    with pytest.raises(VerifierVersionError) as caught:
        DELIVERED.verify(Requirements(JOURNAL_MATCH, SET_INCLUSION_V0_9))
    assert (caught.value.expected, caught.value.got) == ("242f9d5b", "73c457ba")
    with pytest.raises(VerifierVersionError, match="Blake3"):
        Fulfillment(bytes.fromhex("62f049f6") + SEAL[4:], PROGRAM, JOURNAL).verify(ANY_JOURNAL)


def test_a_path_into_a_proved_set_is_verified() -> None:
    path = inclusion(JOURNAL, [bytes([7] * 32)])
    delivered = Fulfillment(path.seal, PROGRAM, JOURNAL)
    for selector in (bytes(4), SET_INCLUSION_V0_9):
        receipt = delivered.verify(Requirements(JOURNAL_MATCH, selector), allow_fake=True)
        assert isinstance(receipt, SetInclusionReceipt)
        assert receipt.journal.bytes == JOURNAL
    with pytest.raises((VerificationError, ReceiptFormatError)):
        Fulfillment(path.seal, PROGRAM, b"another").verify(ANY_JOURNAL, allow_fake=True)


def test_a_path_without_the_roots_proof_needs_it() -> None:
    path = inclusion(JOURNAL, [], root_seal=b"")
    delivered = Fulfillment(path.seal, PROGRAM, JOURNAL)
    with pytest.raises(VerificationError, match="no proof of its root"):
        delivered.verify(Requirements(JOURNAL_MATCH), allow_fake=True)


def test_fakes_are_refused_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    delivered = Fulfillment(fake(IMAGE_ID, JOURNAL).evm_seal(allow_fake=True), PROGRAM, JOURNAL)
    with pytest.raises(FakeReceiptError):
        delivered.verify(Requirements(JOURNAL_MATCH))
    with pytest.warns(UserWarning, match="proves nothing"):
        delivered.verify(Requirements(JOURNAL_MATCH), allow_fake=True)


def test_what_the_command_line_prints_is_verified_for_real() -> None:
    words = json.dumps({"ImageIdAndJournal": [list(PROGRAM.words), f"0x{JOURNAL.hex()}"]}, indent=2)
    printed = f'Fetching Proof\n\nFulfillment Data:\n{words}\n\nSeal:\n"0x{SEAL.hex()}"\n'
    assert Fulfillment.from_cli(printed) == DELIVERED
    for damaged in (
        "",
        printed.replace("Seal:", "Sea:"),
        printed.replace("ImageIdAndJournal", "JournalOnly"),
        printed.replace(f"{PROGRAM.words[0]}", f"{2**32}"),
        printed.replace(f'"0x{SEAL.hex()}"', f'"0x{SEAL.hex()}'),
        printed.replace("0x", "0y"),
    ):
        with pytest.raises(MarketFormatError):
            Fulfillment.from_cli(damaged)


@pytest.mark.parametrize("journal", [b"", b"a", JOURNAL, bytes(32), bytes(33)])
def test_the_contracts_data_is_read_as_abi_encoders_write_it(journal: bytes) -> None:
    data = eth_abi.abi.encode(["(bytes32,bytes)"], [(bytes(PROGRAM), journal)])
    assert Fulfillment.from_contract(1, data, SEAL) == Fulfillment(SEAL, PROGRAM, journal)
    for damaged in (data[:-1], data + b"\0", data + bytes(32), bytes(32) + data[32:], data[:96], b""):
        with pytest.raises(MarketFormatError):
            Fulfillment.from_contract(1, damaged, SEAL)
    if len(journal) % 32:
        with pytest.raises(MarketFormatError):
            Fulfillment.from_contract(1, data[:-1] + b"\1", SEAL)


def test_other_kinds_of_data_are_refused() -> None:
    assert Fulfillment.from_contract(0, b"", SEAL) == Fulfillment(SEAL)
    with pytest.raises(MarketFormatError):
        Fulfillment.from_contract(0, b"\0", SEAL)
    with pytest.raises(MarketFormatError, match="2"):
        Fulfillment.from_contract(2, b"", SEAL)
