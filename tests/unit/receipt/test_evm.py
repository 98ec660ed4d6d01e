"""Seals for smart contracts, against risc0-ethereum's public test receipt and the ABI's own library."""

from __future__ import annotations

import hashlib

import eth_abi.abi
import pytest
from Crypto.Hash import keccak

from zkhost.errors import (
    FakeReceiptError,
    InvalidSealError,
    ReceiptFormatError,
    UnsupportedError,
    VerificationError,
    VerifierVersionError,
)
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.evm import VERIFY_FUNCTION, VERIFY_SELECTOR, verify_calldata
from zkhost.receipt.receipt import Receipt
from zkhost.receipt.set_inclusion import SET_BUILDER_V0_9, SetInclusionReceipt
from zkhost.session import Journal

# contracts/test/TestReceiptV3_0.sol of risc0-ethereum: a groth16 receipt of risc0 3.0.
SEAL = bytes.fromhex(
    "73c457ba2ccb718fd9092cc11546eeded62a44d3ed274076dd3ec154fae8739f3432050b2005be2c5dbe6c08bfd04b30601a462540962bc2"
    "6a2f38c5cfc0a4d76d8f1b8015e690a1b230081234867edeedb2f98bcdf33d0471c2aa5e8db63b72333f871527eb5d1fcf0a7af50fb8f42e"
    "8699e2c4eda3cd93f4e2a930096ae78e38bea4020c5c3d963dc453b4b302170e47c0cf53382255143c8fcef474d8b6eaaa8daaaf092c2f65"
    "0809a3afbd122ef128cb882c2de7a6ccddd2e544b645fa3fedf6bcc92e09be04876a07778231fd5b93305d35fd8af23f040a11682a8c6413"
    "0370804f28f07a76fa538755276e42c04b5f7eb97b04b68b65fa50e3181a0452069a3667"
)
JOURNAL = b"just a simple receipt"
IMAGE_ID = "11d264ed8dfdee222b820f0278e4d7f55d4b69a5472253a471c102265a91ea1a"


def keccak_256(data: bytes) -> bytes:
    digest: bytes = keccak.new(data=data, digest_bits=256).digest()
    return digest


@pytest.fixture
def groth16() -> Receipt:
    return Receipt.from_evm_seal(SEAL, IMAGE_ID, JOURNAL)


def test_the_public_test_receipt_verifies_and_encodes_to_the_published_bytes(groth16: Receipt) -> None:
    assert groth16.kind is ReceiptKind.GROTH16
    groth16.verify(IMAGE_ID)
    assert len(SEAL) == 260
    assert groth16.evm_seal() == SEAL


@pytest.mark.parametrize("at", [4, 40, 259])
def test_a_changed_seal_does_not_verify(at: int) -> None:
    changed = bytearray(SEAL)
    changed[at] ^= 1
    with pytest.raises((InvalidSealError, ReceiptFormatError)):  # the latter where a point is off the curve
        Receipt.from_evm_seal(bytes(changed), IMAGE_ID, JOURNAL).verify(IMAGE_ID)


def test_valid_points_in_another_order_do_not_verify() -> None:
    a, b, c = SEAL[4:68], SEAL[68:196], SEAL[196:]
    with pytest.raises(InvalidSealError):
        Receipt.from_evm_seal(SEAL[:4] + c + b + a, IMAGE_ID, JOURNAL).verify(IMAGE_ID)


def test_another_journal_or_program_does_not_verify() -> None:
    with pytest.raises(VerificationError):
        Receipt.from_evm_seal(SEAL, IMAGE_ID, JOURNAL + b".").verify(IMAGE_ID)
    other = "22" + IMAGE_ID[2:]
    with pytest.raises(VerificationError):
        Receipt.from_evm_seal(SEAL, other, JOURNAL).verify(other)


def test_a_seal_of_another_version_names_both_selectors() -> None:
    with pytest.raises(VerifierVersionError) as caught:
        Receipt.from_evm_seal(bytes.fromhex("bb001d44") + SEAL[4:], IMAGE_ID, JOURNAL)
    assert (caught.value.expected, caught.value.got) == ("73c457ba", "bb001d44")


@pytest.mark.parametrize("seal", [b"", SEAL[:3], SEAL[:-1], SEAL + b"\0", b"\xff" * 4 + bytes(32)])
def test_what_is_no_seal_is_refused(seal: bytes) -> None:
    with pytest.raises(ReceiptFormatError):
        Receipt.from_evm_seal(seal, IMAGE_ID, JOURNAL)


