"""Compressing alike in process and on r0vm: what is small enough is left as it is, whatever the build can make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zkhost.errors import FakeReceiptError, RecursionUnavailableError
from zkhost.provers.ipc import IpcProver
from zkhost.provers.local import LocalProver
from zkhost.provers.options import ProverOpts
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import Receipt

RECEIPT = Path(__file__).parents[1] / "receipt" / "factors.bincode"


class Succinct(Receipt):
    """Looks like a succinct receipt to who decides whether there is work to do, and verifies as what it is."""

    kind = ReceiptKind.SUCCINCT


@pytest.fixture(params=[LocalProver, IpcProver])
def prover(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A prover without the recursion programs."""
    prover = request.param()
    monkeypatch.setattr(prover.worker, "has_recursion", lambda: False)
    return prover


def test_a_composite_receipt_stays_composite(prover: Any) -> None:
    receipt = Receipt.load(RECEIPT)
    assert prover.compress(receipt, ProverOpts.composite()) == receipt


def test_a_succinct_receipt_stays_succinct(prover: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    receipt, asked = Succinct(Receipt.load(RECEIPT).to_bytes()), []

    def compress(data: bytes, kind: ReceiptKind, cancel: object) -> bytes:
        asked.append(kind)
        return data

    monkeypatch.setattr(prover.worker, "compress", compress)
    for opts in (ProverOpts.composite(), ProverOpts.succinct()):
        assert prover.compress(receipt, opts).to_bytes() == receipt.to_bytes()
    assert asked == [ReceiptKind.COMPOSITE, ReceiptKind.SUCCINCT], "the worker, which knows best, found nothing to do"


def test_what_needs_the_recursion_programs_is_refused(prover: Any) -> None:
    """Before anything is asked of the worker, whatever this build has."""
    prover.worker.compress = None
    for kind in (ReceiptKind.SUCCINCT, ReceiptKind.GROTH16):
        with pytest.raises(RecursionUnavailableError, match="recursion programs"):
            prover.compress(Receipt.load(RECEIPT), ProverOpts(kind))


def test_a_fake_receipt_is_refused(prover: Any, guests: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    from zkhost.environment.executor_env import ExecutorEnv

    env = ExecutorEnv.builder().write_slice(b"x").build()
    with pytest.warns(UserWarning, match="fake"):
        fake = LocalProver().prove(env, guests["echo"], ProverOpts(ReceiptKind.FAKE)).receipt
    for kind in (ReceiptKind.COMPOSITE, ReceiptKind.SUCCINCT):
        with pytest.raises(FakeReceiptError):
            prover.compress(fake, ProverOpts(kind))
