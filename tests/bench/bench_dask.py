"""How well a Dask cluster is used, and how it bears losses.

    python tests/bench/bench_dask.py simulated [--segments 5000] [--workers 200] [--seconds 1]
    python tests/bench/bench_dask.py losses [--segments 120] [--seconds 0.5] [--every 3]
    python tests/bench/bench_dask.py real BURN.bin [--cycles 10000] [--po2 14]

simulated: proving is a sleep; as many places as workers, in a few processes; the guest's run is simulated too (files of
--bytes each). Ideal is segments x seconds / workers. losses: a worker is killed (-9) every few seconds. real: the same
proof by the local prover with two threads, and by two workers of one thread each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster

from zkhost._cancel import CancelToken
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.provers import DaskProver
from zkhost.provers.dask.farm import Farm
from zkhost.provers.dask.pool import DaskPool
from zkhost.provers.dask.spread import OnJob, Spread
from zkhost.provers.local import LocalProver
from zkhost.provers.storage.checkpoint import SegmentStore


def asleep(operation: str, inputs: Sequence[bytes]) -> bytes:
    """A worker's job: the first 8 bytes of a segment are the seconds that proving it takes, in microseconds."""
    time.sleep(int.from_bytes(inputs[0][:8], "little") / 1e6)
    return inputs[0][:8] + bytes(200_000)


def executing(count: int, seconds: float, size: int) -> Callable[[Path, OnJob], Mapping[str, Any]]:
    head = int(seconds * 1e6).to_bytes(8, "little")

    def execute(spool: Path, on_job: OnJob) -> Mapping[str, Any]:
        for index in range(count):
            (spool / f"{index}.bincode").write_bytes(head + index.to_bytes(8, "little") + bytes(size - 16))
            on_job("segment", index)
        return {}

    return execute


class Memory:
    """This process's memory over time: scheduler and client live in it."""

    def __init__(self) -> None:
        self.samples: list[float] = []
        self._stop = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self._stop.wait(0.5):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.samples.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)

    def report(self) -> dict[str, float]:
        self._stop.set()
        third = max(1, len(self.samples) // 3)
        return {"first_third_mb": max(self.samples[:third]), "last_third_mb": max(self.samples[-third:])}


def run(client: Client, args: argparse.Namespace, tries: int = 4) -> dict[str, Any]:
    farm = Farm(DaskPool(client, asleep), tries=tries)
    memory = Memory()
    with SegmentStore.temporary() as store:
        proof = Spread(store, farm, lambda operation, receipt: None, starve_s=300.0)
        work = proof.run(executing(args.segments, args.seconds, args.bytes), CancelToken())
        start = time.monotonic()
        loop: Any = client.loop  # on asyncio, which its type does not say
        asyncio.run_coroutine_threadsafe(work, loop.asyncio_loop).result()
        elapsed = time.monotonic() - start
        assert store.missing() == []
    return {"elapsed_s": elapsed, "stats": vars(farm.stats), "memory": memory.report()}


def simulated(args: argparse.Namespace) -> dict[str, Any]:
    processes = min(args.workers, 4)
    threads = args.workers // processes
    with cluster(processes, threads) as local, Client(local) as client:
        result = run(client, args)
    ideal = args.segments * args.seconds / (processes * threads)
    return {"ideal_s": ideal, "of_ideal": ideal / result["elapsed_s"], **result}


def losses(args: argparse.Namespace) -> dict[str, Any]:
    kills = 0
    done = threading.Event()

    def killer(local: LocalCluster) -> None:
        nonlocal kills
        while not done.wait(args.every):
            working = set(local.scheduler_info["workers"])
            running = [nanny.pid for nanny in local.workers.values() if nanny.pid and nanny.worker_address in working]
            if running:
                os.kill(random.choice(running), signal.SIGKILL)
                kills += 1

    with cluster(2, 1) as local, Client(local) as client:
        threading.Thread(target=killer, args=(local,), daemon=True).start()
        result = run(client, args, tries=20)
        done.set()
    return {"kills": kills, "ideal_s": args.segments * args.seconds / 2, **result}


def real(args: argparse.Namespace) -> dict[str, Any]:
    program = Path(args.program).read_bytes()
    env = ExecutorEnv.builder().write_slice(args.cycles.to_bytes(8, "little")).segment_limit_po2(args.po2).build()
    with cluster(2, 1, RAYON_NUM_THREADS="1") as local, Client(local) as client:
        spread = DaskProver(client).prove(env, program)
    alone = LocalProver().prove(env, program)
    result = {"segments": alone.stats.segments, "local_s": alone.elapsed_s, "dask_s": spread.elapsed_s}
    return {**result, "throughput": alone.elapsed_s / spread.elapsed_s}


def cluster(processes: int, threads: int, **variables: str) -> LocalCluster:
    environment = {**dask.config.get("distributed.nanny.environ"), **variables}
    options = {
        "distributed.nanny.environ": environment,
        "distributed.scheduler.allowed-failures": 20,
    }
    with dask.config.set(options):
        return LocalCluster(n_workers=processes, threads_per_worker=threads, dashboard_address=None, memory_limit=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["simulated", "losses", "real"])
    parser.add_argument("program", nargs="?")
    parser.add_argument("--segments", type=int, default=0)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--bytes", type=int, default=200_000)
    parser.add_argument("--every", type=float, default=3.0)
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--po2", type=int, default=14)
    args = parser.parse_args()
    # Else scheduler and client keep their last thousand messages, segments and all: see docs/scale.md.
    dask.config.set({"distributed.admin.low-level-log-length": 0})
    args.segments = args.segments or (120 if args.what == "losses" else 5000)
    args.seconds = args.seconds or (0.5 if args.what == "losses" else 1.0)
    print(json.dumps({"simulated": simulated, "losses": losses, "real": real}[args.what](args), indent=1))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
