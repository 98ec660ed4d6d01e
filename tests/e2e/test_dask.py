"""DaskProver on a real Dask cluster of processes: simulated proofs with workers that are killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import dask
import pytest
from distributed import Client, LocalCluster

from zkhost import _shim
from zkhost._cancel import CancelToken
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import (
    CancelledError,
    ConfigError,
    GuestPanicError,
    ProverUnavailableError,
    RecursionUnavailableError,
)
from zkhost.provers import DaskProver
from zkhost.provers.dask.farm import Farm
from zkhost.provers.dask.pool import DaskPool
from zkhost.provers.dask.spread import OnJob, Spread
from zkhost.provers.options import ProverOpts
from zkhost.provers.select import default_prover
from zkhost.provers.storage.checkpoint import SegmentStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
cloudpickle.register_pickle_by_value(sys.modules[__name__])

FACTORS = ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    options = {"distributed.scheduler.allowed-failures": 20}
    with (
        dask.config.set(options),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2)
        yield client


def asleep(operation: str, inputs: Sequence[bytes]) -> bytes:
    """Proving a segment takes 0.2 s; a join checks that its parts touch."""
    time.sleep(0.2)
    if operation == "join":
        (a, b), (c, d) = ([int(part) for part in one.split(b"-")] for one in inputs)
        assert b == c, "only neighbours are joined"
        return b"%d-%d" % (a, d)
    return b"%d-%d" % (int(inputs[0]), int(inputs[0]) + 1)


def executing(count: int) -> Callable[[Path, OnJob], Mapping[str, Any]]:
    def execute(spool: Path, on_job: OnJob) -> Mapping[str, Any]:
        for index in range(count):
            (spool / f"{index}.bincode").write_bytes(b"%d" % index)
            on_job("segment", index)
        return {}

    return execute


def spread(client: Client, store: SegmentStore, count: int, cancel: CancelToken) -> Spread:
    farm = Farm(DaskPool(client, asleep), tries=20)
    proof = Spread(store, farm, lambda operation, receipt: None, succinct=True, starve_s=300.0)
    work = proof.run(executing(count), cancel)
    loop: Any = client.loop  # on asyncio, which its type does not say
    asyncio.run_coroutine_threadsafe(work, loop.asyncio_loop).result()
    return proof


def test_killed_workers_cost_time_and_nothing_else(cluster: LocalCluster, client: Client) -> None:
    ended, kills = threading.Event(), 0

    def kill() -> None:
        nonlocal kills
        while kills < 3 and not ended.wait(2.0):
            working = set(client.scheduler_info()["workers"])
            running = [nanny.pid for nanny in cluster.workers.values() if nanny.pid and nanny.worker_address in working]
            if running:
                os.kill(random.choice(running), signal.SIGKILL)
                kills += 1

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with SegmentStore.temporary() as store:
            assert spread(client, store, 24, CancelToken()).root() == b"0-24"
    finally:
        ended.set()
        killer.join()
    assert kills >= 1
    client.wait_for_workers(2)


def test_cancelling_gives_control_back_and_leaves_no_task(client: Client) -> None:
    token = CancelToken()
    threading.Timer(1.0, token.cancel).start()
    start = time.monotonic()
    with SegmentStore.temporary() as store, pytest.raises(CancelledError):
        spread(client, store, 10_000, token)
    assert time.monotonic() - start < 30
    deadline = time.monotonic() + 10
    while client.scheduler_info()["workers"] and any(client.processing().values()):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_prover_from_before_a_fork_is_refused(client: Client, guests: Mapping[str, bytes]) -> None:
    """Its connection, and the threads that serve it, are the parent's."""
    prover = DaskProver(client)
    pid = os.fork()
    if pid == 0:
        try:
            prover.prove(FACTORS, guests["factors"])
        except ProverUnavailableError as error:
            os._exit(0 if "spawn" in str(error.hint) else 2)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_panicking_guest_is_reported_as_everywhere(client: Client, guests: Mapping[str, bytes]) -> None:
    with pytest.raises(GuestPanicError):
        DaskProver(client).prove(ExecutorEnv.builder().write_slice(b"short").build(), guests["factors"])


def test_succinct_receipts_are_made_or_refused_at_once(client: Client, guests: Mapping[str, bytes]) -> None:
    prover = DaskProver(client)
    if _shim.build_info()["recursion"]:
        env = ExecutorEnv.builder().write_slice((1000).to_bytes(8, "little")).segment_limit_po2(14).build()
        info = prover.prove(env, guests["burn"], ProverOpts.succinct())
        assert str(info.receipt.kind) == "succinct"
    else:
        start = time.monotonic()
        with pytest.raises(RecursionUnavailableError):
            prover.prove(FACTORS, guests["factors"], ProverOpts.succinct())
        assert time.monotonic() - start < 30
        assert prover.stats.started == 0


def test_the_environment_chooses_it(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RISC0_PROVER", "RISC0_DEV_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZKHOST_DASK_ADDRESS", cluster.scheduler_address)
    prover = default_prover()
    assert isinstance(prover, DaskProver)
    assert prover.info.reason == f"ZKHOST_DASK_ADDRESS={cluster.scheduler_address}"
    prover.close()
    monkeypatch.setenv("RISC0_PROVER", "local")
    assert default_prover().name == "local"


def test_no_scheduler_is_an_error_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}), pytest.raises(ProverUnavailableError):
        DaskProver("tcp://127.0.0.1:9")


def test_bad_options(client: Client) -> None:
    with pytest.raises(ConfigError, match="in_flight is 0"):
        DaskProver(client, in_flight=0)
