"""RISC Zero's hello-world: prove that you know two factors of 391, without showing them."""

from __future__ import annotations

import time

import zkhost
from zkhost.codec import U64, decode
from zkhost.methods import FACTORS_ELF, FACTORS_ID


def main() -> None:
    env = zkhost.ExecutorEnv.builder().write(17, U64).write(23, U64).build()
    prover = zkhost.default_prover()

    info = prover.prove(env, FACTORS_ELF)

    started = time.perf_counter()
    info.receipt.verify(FACTORS_ID)
    verify_ms = (time.perf_counter() - started) * 1000
    product = decode(U64, info.receipt.journal.bytes)

    print(f"I know the factors of {product}, and I can prove it!")
    stats = info.stats
    print(f"  {stats.user_cycles:,} user cycles of {stats.total_cycles:,}, {stats.segments} segment(s)")
    print(
        f"  proved in {info.elapsed_s:.1f} s by {info.prover.name} ({info.prover.reason}), verified in {verify_ms:.0f} ms"
    )


if __name__ == "__main__":
    main()
