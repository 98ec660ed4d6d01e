"""A real receipt: risc0 3.0.6 proved that `factors` committed 17 x 23. It needs no guest to be verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkhost.image_id import ImageID
from zkhost.receipt.receipt import Receipt

FACTORS = Path(__file__).parent / "factors.bincode"


@pytest.fixture(scope="session")
def receipt() -> Receipt:
    return Receipt.load(FACTORS)


@pytest.fixture(scope="session")
def image_id(receipt: Receipt) -> ImageID:
    """The program that the receipt proves; a claim's word is good enough for tests of everything else."""
    assert receipt.claim is not None
    return receipt.claim.image_id
