"""Exact cycles of GGUF models: `python -m tests.bench.bench_gguf [MODEL.gguf...] [--tokens 1,4,10] [--prove FOLDER]`.

Without a file: products of every kind, 256 rows of 256, and the operations between them, each as a run with more of it less a
run with less. With files: the next token behind prompts of those lengths, user cycles and the estimate; with --prove also
the proof of each, verified against the file, with a checkpoint in FOLDER: run it again after whatever stopped it.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.bench.bench_nn import run
from tests.unit.ml_engine.graphs import Maker
from tests.unit.ml_engine.test_ggml import KINDS, product
from zkhost import ml
from zkhost.ml import ops
from zkhost.ml.graph import Array


def norm(count: int) -> Maker:
    make = Maker()
    make.input("x", "f32", (count, 64))
    make.constant("w", make.values("f32", (64,)))
    make.write("y", "f32", (count, 64))
    make.steps.append(ops.GgmlNorm("norm", "y", "x", "w", 1e-5))
    return make


def rope(count: int) -> Maker:
    make = Maker()
    make.input("x", "f32", (count, 64))
    make.constant("t", make.values("f32", (count, 8, 2)))
    make.write("y", "f32", (count, 64))
    make.steps.append(ops.GgmlRope("rope", "y", "x", "t", 4))
    return make


def swiglu(count: int) -> Maker:
    make = Maker()
    for name in "gu":
        make.input(name, "f32", (count, 64))
    make.write("y", "f32", (count, 64))
    make.steps.append(ops.GgmlSwiglu("swiglu", "y", "g", "u"))
    return make


def attention(count: int) -> Maker:
    """The query of the last of `count` positions, four heads of 16."""
    make = Maker()
    for name, rows in (("q", 1), ("k", count), ("v", count)):
        make.input(name, "f32", (rows, 64))
    make.write("y", "f32", (1, 64))
    make.steps.append(ops.GgmlAttention("attention", "y", "q", "k", "v", 4, 4, 0.25))
    return make


BETWEEN: dict[str, tuple[Callable[[int], Maker], str]] = {
    "norm": (norm, "an element"),
    "rope": (rope, "an element"),
    "swiglu": (swiglu, "an element"),
    "attention": (attention, "a multiply-add, exp and all"),
}


def cycles(make: Maker) -> float:
    return run(make, "y")["user"]


def operations() -> None:
    for kind in KINDS:
        small, large, wide = (cycles(product(kind, rows, depth)) for rows, depth in ((4, 256), (260, 256), (4, 512)))
        each = (large - small) / (256 * 256)
        activation = (wide - small) / 256 - 4 * each
        print(f"product {kind:5} {each:7.2f} a multiply-add, {activation:5.0f} an element of the vector")
    for name, (make, of) in BETWEEN.items():
        more, less = cycles(make(16)), cycles(make(4))
        print(f"{name:13} {(more - less) / (12 * 64 * (2 if name == 'attention' else 1)):7.1f} {of}")


def tokens(path: Path, lengths: list[int], folder: Path | None) -> None:
    for length in lengths:
        model = ml.load(path, dims={"tokens": length}, output="argmax", max_float_cycles=1 << 60)
        prompt = np.arange(length, dtype=np.int32) % 64 + 3
        done = model.execute(prompt)
        used, estimate = done.session.user_cycles, model.compiled.cycles
        macs = sum(layer.macs for layer in model.compiled.layers)
        print(
            f"{path.name}, {length} tokens: {used:,} cycles, {used / macs:.1f} a multiply-add, {estimate:,} estimated, "
            f"{done.session.total_cycles:,} with paging",
            flush=True,
        )
        if folder is not None:
            prove(model, prompt, folder / f"{path.stem}-{length}")


def prove(model: ml.Model, prompt: Array, folder: Path) -> None:
    """Prove the token behind a prompt, and verify the receipt as its receiver does, who has the file."""
    started = time.perf_counter()
    proof = model.prove(
        prompt, checkpoint=folder, on_progress=lambda now: print(f"  {now.phase}", end="\r", flush=True)
    )
    proved = time.perf_counter()
    found = ml.verify(
        proof.receipt, model.model, dims={"tokens": len(prompt)}, output="argmax", max_float_cycles=1 << 60
    )
    token, expected = int(found.outputs["logits"].item()), int(model.compute(prompt)["logits"].item())
    assert token == expected
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(
        f"  proved in {proved - started:.1f} s, {proof.stats.segments} segments, {proof.stats.total_cycles:,} rows, {peak * 1024 / 1e9:.2f} GB at most; "
        f"verified in {time.perf_counter() - proved:.2f} s: the next token is {token}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path, help="GGUF files")
    parser.add_argument("--tokens", default="1,4,10", help="lengths of prompts")
    parser.add_argument("--prove", type=Path, metavar="FOLDER", help="prove them, with checkpoints in this folder")
    arguments = parser.parse_args()
    if not arguments.models:
        operations()
    for path in arguments.models:
        tokens(path, [int(length) for length in arguments.tokens.split(",")], arguments.prove)


if __name__ == "__main__":
    main()
