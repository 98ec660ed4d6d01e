"""The remote prover against a real r0vm cluster: executes, simulated and real proving, processes that die midway.

The cluster keeps sessions in its manager's memory and does not give a dead worker's tasks to another one. So what is
asked of the client is that it never hangs, never believes a simulated proof, and comes back where there is something to
come back to.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.r0vm_cluster import Cluster, find_r0vm
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import (
    DeadlineError,
    FakeReceiptError,
    RemoteSessionError,
    RemoteUnavailableError,
    SessionLimitError,
)
from zkhost.methods import FACTORS_ELF, SHA256_ELF
from zkhost.provers import ApiKey, BonsaiProver, RemoteSettings, RetryPolicy
from zkhost.provers.options import ProverOpts

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RISC0_DEV_MODE", raising=False)
    monkeypatch.setenv("ZKHOST_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One that simulates proving, for tests that leave it as it is."""
    with Cluster(find_r0vm(), tmp_path_factory.mktemp("cluster"), slots=4) as cluster:
        yield cluster


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Cluster]:
    """One to be killed: proving takes a second."""
    with Cluster(find_r0vm(), tmp_path, prove_s=1.0) as cluster:
        yield cluster


def settings(cluster: Cluster, deadline_s: float = 120.0) -> RemoteSettings:
    return RemoteSettings(
        cluster.url,
        ApiKey("any"),
        timeout_s=60.0,
        deadline_s=deadline_s,
        retry=RetryPolicy(outage_s=20, server_error_s=1.5),
    )


@pytest.fixture
def prover(cluster: Cluster) -> Iterator[BonsaiProver]:
    with BonsaiProver(settings(cluster)) as prover:
        yield prover


def factors(a: int = 17, b: int = 23, more: bytes = b"") -> ExecutorEnv:
    return ExecutorEnv.builder().write_slice(a.to_bytes(8, "little") + b.to_bytes(8, "little") + more).build()


def product(data: bytes) -> int:
    return int.from_bytes(data, "little")


class TestExecute:
    def test_journal_and_cycles(self, prover: BonsaiProver) -> None:
        run = prover.execute(factors(), FACTORS_ELF)
        assert product(run.journal.bytes) == 391
        assert 1000 < run.user_cycles < 10_000
        assert run.total_cycles is not None
        assert run.total_cycles >= 2**15

    def test_session_limit(self, prover: BonsaiProver) -> None:
        """r0vm knows no limit; the client does."""
        env = ExecutorEnv.builder().write_slice(factors().input).session_limit(1000).build()
        with pytest.raises(SessionLimitError, match="over the limit of 1000"):
            prover.execute(env, FACTORS_ELF)

    def test_many_at_once(self, cluster: Cluster) -> None:
        async def main() -> list[int]:
            async with BonsaiProver(settings(cluster)) as prover:
                runs = await asyncio.gather(*(prover.aexecute(factors(n, 7), FACTORS_ELF) for n in range(2, 22)))
            return [product(run.journal.bytes) for run in runs]

        assert asyncio.run(main()) == [7 * n for n in range(2, 22)]


class TestSimulatedProof:
    def test_is_never_believed(self, prover: BonsaiProver, monkeypatch: pytest.MonkeyPatch) -> None:
        for dev_mode in ("0", "1"):
            monkeypatch.setenv("RISC0_DEV_MODE", dev_mode)
            with pytest.raises(FakeReceiptError, match="only simulates"):
                prover.prove(factors(), FACTORS_ELF)

    def test_several_segments(self, tmp_path: Path) -> None:
        """Lift and join run too."""
        env = ExecutorEnv.builder().write_slice(bytes(64 << 10)).build()
        with Cluster(find_r0vm(), tmp_path, po2=16) as cluster, BonsaiProver(settings(cluster)) as prover:
            session = prover.submit(env, SHA256_ELF)
            with pytest.raises(FakeReceiptError):
                prover.attach(session.id)
            stats = session.status().stats
        assert stats is not None
        assert stats.segments > 1

    def test_another_process_attaches(self, cluster: Cluster, prover: BonsaiProver, tmp_path: Path) -> None:
        """A process starts a session and is gone; the id it printed is enough here."""
        code = (
            "import sys\n"
            "from zkhost.environment.executor_env import ExecutorEnv\n"
            "from zkhost.provers import BonsaiProver\n"
            "env = ExecutorEnv.builder().write_slice(bytes.fromhex(sys.argv[1])).build()\n"
            "program = open(sys.argv[2], 'rb').read()\n"
            "print(BonsaiProver(url=sys.argv[3], key='any').submit(env, program).id)\n"
        )
        (tmp_path / "factors.bin").write_bytes(FACTORS_ELF)
        args = [factors().input.hex(), str(tmp_path / "factors.bin"), cluster.url]
        printed = subprocess.run(
            [sys.executable, "-c", code, *args], capture_output=True, text=True, check=True, timeout=60
        )
        with pytest.raises(FakeReceiptError):
            prover.attach(printed.stdout.strip())


