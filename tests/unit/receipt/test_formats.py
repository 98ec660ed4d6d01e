"""Receipts in and out: five formats, bounded, whatever the bytes say."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import pytest

from zkhost import _shim, errors
from zkhost.image_id import ImageID
from zkhost.receipt import zkr
from zkhost.receipt.file_format import ReceiptFormat
from zkhost.receipt.receipt import Receipt


@pytest.mark.parametrize("format", ReceiptFormat)
def test_every_format_gives_the_same_receipt(receipt: Receipt, format: ReceiptFormat, tmp_path: Path) -> None:
    assert Receipt.from_bytes(receipt.to_bytes(format), format) == receipt
    file = tmp_path / f"receipt.{format}"
    receipt.dump(file)
    assert Receipt.load(file) == receipt
    receipt.dump(tmp_path / "named", format)
    assert Receipt.load(tmp_path / "named", format) == receipt
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_bincode_is_what_was_read(receipt: Receipt) -> None:
    assert receipt.to_bytes() == (Path(__file__).parent / "factors.bincode").read_bytes()


def test_pickling(receipt: Receipt) -> None:
    assert pickle.loads(pickle.dumps(receipt)) == receipt


def test_an_unknown_format_is_named(receipt: Receipt) -> None:
    with pytest.raises(errors.ConfigError, match="'xml'"):
        receipt.to_bytes("xml")


def test_an_error_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"no receipt")
    with pytest.raises(errors.ReceiptFormatError, match=r"x\.bin"):
        Receipt.load(tmp_path / "x.bin")


def test_the_size_is_bounded(receipt: Receipt, tmp_path: Path) -> None:
    receipt.dump(tmp_path / "big.bin")
    with pytest.raises(errors.ReceiptFormatError, match="1000 allowed"):
        Receipt.load(tmp_path / "big.bin", max_size=1000)


@pytest.mark.parametrize("format", ["bincode", "borsh", "json", "cbor"])
def test_trailing_bytes_are_refused(receipt: Receipt, format: str) -> None:
    with pytest.raises(errors.ReceiptFormatError):
        Receipt.from_bytes(receipt.to_bytes(format) + b"x", format)


def nested(format: str, levels: int) -> bytes:
    """Composites inside composites, without an end."""
    if format == "json":
        return b'{"inner":' + b'{"Composite":{"segments":[],"assumption_receipts":[' * levels
    if format == "cbor":
        level = b"\xa1\x69Composite\xa2\x68segments\x80\x73assumption_receipts\x81"
        return b"\xa1\x65inner" + level * levels
    length = 8 if format == "bincode" else 4
    tag = bytes(4) if format == "bincode" else bytes(1)
    return (tag + bytes(length) + (1).to_bytes(length, "little")) * levels


@pytest.mark.parametrize("format", ["bincode", "borsh", "json", "cbor"])
def test_deep_nesting_is_an_error_not_a_crash(format: str) -> None:
    with pytest.raises(errors.ReceiptFormatError) as caught:
        Receipt.from_bytes(nested(format, 300_000), format)
    assert any(said in caught.value.message for said in ("nested too deeply", "recursion limit", "RecursionLimit"))


@pytest.mark.parametrize("format", ["bincode", "borsh"])
@pytest.mark.parametrize("word", [2**31, 2**32 - 1, 2**63, 2**64 - 1])
def test_huge_length_words_are_errors(receipt: Receipt, format: str, word: int) -> None:
    width = 8 if format == "bincode" else 4
    data = bytearray(receipt.to_bytes(format))
    for at in (0, 1, 4, 8, 12, 20, len(data) // 2):
        mutated = data.copy()
        mutated[at : at + width] = (word & (2 ** (8 * width) - 1)).to_bytes(width, "little")
        try:
            Receipt.from_bytes(bytes(mutated), format)
        except errors.ReceiptFormatError:
            continue


def test_a_zkr_header_describes_and_is_not_believed(receipt: Receipt, image_id: ImageID) -> None:
    data = receipt.to_bytes("zkr")
    header = zkr.unpack(data)[0]
    assert header["risc0_version"] == _shim.build_info()["risc0_version"]
    assert (header["kind"], header["image_id"]) == ("composite", image_id.hex())
    for lie in (
        data.replace(b'"kind":"composite"', b'"kind":"succinct"1'[:-1] + b" "),
        data.replace(image_id.hex().encode(), b"0" * 64, 1),
        data[:-1],
        data + b"x",
        b"ZKR\x02" + data[4:],
        b"ZKR\x01\xff\xff\xff\xff" + data[8:],
        b"ZKR\x01\x02\0\0\0[]" + data[8:],
        b"ZKR\x01",
    ):
        with pytest.raises(errors.ReceiptFormatError):
            Receipt.from_bytes(lie, "zkr")


def test_a_zkr_of_another_risc0_says_so(receipt: Receipt) -> None:
    payload = receipt.to_bytes()[:-40]
    header = b'{"risc0_version":"9.9.9","kind":"composite","size":%d}' % len(payload)
    data = zkr.MAGIC + len(header).to_bytes(4, "little") + header + payload
    with pytest.raises(errors.VerifierVersionError, match=r"9\.9\.9") as caught:
        Receipt.from_bytes(data, "zkr")
    assert caught.value.got == "9.9.9"


@pytest.mark.slow
def test_ten_thousand_damaged_receipts_give_typed_errors(receipt: Receipt, image_id: ImageID) -> None:
    """Truncated, bit-flipped and random, through decoding and verification; none verifies but the honest bytes."""
    rng = random.Random(3)
    forms = {format: receipt.to_bytes(format) for format in ("bincode", "borsh", "json", "cbor")}
    for round_ in range(10_000):
        format = ("bincode", "borsh", "json", "cbor")[round_ % 4]
        honest = forms[format]
        if round_ % 10 < 4:
            data = honest[: rng.randrange(len(honest))]
        elif round_ % 10 < 7:
            data = rng.randbytes(rng.randrange(200))
        else:
            mutated = bytearray(honest)
            region = 200 if round_ % 2 else len(mutated)
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(region)
                mutated[-1 - at if round_ % 4 == 1 else at] ^= 1 << rng.randrange(8)
            data = bytes(mutated)
        if data == honest:
            continue
        try:
            damaged = Receipt.from_bytes(data, format)
            damaged.verify(image_id)
        except errors.ReceiptError:
            continue
        assert damaged == receipt, f"damaged bytes verified in round {round_}"
