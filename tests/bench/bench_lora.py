"""Exact cycles of merges and of hidden adapters: `python -m tests.bench.bench_lora`."""

from __future__ import annotations

import numpy as np

from tests.unit.ml.test_lora import BASE, DATA, PEFT, arrays, network
from zkhost import ml
from zkhost.ml import lora


def random_merge(outputs: int, inputs: int, rank: int, alpha: float) -> lora.Merge:
    """Of weights as they are: of the size of an initialised layer, and a trained adapter."""
    random = np.random.default_rng(1)

    def values(*shape: int, size: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return (random.normal(size=shape) * size).astype(np.float32)

    given = {"x.lora_A": values(rank, inputs, size=0.1), "x.lora_B": values(outputs, rank, size=0.1)}
    base = {"x.weight": values(outputs, inputs, size=0.05)}
    return lora.merge(base, lora.read(given, alpha=alpha), merged="hashed")


def main() -> None:
    print("| merge | user cycles | a weight |\n|---|--:|--:|")
    adapter = lora.read(PEFT)
    weights = 64 * 64 + 64 * 10
    for place in ("image", "hashed", "public"):
        run = lora.merge(BASE, adapter, base_in=place).execute()
        print(f"| digits MLP, rank 4, base {place} | {run.user_cycles:,} | {run.user_cycles / weights:.0f} |")
    for size, rank, alpha in ((64, 1, 2), (64, 4, 8), (64, 16, 32), (64, 4, 7), (128, 8, 16)):
        run = random_merge(size, size, rank, alpha).execute()
        print(
            f"| {size} x {size}, rank {rank}, alpha {alpha} | {run.user_cycles:,} | {run.user_cycles / size**2:.0f} |"
        )
    x = np.load(DATA / "io.npz")["x"][:1]
    print("\n| digits MLP in float32 | user cycles |\n|---|--:|")
    print(f"| base alone | {ml.load(network()).execute(x).user_cycles:,} |")
    print(f"| with a hidden adapter of rank 4 | {lora.load(network(), adapter).execute(x).user_cycles:,} |")
    assert arrays(DATA / "merged.peft.safetensors")


if __name__ == "__main__":
    main()