class TestWhatR0vmLacks:
    def test_it_is_told(self, prover: BonsaiProver) -> None:
        session = prover.submit(factors(), FACTORS_ELF)
        assert (prover.versions(), prover.quotas(), session.logs(), session.stop()) == (None, None, None, False)

    def test_snark_stage(self, prover: BonsaiProver) -> None:
        with pytest.raises(RemoteUnavailableError, match="snark/create") as caught:
            prover.prove(factors(), FACTORS_ELF, ProverOpts.groth16())
        assert caught.value.session_id is not None
        assert prover.session(caught.value.session_id).status().status == "SUCCEEDED"


class TestKilledMidway:
    def test_worker(self, mortal: Cluster) -> None:
        """The task it had is lost, and the session with it: the deadline ends the wait. Others go on."""
        with BonsaiProver(settings(mortal, deadline_s=3)) as prover:
            session = prover.submit(factors(), FACTORS_ELF)
            time.sleep(0.5)
            mortal.kill_worker()
            mortal.start_worker()
            with pytest.raises(DeadlineError) as caught:
                prover.attach(session.id)
            assert caught.value.session_id == session.id
            # The manager gives as many tasks to the dead worker as it had slots; then all is well again.
            for _ in range(6):
                try:
                    assert product(prover.execute(factors(), FACTORS_ELF).journal.bytes) == 391
                    break
                except DeadlineError:
                    continue
            else:
                pytest.fail(f"the cluster did not recover\n{mortal.logs()[-2000:]}")

    def test_no_worker_yet(self, tmp_path: Path) -> None:
        cluster = Cluster(find_r0vm(), tmp_path)
        try:
            cluster.start_manager()
            threading.Timer(1.0, cluster.start_worker).start()
            with BonsaiProver(settings(cluster)) as prover:
                assert product(prover.execute(factors(), FACTORS_ELF).journal.bytes) == 391
        finally:
            cluster.__exit__()

    def test_manager(self, mortal: Cluster) -> None:
        with BonsaiProver(settings(mortal)) as prover:
            done = prover.submit(factors(), FACTORS_ELF)
            with pytest.raises(FakeReceiptError):
                prover.attach(done.id)
            running = prover.submit(factors(), FACTORS_ELF)
            time.sleep(0.3)
            mortal.kill_manager()
            threading.Timer(1.0, mortal.start_manager).start()
            threading.Timer(2.0, mortal.start_worker).start()

            # It waits for the manager to come back, and then learns that the session is not there any more.
            with pytest.raises(RemoteSessionError, match="does not know session") as caught:
                prover.attach(running.id)
            assert (caught.value.session_id, caught.value.status) == (running.id, "UNKNOWN")
            # What had finished is found in the storage, though the manager does not know it either.
            with pytest.raises(FakeReceiptError):
                prover.attach(done.id)
            # And life goes on.
            assert product(prover.execute(factors(), FACTORS_ELF).journal.bytes) == 391

    def test_manager_between_two_calls(self, mortal: Cluster) -> None:
        with BonsaiProver(settings(mortal)) as prover:
            assert product(prover.execute(factors(), FACTORS_ELF).journal.bytes) == 391
            mortal.kill_manager()
            threading.Timer(1.0, mortal.start_manager).start()
            threading.Timer(2.0, mortal.start_worker).start()
            assert product(prover.execute(factors(2, 3), FACTORS_ELF).journal.bytes) == 6
