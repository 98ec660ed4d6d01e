"""Peak memory and time of one segment's proof by its size.

    python tests/bench/bench_po2.py BURN.bin [--po2 13 14 15 16 17]

BURN.bin is the test guest `burn`; it runs for as many cycles as fill about one segment of each size. One such segment
is proved alone, in a process of its own. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path


def child(program: str, po2: int) -> None:
    """Proves the biggest segment of a run whose segments are at most 2**po2."""
    from zkhost._cancel import CancelToken
    from zkhost.environment import serving
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.engine.worker import InProcessWorker
    from zkhost.provers.storage.checkpoint import SegmentStore

    cycles = max(1000, 2**po2 - 26_000)
    builder = ExecutorEnv.builder().write_slice(cycles.to_bytes(8, "little")).segment_limit_po2(max(po2, 14))
    env, bench = builder.build(), InProcessWorker()
    with SegmentStore.temporary() as store:
        host = serving.host(env, on_progress=lambda event: store.take(*event["job"]))
        reply = bench.execute(env, Path(program).read_bytes(), host, store.spool)
        sizes = {segment["index"]: segment["po2"] for segment in reply["segments"]}
        index = next((index for index, size in sizes.items() if size == po2), None)
        if index is None:
            raise SystemExit(f"no segment of 2**{po2} in {sorted(set(sizes.values()))}")
        job = store.jobs[index]
        start = time.monotonic()
        receipt = bench.prove_job(job, store.spool / job.file_name, CancelToken())
        print(json.dumps({"prove_s": time.monotonic() - start, "receipt": len(receipt), "segments": len(sizes)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--po2", type=int, nargs="+", default=[13, 14, 15, 16, 17])
    parser.add_argument("--child", type=int)
    args = parser.parse_args()
    if args.child is not None:
        child(args.program, args.child)
        return
    print("| segment_limit_po2 | peak memory | time | receipt |\n|---|---|---|---|")
    for po2 in args.po2:
        command = [sys.executable, __file__, args.program, "--child", str(po2)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            print(f"| {po2} | failed | | |", flush=True)
            continue
        result = json.loads(said)
        peak = used.ru_maxrss * 1024 / 1e9
        seconds = f"{result['prove_s']:.1f} s ({used.ru_utime:.0f} s CPU)"
        print(f"| {po2} | {peak:.2f} GB | {seconds} | {result['receipt']:,} bytes |", flush=True)


if __name__ == "__main__":
    main()
