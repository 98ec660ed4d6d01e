"""Every kind of wrong receipt is refused, each by its own error."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from zkhost import _shim, errors
from zkhost.image_id import ImageID
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.policy import VerifyPolicy
from zkhost.receipt.receipt import DevModeWarning, Receipt


def changed(receipt: Receipt, change: Callable[[dict[str, Any]], object]) -> Receipt:
    """The receipt after a change to its JSON form."""
    data = json.loads(receipt.to_bytes("json"))
    change(data)
    return Receipt.from_bytes(json.dumps(data).encode(), "json")


def first_segment(data: dict[str, Any]) -> dict[str, Any]:
    segment: dict[str, Any] = data["inner"]["Composite"]["segments"][0]
    return segment


def test_the_honest_receipt_verifies(receipt: Receipt, image_id: ImageID) -> None:
    assert receipt.verify(image_id) is receipt
    for form in (bytes(image_id), image_id.hex(), image_id.words):
        assert receipt.verify(form) is receipt
    claim = receipt.verify_integrity()
    assert claim is not None
    assert claim.exit_code.ok
    assert receipt.kind is ReceiptKind.COMPOSITE
    assert receipt.journal.bytes == (391).to_bytes(8, "little")


def test_another_program(receipt: Receipt, image_id: ImageID) -> None:
    other = bytes(31) + b"\1"
    with pytest.raises(errors.ImageIDMismatchError) as caught:
        receipt.verify(other)
    assert (caught.value.expected, caught.value.found) == (other.hex(), image_id.hex())


@pytest.mark.parametrize(
    "journal", [b"", b"\x88" + bytes(7), b"\x87\x01" + bytes(7)], ids=["empty", "one bit", "one byte more"]
)
def test_another_journal(receipt: Receipt, image_id: ImageID, journal: bytes) -> None:
    forged = changed(receipt, lambda data: data["journal"].update(bytes=list(journal)))
    with pytest.raises(errors.JournalMismatchError):
        forged.verify(image_id)
    with pytest.raises(errors.JournalMismatchError):
        forged.verify_integrity()


@pytest.mark.parametrize("at", [0, 100, 20_000, -1])
def test_another_seal(receipt: Receipt, image_id: ImageID, at: int) -> None:
    def flip(data: dict[str, Any]) -> None:
        first_segment(data)["seal"][at] ^= 1

    with pytest.raises((errors.InvalidSealError, errors.ReceiptFormatError)):
        changed(receipt, flip).verify(image_id)


def test_a_claim_that_the_seal_does_not_prove(receipt: Receipt, image_id: ImageID) -> None:
    def lie(data: dict[str, Any]) -> None:
        first_segment(data)["claim"]["exit_code"] = {"Halted": 1}

    with pytest.raises(errors.InvalidSealError):
        changed(receipt, lie).verify(image_id)


def test_no_segments(receipt: Receipt, image_id: ImageID) -> None:
    empty = changed(receipt, lambda data: data["inner"]["Composite"].update(segments=[]))
    with pytest.raises(errors.ReceiptFormatError):
        empty.verify(image_id)


def test_a_segment_twice(receipt: Receipt, image_id: ImageID) -> None:
    def double(data: dict[str, Any]) -> None:
        data["inner"]["Composite"]["segments"] *= 2

    with pytest.raises(errors.VerificationError):
        changed(receipt, double).verify(image_id)


def test_other_verifier_parameters(receipt: Receipt, image_id: ImageID) -> None:
    def other(data: dict[str, Any]) -> None:
        data["inner"]["Composite"]["verifier_parameters"] = [0] * 8
        data["metadata"]["verifier_parameters"] = [0] * 8

    with pytest.raises(errors.VerifierVersionError) as caught:
        changed(receipt, other).verify(image_id)
    assert caught.value.got == "00" * 32
    assert caught.value.expected == _shim.build_info()["verifier_parameters"]["composite"].hex()


def test_metadata_that_contradicts_the_receipt(receipt: Receipt, image_id: ImageID) -> None:
    forged = changed(receipt, lambda data: data["metadata"].update(verifier_parameters=[1] * 8))
    with pytest.raises(errors.ReceiptFormatError):
        forged.verify(image_id)


def fake_of(receipt: Receipt) -> Receipt:
    """What dev mode would give for the same claim."""

    def fake(data: dict[str, Any]) -> None:
        claim = first_segment(data)["claim"]
        data["inner"] = {"Fake": {"claim": {"Value": claim}}}
        data["metadata"]["verifier_parameters"] = [0] * 8

    return changed(receipt, fake)


def test_a_fake_receipt(receipt: Receipt, image_id: ImageID, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = fake_of(receipt)
    assert fake.kind is ReceiptKind.FAKE
    monkeypatch.delenv("RISC0_DEV_MODE", raising=False)
    with pytest.raises(errors.FakeReceiptError):
        fake.verify(image_id)
    with pytest.raises(errors.FakeReceiptError):
        fake.verify_integrity()
    with pytest.warns(DevModeWarning, match="proves nothing"):
        fake.verify(image_id, allow_fake=True)
    with pytest.raises(errors.ImageIDMismatchError):
        fake.verify(bytes(32), allow_fake=True)

    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    with pytest.warns(DevModeWarning):
        fake.verify(image_id)
    with pytest.raises(errors.FakeReceiptError):
        fake.verify(image_id, allow_fake=False)
    with pytest.raises(errors.FakeReceiptError):
        fake.verify(image_id, policy=VerifyPolicy())
    with pytest.warns(DevModeWarning):
        fake.verify(image_id, policy=VerifyPolicy(allow_fake=True))


def test_a_fake_receipt_inside_another(receipt: Receipt, image_id: ImageID) -> None:
    def smuggle(data: dict[str, Any]) -> None:
        claim = {"Pruned": [0] * 8}
        data["inner"]["Composite"]["assumption_receipts"] = [{"Fake": {"claim": claim}}]

    with pytest.raises(errors.FakeReceiptError):
        changed(receipt, smuggle).verify(image_id)


def test_a_policy(receipt: Receipt, image_id: ImageID) -> None:
    assert VerifyPolicy(image_ids=[image_id.hex()]).verify(receipt) is receipt
    receipt.verify(image_id, policy=VerifyPolicy(kinds=["composite"], max_size=len(receipt.to_bytes())))
    for policy, said in [
        (VerifyPolicy(image_ids=[bytes(32)]), "does not accept program"),
        (VerifyPolicy(kinds=["succinct"]), "accepts succinct"),
        (VerifyPolicy(max_size=10), "accepts 10"),
        (VerifyPolicy(verifier_parameters=[bytes(32)]), "verifier parameters"),
    ]:
        with pytest.raises(errors.PolicyError, match=said):
            receipt.verify(image_id, policy=policy)
    with pytest.raises(errors.PolicyError, match="names no image IDs"):
        VerifyPolicy().verify(receipt)
    with pytest.raises(errors.ConfigError, match="contradicts"):
        receipt.verify(image_id, policy=VerifyPolicy(), allow_fake=True)


def test_the_environment_changes_nothing_for_honest_receipts(
    receipt: Receipt, image_id: ImageID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        receipt.verify(image_id)
    with pytest.raises(errors.ImageIDMismatchError):
        receipt.verify(bytes(32))