def test_the_calldata_is_what_abi_encoders_write() -> None:
    digest = Journal(JOURNAL).digest
    assert digest == hashlib.sha256(JOURNAL).digest()
    assert keccak_256(VERIFY_FUNCTION.encode())[:4] == VERIFY_SELECTOR
    arguments = eth_abi.abi.encode(["bytes", "bytes32", "bytes32"], [SEAL, bytes.fromhex(IMAGE_ID), digest])
    assert verify_calldata(SEAL, IMAGE_ID, digest) == VERIFY_SELECTOR + arguments


def test_a_composite_receipt_has_no_seal(receipt: Receipt) -> None:
    with pytest.raises(UnsupportedError, match="composite"):
        receipt.evm_seal()


def fake(image_id: str, journal: bytes) -> Receipt:
    """A dev-mode receipt, as a mock verifier's seal says it."""
    claim = Receipt.from_evm_seal(SEAL, image_id, journal).claim_digest
    assert claim is not None
    return Receipt.from_evm_seal(b"\xff" * 4 + claim, image_id, journal)


def test_a_fake_seal_is_only_made_where_allowed() -> None:
    receipt = fake(IMAGE_ID, JOURNAL)
    assert receipt.kind is ReceiptKind.FAKE
    with pytest.raises(UnsupportedError, match="fake"):
        receipt.evm_seal()
    assert receipt.evm_seal(allow_fake=True) == b"\xff" * 4 + (receipt.claim_digest or b"")


# Set inclusion. The root's receipt is a fake one: only the set builder itself could make another.


def combine(a: bytes, b: bytes) -> bytes:
    return keccak_256(min(a, b) + max(a, b))


def inclusion(journal: bytes, siblings: list[bytes], *, root_seal: bytes | None = None) -> SetInclusionReceipt:
    claim = Receipt.from_evm_seal(SEAL, IMAGE_ID, journal).claim_digest or b""
    node = keccak_256(b"LEAF_TAG" * 2 + claim)
    for sibling in siblings:
        node = combine(node, sibling)
    state = bytes(SET_BUILDER_V0_9) + bytes([0x80]) + bytes(31) + node
    if root_seal is None:
        root_seal = fake(str(SET_BUILDER_V0_9), state).evm_seal(allow_fake=True)
    encoded = eth_abi.abi.encode(["(bytes32[],bytes)"], [(siblings, root_seal)])
    return SetInclusionReceipt(bytes.fromhex("242f9d5b") + encoded, Journal(journal))


@pytest.mark.parametrize("depth", [0, 1, 5])
def test_a_claim_in_a_proved_set_verifies(depth: int) -> None:
    receipt = inclusion(JOURNAL, [keccak_256(bytes([i])) for i in range(depth)])
    assert receipt.selector.hex() == "242f9d5b"
    assert receipt.verify(IMAGE_ID, allow_fake=True) is receipt
    with pytest.raises(FakeReceiptError):
        receipt.verify(IMAGE_ID, allow_fake=False)


def test_a_claim_that_is_not_in_the_set_does_not_verify() -> None:
    siblings = [keccak_256(b"a"), keccak_256(b"b")]
    honest = inclusion(JOURNAL, siblings)
    honest.verify(IMAGE_ID, allow_fake=True)
    for receipt, image_id in (
        (SetInclusionReceipt(honest.seal, Journal(b"another")), IMAGE_ID),
        (honest, "22" + IMAGE_ID[2:]),
        (SetInclusionReceipt(honest.seal.replace(siblings[0], siblings[1]), honest.journal), IMAGE_ID),
    ):
        with pytest.raises((VerificationError, ReceiptFormatError)):
            receipt.verify(image_id, allow_fake=True)


def test_a_set_without_a_proof_of_its_root_is_refused() -> None:
    with pytest.raises(VerificationError, match="no proof of its root"):
        inclusion(JOURNAL, [], root_seal=b"").verify(IMAGE_ID)


def test_another_set_builder_is_refused() -> None:
    seal = inclusion(JOURNAL, []).seal
    with pytest.raises(VerifierVersionError):
        SetInclusionReceipt(bytes.fromhex("0f63ffd5") + seal[4:], Journal(JOURNAL)).verify(IMAGE_ID, allow_fake=True)


@pytest.mark.parametrize("cut", [4, 40, 100, -1, -32])
def test_a_truncated_set_inclusion_seal_is_refused(cut: int) -> None:
    whole = inclusion(JOURNAL, [keccak_256(b"a")])
    with pytest.raises(ReceiptFormatError):
        SetInclusionReceipt(whole.seal[:cut], whole.journal).verify(IMAGE_ID, allow_fake=True)
