"""Proofs on a GPU, measured: times, memory of the device and of the process, verification. Prints a Markdown table.

    python tools/gpu_figures.py [--po2 20] [--repeat 3] [--file-bytes 1048576] [--json figures.json]

Run it with a wheel of `make cuda` installed; it needs nothing else but numpy and onnx for the model, and takes some
minutes. With a build that proves on the CPU it measures that; there, small segments and a small file are wise. Each
workload runs in a process of its own; its first proof, which sets the device up, is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from zkhost import ExecutorEnv

Workload: TypeAlias = tuple[Callable[[], Any], Callable[[Any], object]]
"""How to prove, returning something with `stats` and `receipt`, and how to verify that."""

MODEL = Path(__file__).parents[1] / "examples" / "digits.onnx"


def hello_world(options: argparse.Namespace) -> Workload:
    from zkhost import ExecutorEnv, default_prover
    from zkhost.codec import U64
    from zkhost.methods import FACTORS_ELF, FACTORS_ID

    env = ExecutorEnv.builder().write(17, U64).write(23, U64).build()
    return lambda: default_prover().prove(env, FACTORS_ELF), lambda info: info.receipt.verify(FACTORS_ID)


def hash_of(env: ExecutorEnv) -> Workload:
    from zkhost import default_prover
    from zkhost.methods import SHA256_ELF, SHA256_ID

    return lambda: default_prover().prove(env, SHA256_ELF), lambda info: info.receipt.verify(SHA256_ID)


def file_hash(options: argparse.Namespace) -> Workload:
    from zkhost import ExecutorEnv

    data = bytes(options.file_bytes)
    return hash_of(ExecutorEnv.builder().write_slice(data).segment_limit_po2(options.po2).build())


def int8_cnn(options: argparse.Namespace) -> Workload:
    import numpy as np

    from zkhost import ml

    model = ml.load(MODEL, output="argmax")
    pixels = np.random.default_rng(1).integers(0, 17, (1, 1, 8, 8)).astype(np.float32) / 16
    return lambda: model.prove(pixels, segment_limit_po2=options.po2), lambda proof: ml.verify(
        proof.receipt, MODEL, output="argmax"
    )


def one_segment(options: argparse.Namespace) -> Workload:
    """A run that fills one segment: a hash of as many bytes as that takes."""
    from zkhost import ExecutorEnv, default_executor
    from zkhost.methods import SHA256_ELF

    po2 = options.po2
    for size in sizes():
        env = ExecutorEnv.builder().write_slice(bytes(size)).segment_limit_po2(po2).build()
        if (reached := max(s.po2 for s in default_executor().execute(env, SHA256_ELF).segments)) == po2:
            return hash_of(env)
        if reached > po2:
            break
    raise SystemExit(f"no input of the guest sha256 fills one segment of 2^{po2}")


def sizes() -> Iterator[int]:
    size = 1024
    while size < 1 << 28:
        yield size
        size = size * 5 // 4


WORKLOADS: dict[str, Callable[[argparse.Namespace], Workload]] = {
    "hello-world": hello_world,
    "sha256": file_hash,
    "int8-cnn": int8_cnn,
    "one-segment": one_segment,
}


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Prove and verify, in this process."""
    import resource

    prove, verify = WORKLOADS[name](options)
    times, proof = [], None
    for _ in range(options.repeat + 1):
        started = time.perf_counter()
        proof = prove()
        times.append(time.perf_counter() - started)
    assert proof is not None
    started = time.perf_counter()
    verify(proof)
    return {
        "first_s": times[0],
        "best_s": min(times[1:], default=times[0]),
        "verify_s": time.perf_counter() - started,
        "user_cycles": proof.stats.user_cycles,
        "total_cycles": proof.stats.total_cycles,
        "segments": proof.stats.segments,
        "receipt_bytes": len(proof.receipt.to_bytes()),
        "host_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


class DeviceMemory(threading.Thread):
    """Asks nvidia-smi for the memory in use until it is stopped; `peak` is None where there is no device."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak: int | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            used = device("memory.used")
            if used is None:
                return
            self.peak = max(self.peak or 0, int(used) << 20)


def device(what: str) -> str | None:
    """Ask nvidia-smi about the first GPU."""
    command = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits", "--id=0"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def measured_apart(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure in a process of its own, and the device's memory meanwhile."""
    memory = DeviceMemory()
    memory.start()
    command = [sys.executable, __file__, "--only", name, "--po2", str(options.po2)]
    command += ["--repeat", str(options.repeat), "--file-bytes", str(options.file_bytes)]
    child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    memory.ended.set()
    memory.join()
    if child.returncode:
        return {"name": name, "failed": child.returncode}
    return {"name": name, "device_peak_bytes": memory.peak, **json.loads(child.stdout)}


def row(found: dict[str, Any]) -> str:
    if "failed" in found:
        return f"| {found['name']} | failed ({found['failed']}) | | | | | | |"
    on_device = found["device_peak_bytes"]
    cells = [
        found["name"],
        f"{found['user_cycles']:,} of {found['total_cycles']:,}",
        str(found["segments"]),
        f"{found['first_s']:.2f} s",
        f"{found['best_s']:.2f} s",
        f"{found['verify_s'] * 1000:.0f} ms",
        "-" if on_device is None else f"{on_device / 2**30:.1f} GiB",
        f"{found['host_peak_bytes'] / 2**30:.1f} GiB",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--po2", type=int, default=20, help="segments have 2**po2 rows at most")
    parser.add_argument("--repeat", type=int, default=3, help="proofs after the first")
    parser.add_argument("--file-bytes", type=int, default=1 << 20, help="the size of the file that is hashed")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--only", choices=WORKLOADS, help="prove this one here, and print JSON")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options)))
        return
    from zkhost import _shim

    machine = {
        "features": _shim.build_info()["features"],
        "gpu": device("name"),
        "driver": device("driver_version"),
        "cpus": os.cpu_count(),
        "cpu": platform.processor() or platform.machine(),
    }
    print(f"{machine['gpu'] or 'no GPU: proved on the CPU'}, driver {machine['driver']}, {machine['cpus']} CPUs\n")
    print("| workload | user cycles of all | segments | first | best | verify | memory of the GPU | of the process |")
    print("|---|---|---|---|---|---|---|---|")
    figures = []
    for name in WORKLOADS:
        figures.append(measured_apart(name, options))
        print(row(figures[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "figures": figures}, indent=2) + "\n")
    sys.exit(any("failed" in found for found in figures))


if __name__ == "__main__":
    main()
