"""What every prover of zkhost must do, as tests: the project's own provers pass them, and yours can.

    @pytest.fixture(scope="module")
    def prover():
        return MyProver()

    class TestMyProver(ProverSuite):
        guest_methods = Path("zkhost/guest-methods")

The guests it runs are in zkhost's source tree and are built from there; `guest_methods` is their folder. What a
prover cannot do it lists in its attribute `lacks` (see `zkhost.provers.features`); then its refusal is what is tested.
Tests that take long have the mark `slow`. ProvingSuite makes real proofs and has the mark `prove`.
"""

from __future__ import annotations

# ruff: noqa: E402  pytest shows what an assert compared only in modules registered before they are imported
import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in ("io", "endings", "load", "proving", "common")))

from zkhost.testing.prover_suite.common import build_guests
from zkhost.testing.prover_suite.endings import Endings
from zkhost.testing.prover_suite.io import InputOutput
from zkhost.testing.prover_suite.load import Load
from zkhost.testing.prover_suite.proving import ProvingSuite

__all__ = ["ProverSuite", "ProvingSuite", "build_guests"]


class ProverSuite(InputOutput, Endings, Load):
    """Executing: the guest's I/O, how runs end, limits, sizes, threads, cancelling, leaks."""
