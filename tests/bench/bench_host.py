"""zkhost beside a plain Rust host doing the same: paired runs, medians, ratios of wall time and peak memory.

    root=$PWD; cd /tmp; CC=clang CXX=clang++ DOCS_RS=1 CARGO_TARGET_DIR=/tmp/stock cargo build --release --locked \
        --manifest-path "$root/Cargo.toml" -p zkhost-bench-host --no-default-features
    python tests/bench/bench_host.py --rust-host /tmp/stock/release/rust-host [--runs 5] [--mode execute,prove]
                                     [--burn BURN.bin --cycles 1000000,10000000 --prove-cycles 236000]

With the test guest `burn`, also executes that many cycles, and proves those of --prove-cycles (236,000 fill a segment of
2^18 rows): what Python costs is the same for every guest.

Times are taken inside each process, once, when it has loaded its libraries: around the input, executing (and proving and
verifying) alone. Memory is the process's peak, Python's own included.
That host is risc0's own in everything, built as cargo builds it: in a shell that has not read tools/env.sh, and from a folder where
cargo does not find the checkout's .cargo, whose flags and kernels it shall not have. It takes ten minutes. Built with tools/env.sh and default features, it has both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from zkhost.methods import FACTORS_PATH

ZKHOST_HOST = Path(__file__).with_name("zkhost_host.py")


def measure(command: list[str]) -> tuple[float, float]:
    """(seconds as the process says, peak MiB) of one run."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seconds = float(process.stdout.read().split()[-1])
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rust-host", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--mode", default="execute,prove")
    parser.add_argument("--burn")
    parser.add_argument("--cycles", default="1000000,10000000,100000000")
    parser.add_argument("--prove-cycles", default="")
    args = parser.parse_args()
    print(
        "| mode | zkhost s | Rust host s | ratio | zkhost MiB | Rust host MiB | ratio |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    modes = [[mode, str(FACTORS_PATH)] for mode in args.mode.split(",") if mode]
    for kind, counts in (("burn", args.cycles), ("prove-burn", args.prove_cycles)):
        modes += [[kind, args.burn, cycles] for cycles in counts.split(",") if args.burn and cycles]
    for mode in modes:
        ours: list[tuple[float, float]] = []
        theirs: list[tuple[float, float]] = []
        for _ in range(args.runs):
            ours.append(measure([sys.executable, str(ZKHOST_HOST), *mode]))
            theirs.append(measure([args.rust_host, *mode]))
        time_ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, theirs, strict=True))
        memory_ratio = statistics.median(a[1] / b[1] for a, b in zip(ours, theirs, strict=True))
        a, b = ([statistics.median(run[i] for run in runs) for i in (0, 1)] for runs in (ours, theirs))
        print(
            f"| {' '.join(mode[::2])} | {a[0]:.4f} | {b[0]:.4f} | {time_ratio:.3f} | {a[1]:.0f} | {b[1]:.0f} | {memory_ratio:.3f} |"
        )


if __name__ == "__main__":
    main()
