"""Each form of program of the accelerator at its largest shape: `python -m tests.bench.bench_largest [NAME...] [--prove]`.

Prints the words of a call, its cycles if no page that it reads were loaded yet (the interpreter takes 24,000), and what a run
takes: user and paging cycles, and the rows of its segments. `--prove` makes and verifies the proofs, whose seconds mean something on an
idle machine only.
"""

from __future__ import annotations

import argparse
import time

from tests.unit.ml_engine.graphs import raw
from tests.unit.ml_engine.largest import LARGEST, PRIVATE, call
from zkhost import _shim
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.ml import _native
from zkhost.ml.compile import accelerator as acc
from zkhost.ml.compile import compile_graph
from zkhost.provers.local import LocalProver


def main() -> None:
    """Print a line for each form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of names")
    parser.add_argument("--prove", action="store_true")
    arguments = parser.parse_args()
    total = 0.0
    print("| form | words | cycles of a call | of 24,000 | user cycles | paging | segments | prove |")
    print("|---|--:|--:|--:|--:|--:|---|--:|")
    for name, largest in LARGEST.items():
        if arguments.names and not any(part in name for part in arguments.names):
            continue
        graph, inputs = largest.graph()
        compiled = compile_graph(graph, modes=PRIVATE)
        found, image = call(compiled.plan), compiled.image()
        computed = _native.compute(compiled.plan, raw(graph, inputs))
        env = ExecutorEnv.builder().write_slice(computed.stdin).build()
        request = {"env": serving.request(env), "program": image.program, "segments": "discard"}
        reply = _shim.call("execute", request, serving.host(env))
        assert reply["journal"] == computed.journal
        segments = ", ".join(f"2^{segment['po2']}" for segment in reply["segments"])
        proved = "-"
        if arguments.prove:
            start = time.perf_counter()
            receipt = LocalProver().prove(env, image.program).receipt
            seconds = time.perf_counter() - start
            receipt.verify(image.image_id)
            assert bytes(receipt.journal.bytes) == computed.journal
            total += seconds
            proved = f"{seconds:.1f} s"
        print(
            f"| {name} | {found.words:,} | {found.cycles:,} | {found.cycles / acc.MAX_CYCLES:.1%} | "
            f"{reply['user_cycles']:,} | {reply['paging_cycles']:,} | {segments} | {proved} |",
            flush=True,
        )
    if arguments.prove:
        print(f"\n{total:.0f} s in all")


if __name__ == "__main__":
    main()
