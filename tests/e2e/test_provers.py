"""Every prover passes one suite: in process, on a real r0vm, and on an r0vm cluster that speaks the Bonsai API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import GUEST_METHODS
from tests.e2e.r0vm_cluster import Cluster, find_r0vm
from zkhost.provers import ApiKey, BonsaiProver, RemoteSettings
from zkhost.provers.ipc import IpcProver
from zkhost.provers.local import LocalProver
from zkhost.testing.prover_suite import ProverSuite, ProvingSuite


@pytest.fixture(scope="module")
def local() -> LocalProver:
    return LocalProver()


@pytest.fixture(scope="module")
def ipc() -> IpcProver:
    return IpcProver()


@pytest.fixture(scope="module")
def bonsai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BonsaiProver]:
    folder = tmp_path_factory.mktemp("cluster")
    with Cluster(find_r0vm(), folder, slots=4) as cluster, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZKHOST_STATE_DIR", str(folder / "state"))
        settings = RemoteSettings(cluster.url, ApiKey("any"), timeout_s=60.0, deadline_s=300.0)
        with BonsaiProver(settings) as prover:
            yield prover


class OnThisMachine:
    guest_methods = GUEST_METHODS

    @pytest.fixture
    def prover(self, local: LocalProver) -> LocalProver:
        return local


class OnR0vm:
    guest_methods = GUEST_METHODS

    @pytest.fixture
    def prover(self, ipc: IpcProver) -> IpcProver:
        return ipc


class TestLocal(OnThisMachine, ProverSuite):
    pass


class TestIpc(OnR0vm, ProverSuite):
    pass


@pytest.mark.slow
class TestBonsai(ProverSuite):
    guest_methods = GUEST_METHODS
    patience_s = 7.0  # the server is asked to stop the session, and is given time for that
    input_mib = 250  # r0vm's limit

    @pytest.fixture
    def prover(self, bonsai: BonsaiProver) -> BonsaiProver:
        return bonsai


class TestLocalProofs(OnThisMachine, ProvingSuite):
    pass


class TestIpcProofs(OnR0vm, ProvingSuite):
    pass
