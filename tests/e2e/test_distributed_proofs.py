"""One real proof by each prover that works on other machines: on a Dask cluster, and on an r0vm cluster by its REST API.

What these provers do when workers fail is tested with simulated proving, in test_dask.py and test_bonsai_cluster.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from tests.conftest import factors_env
from tests.e2e.r0vm_cluster import Cluster, find_r0vm
from zkhost import _shim
from zkhost.errors import RemoteSessionError
from zkhost.methods import FACTORS_ELF, FACTORS_ID
from zkhost.provers import ApiKey, BonsaiProver, DaskProver, RemoteSettings
from zkhost.receipt.claim import ReceiptKind
from zkhost.session import Phase, Progress

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1200)]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RISC0_DEV_MODE", raising=False)
    monkeypatch.setenv("ZKHOST_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def dask_client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(2)
        yield client


def test_on_a_dask_cluster(dask_client: Client, tmp_path: Path) -> None:
    events: list[Progress] = []
    prover = DaskProver(dask_client)
    info = prover.prove(factors_env(), FACTORS_ELF, on_progress=events.append, checkpoint=tmp_path / "work")
    assert int.from_bytes(info.receipt.journal.bytes, "little") == 391
    info.receipt.verify(FACTORS_ID)
    assert info.prover.name == "dask"
    assert info.stats is not None
    assert prover.stats.done == info.stats.segments == 1
    assert {Phase.EXECUTE, Phase.PROVE, Phase.VERIFY} <= {event.phase for event in events}
    again = prover.prove(factors_env(), FACTORS_ELF, checkpoint=tmp_path / "work")
    assert again.prover.name == "checkpoint"


def test_on_an_r0vm_cluster(tmp_path: Path) -> None:
    """A cluster makes succinct receipts. One built without risc0's recursion programs fails after a real segment."""
    with Cluster(find_r0vm(), tmp_path, prove_s=None) as cluster:
        settings = RemoteSettings(cluster.url, ApiKey("any"), timeout_s=60.0, deadline_s=1000.0)
        with BonsaiProver(settings) as prover:
            if _shim.build_info()["recursion"]:
                info = prover.prove(factors_env(), FACTORS_ELF)
                assert info.receipt.kind is ReceiptKind.SUCCINCT
                assert int.from_bytes(info.receipt.journal.bytes, "little") == 391
                info.receipt.verify(FACTORS_ID)
                return
            with pytest.raises(RemoteSessionError, match="ended with FAILED") as caught:
                prover.prove(factors_env(), FACTORS_ELF)
    assert caught.value.status == "FAILED"
    assert "recursion programs" in (caught.value.hint or "")
