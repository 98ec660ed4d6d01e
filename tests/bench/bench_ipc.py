"""What r0vm in a process of its own adds to executing hello-world: paired runs, medians.

    python tests/bench/bench_ipc.py [--runs 15]

Each call starts an r0vm, asks it, and ends it. The aim: at most 50 ms over the in-process executor.
"""

from __future__ import annotations

import argparse
import statistics
import time

from zkhost import ExecutorEnv
from zkhost.codec import U64
from zkhost.methods import FACTORS_ELF
from zkhost.provers.ipc import IpcProver
from zkhost.provers.local import LocalProver


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    env = ExecutorEnv.builder().write(17, U64).write(23, U64).build()
    provers = {"local": LocalProver(), "ipc": IpcProver()}
    seconds: dict[str, list[float]] = {name: [] for name in provers}
    for run in range(runs + 1):
        for name, prover in provers.items():
            started = time.perf_counter()
            prover.execute(env, FACTORS_ELF)
            if run:  # the first one loads what the others find loaded
                seconds[name].append(time.perf_counter() - started)
    added = statistics.median(ipc - local for local, ipc in zip(seconds["local"], seconds["ipc"], strict=True))
    local, ipc = (statistics.median(seconds[name]) for name in ("local", "ipc"))
    print(f"local {1000 * local:.1f} ms, ipc {1000 * ipc:.1f} ms: {1000 * added:.1f} ms more")


if __name__ == "__main__":
    main()
