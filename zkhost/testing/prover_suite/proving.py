"""Proving for real: some 15 s a proof on two cores."""

from __future__ import annotations

import threading
import time

import pytest

from zkhost._cancel import CancelToken
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import CancelledError, GuestExitError, GuestPanicError
from zkhost.image_id import compute_image_id
from zkhost.provers.interface import Prover
from zkhost.provers.options import ProveInfo, ProverOpts
from zkhost.receipt.receipt import Receipt
from zkhost.session import Phase, Progress
from zkhost.testing.prover_suite.common import Guests, Suite, u32
from zkhost.testing.prover_suite.load import factors

_proofs: dict[type, ProveInfo] = {}


class ProvingSuite(Suite):
    """What a prover returns has been verified, and verifies again."""

    pytestmark = pytest.mark.prove

    @pytest.fixture
    def proof(self, prover: Prover, guests: Guests) -> ProveInfo:
        """A proof of `factors`, made once for a class of tests."""
        if type(self) not in _proofs:
            _proofs[type(self)] = prover.prove(factors(), guests["factors"])
        return _proofs[type(self)]

    def test_the_receipt_verifies(self, proof: ProveInfo, guests: Guests) -> None:
        image_id = compute_image_id(guests["factors"])
        proof.receipt.verify(image_id, allow_fake=False)
        assert int.from_bytes(proof.receipt.journal.bytes, "little") == 391
        Receipt.from_bytes(proof.receipt.to_bytes()).verify(image_id, allow_fake=False)

    def test_it_says_how_it_came_about(self, prover: Prover, proof: ProveInfo) -> None:
        assert proof.prover.name == prover.name
        assert all((proof.prover.where, proof.prover.version, proof.prover.reason))
        assert (proof.stats.segments, proof.stats.user_cycles > 0, proof.elapsed_s > 0) == (1, True, True)

    def test_what_is_small_enough_is_not_compressed(self, prover: Prover, proof: ProveInfo) -> None:
        assert prover.compress(proof.receipt, ProverOpts(proof.receipt.kind)) == proof.receipt
        assert prover.compress(proof.receipt, ProverOpts.composite()) == proof.receipt

    def test_failing_runs_are_not_proved(self, prover: Prover, guests: Guests) -> None:
        with pytest.raises(GuestExitError) as caught:
            prover.prove(ExecutorEnv.builder().write_slice(u32(3)).build(), guests["exit"])
        assert caught.value.exit_code == 3
        with pytest.raises(GuestPanicError):
            prover.prove(ExecutorEnv.builder().write_slice(u32(3)).build(), guests["panic"])

    def test_cancelling(self, prover: Prover, guests: Guests) -> None:
        token, cancelled = CancelToken(), []

        def cancel() -> None:
            cancelled.append(time.monotonic())
            token.cancel()

        def on_progress(now: Progress) -> None:
            if now.phase is Phase.PROVE:
                threading.Timer(1, cancel).start()

        with pytest.raises(CancelledError):
            prover.prove(factors(), guests["factors"], on_progress=on_progress, cancel=token)
        assert time.monotonic() - cancelled[0] < self.patience_s
