"""Prove the SHA-256 of a file given on standard input, and compare it with what sha256sum says."""

from __future__ import annotations

import subprocess
import sys

import zkhost
from zkhost.methods import SHA256_ELF, SHA256_ID


def main() -> None:
    data = sys.stdin.buffer.read()
    env = zkhost.ExecutorEnv.builder().write_slice(data).build()

    info = zkhost.default_prover().prove(env, SHA256_ELF)
    info.receipt.verify(SHA256_ID)

    proved = info.receipt.journal.bytes.hex()
    expected = subprocess.run(["sha256sum"], input=data, capture_output=True, check=True).stdout.split()[0].decode()
    print(f"proved:    {proved}")
    print(f"sha256sum: {expected}")
    if proved != expected:
        sys.exit("error: the proved digest is not the file's")
    stats = info.stats
    print(
        f"  {len(data):,} bytes, {stats.user_cycles:,} user cycles, {stats.segments} segment(s), {info.elapsed_s:.1f} s"
    )


if __name__ == "__main__":
    main()
