"""What `rust-host` does, by zkhost: `zkhost_host.py execute|prove|burn|prove-burn PROGRAM.bin [CYCLES]`, timed from inside.

A program of its own, since bench_host.py measures the memory of its process as well.
"""

import sys
import time

import zkhost
from zkhost import ExecutorEnv
from zkhost.codec import U64


def main() -> None:
    mode, program = sys.argv[1], open(sys.argv[2], "rb").read()  # noqa: SIM115 (pathlib is not needed otherwise)
    executor, prover = zkhost.default_executor(), zkhost.default_prover()
    started = time.perf_counter()
    if mode.endswith("burn"):
        env = ExecutorEnv.builder().write_slice(int(sys.argv[3]).to_bytes(8, "little")).build()
    else:
        env = ExecutorEnv.builder().write(17, U64).write(23, U64).build()
    if mode.startswith("prove"):
        prover.prove(env, program).receipt.verify(zkhost.compute_image_id(program))
    else:
        executor.execute(env, program)
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main()
