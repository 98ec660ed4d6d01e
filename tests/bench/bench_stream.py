"""Runs a guest of a billion cycles, its segments streamed to disk: speed and memory, beside a Rust host's.

    python tests/bench/bench_stream.py BURN.bin [--cycles 1000000000] [--runs 2] [--rust-host PATH]

BURN.bin is the test guest `burn`. Runs alternate, each in a process of its own; what is compared is CPU time, as
other work on the machine disturbs wall time more; both are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def child(program: str, cycles: int) -> None:
    """One run with zkhost: every segment is written, hashed and noted, as for a proof."""
    from zkhost.environment import serving
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.engine.worker import InProcessWorker
    from zkhost.provers.storage.checkpoint import SegmentStore

    env = ExecutorEnv.builder().write_slice(cycles.to_bytes(8, "little")).build()
    with SegmentStore.temporary() as store:
        host = serving.host(env, on_progress=lambda event: store.take(*event["job"]))
        reply = InProcessWorker().execute(env, Path(program).read_bytes(), host, store.spool)
        print(json.dumps({"segments": len(store.jobs), "cycles": reply["user_cycles"], "disk": store.disk_bytes()}))


def measure(command: list[str]) -> dict[str, Any]:
    """One process: wall and CPU seconds, peak memory in bytes, what it printed."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{command[0]} ended with {process.returncode}")
        out.seek(0)
        said = out.read()
    wall = time.monotonic() - start
    return {"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "peak_bytes": used.ru_maxrss * 1024, "said": said}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--cycles", type=int, default=1_000_000_000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--rust-host")
    parser.add_argument("--child", action="store_true")
    args = parser.parse_args()
    if args.child:
        child(args.program, args.cycles)
        return
    ours = [sys.executable, __file__, args.program, "--child", "--cycles", str(args.cycles)]
    commands = {"zkhost": ours}
    if args.rust_host:
        commands["rust"] = [args.rust_host, "stream", args.program, str(args.cycles)]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(args.runs):
        for name, command in commands.items():
            runs[name].append(measure(command))
            print(name, runs[name][-1], flush=True)
    cpu = {name: statistics.median(run["cpu_s"] for run in each) for name, each in runs.items()}
    peak = {name: max(run["peak_bytes"] for run in each) / 1e9 for name, each in runs.items()}
    print(
        json.dumps(
            {"cpu_s": cpu, "peak_gb": peak, "speed_of_rust": cpu["rust"] / cpu["zkhost"] if "rust" in cpu else None}
        )
    )


if __name__ == "__main__":
    main()
