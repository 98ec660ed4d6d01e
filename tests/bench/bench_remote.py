"""What the remote client adds: time over the server's own, and memory for 200 sessions in flight in one process.

    python tests/bench/bench_remote.py [--sessions 200] [--json]

The server is a real r0vm cluster on loopback that simulates proving (see tests/e2e/r0vm_cluster.py; RISC0_SERVER_PATH
names r0vm), so each receipt ends in FakeReceiptError once it is downloaded and refused: all of the client's work is in.

overhead: `prove` of one session after the other, less the server's elapsed_time, as a ratio to the poll interval at
that age (aim: at most 1, and what uploading and verifying take). memory: the peak of a process of its own that proves
`--sessions` at once, of which the baseline is what it has after its imports (aim: peak at most 150 MB).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.e2e.r0vm_cluster import Cluster, find_r0vm
from zkhost import _shim
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import FakeReceiptError
from zkhost.methods import FACTORS_ELF
from zkhost.provers import ApiKey, BonsaiProver, RemoteSettings
from zkhost.provers.bonsai.polling import Polling
from zkhost.session import Progress

AIM_MB = 150


def env(number: int) -> ExecutorEnv:
    """A different input for each session."""
    return ExecutorEnv.builder().write_slice(number.to_bytes(8, "little") + (23).to_bytes(8, "little")).build()


def overhead(prove_s: float, runs: int) -> dict[str, Any]:
    """How much longer `prove` takes than the server says it took, in seconds."""
    added, waited, server = [], [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(find_r0vm(), Path(folder), prove_s=prove_s) as cluster,
        BonsaiProver(RemoteSettings(cluster.url, ApiKey("any"))) as prover,
    ):
        for number in range(runs + 1):
            marks: dict[str, float] = {}

            def look(step: Progress, marks: dict[str, float] = marks) -> None:
                marks.setdefault(step.phase, time.perf_counter())

            started = time.perf_counter()
            session = prover.submit(env(number + 2), FACTORS_ELF)
            submitted = time.perf_counter()
            with contextlib.suppress(FakeReceiptError):
                prover.attach(session.id, on_progress=look)
            total = time.perf_counter() - started
            elapsed = session.status().elapsed_s or 0.0
            if number:  # the first one uploads the program and opens the connections
                server.append(elapsed)
                added.append(total - elapsed)
                waited.append(marks["download"] - submitted - elapsed)
    interval = Polling().next_s(statistics.median(server))
    return {
        "server_s": statistics.median(server),
        "added_s": statistics.median(added),
        "noticed_after_s": statistics.median(waited),
        "noticed_after_at_most_s": max(waited),
        "poll_interval_s": interval,
        "ratio": statistics.median(waited) / interval,
    }


def memory(sessions: int) -> dict[str, Any]:
    """Peak memory of a process that has so many sessions in flight, all of them at once for at least a moment."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(find_r0vm(), Path(folder), prove_s=10.0, slots=100) as cluster,
    ):
        command = [sys.executable, __file__, "--child", cluster.url, "--sessions", str(sessions)]
        environment = os.environ | {"ZKHOST_STATE_DIR": folder}
        output = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=600
        ).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found | {"aim_mb": AIM_MB, "ratio": found["peak_mb"] / AIM_MB}


def peak_mb() -> float:
    """The most memory this process has had, in MB (10^6)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


async def child(url: str, sessions: int) -> dict[str, Any]:
    """Prove that many at once."""
    flying, most = 0, 0
    _shim.build_info()  # the native library is loaded
    baseline = peak_mb()

    async def one(prover: BonsaiProver, number: int) -> bool:
        nonlocal flying, most
        session = await prover.asubmit(env(number + 2), FACTORS_ELF)
        flying += 1
        most = max(most, flying)
        try:
            await prover.aattach(session.id)
        except FakeReceiptError:
            return True
        finally:
            flying -= 1
        return False

    started = time.perf_counter()
    async with BonsaiProver(RemoteSettings(url, ApiKey("any"))) as prover:
        ends = await asyncio.gather(*(one(prover, number) for number in range(sessions)))
    return {
        "sessions": sessions,
        "in_flight": most,
        "received": sum(ends),
        "baseline_mb": baseline,
        "peak_mb": peak_mb(),
        "elapsed_s": time.perf_counter() - started,
        "cpu_s": time.process_time(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(asyncio.run(child(options.child, options.sessions))))
        return
    found: dict[str, Any] = {
        "overhead": [overhead(prove_s, runs) for prove_s, runs in ((0.05, 20), (1.0, 5), (4.0, 3))],
        "memory": memory(options.sessions),
    }
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for row in found["overhead"]:
        print(f"a session of {row['server_s']:.2f} s: {1000 * row['added_s']:.0f} ms added in all, upload to refusal;")
        print(
            f"    its end is noticed after {1000 * row['noticed_after_s']:.0f} ms, at most "
            f"{1000 * row['noticed_after_at_most_s']:.0f} ms: {row['ratio']:.2f} of a poll interval"
        )
    row = found["memory"]
    print(f"{row['in_flight']} sessions in flight: peak {row['peak_mb']:.0f} MB, {row['baseline_mb']:.0f} by imports:")
    print(f"    {row['ratio']:.2f} of the {row['aim_mb']} MB aimed at; all {row['received']} receipts received")
    print(f"    in {row['elapsed_s']:.1f} s, of which {row['cpu_s']:.1f} s of this process's CPU")


if __name__ == "__main__":
    main()
