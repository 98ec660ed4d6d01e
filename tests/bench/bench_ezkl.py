"""zkhost and ezkl on the same networks, in paired rounds: `python -m tests.bench.bench_ezkl PYTHON [MODEL...]`.

PYTHON is an interpreter of an environment of its own that has ezkl and onnx (`python -m venv E && E/bin/pip install ezkl onnx`).
Every step is a process of its own, whose seconds and peak memory are taken; in each round ezkl proves, then zkhost does.
ezkl gets the f32 file, with its public parameters fixed in the circuit (its default), calibrated for accuracy or for resources;
zkhost the int8 file that onnxruntime's quantiser makes of it. ezkl's SRS is made here, which is for tests: users download one.
Prints a Markdown table, of medians.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zkhost import ml
from zkhost.receipt.receipt import Receipt

MODELS = Path(__file__).parents[1] / "unit" / "ml" / "models"
TARGETS = ("accuracy", "resources")
SAMPLES = 20

# What ezkl's interpreter runs: a step in a folder. Some of its functions are coroutines.
EZKL = """
import asyncio, inspect, json, sys
import ezkl

async def main(step, target):
    async def call(function, *arguments, **options):
        result = function(*arguments, **options)
        return await result if inspect.isawaitable(result) else result
    if step == "settings":
        run = ezkl.PyRunArgs()
        run.input_visibility, run.output_visibility, run.param_visibility = "public", "public", "fixed"
        await call(ezkl.gen_settings, "model.onnx", "settings.json", py_run_args=run)
        await call(ezkl.calibrate_settings, "calibration.json", "model.onnx", "settings.json", target)
    elif step == "compile":
        await call(ezkl.compile_circuit, "model.onnx", "circuit", "settings.json")
    elif step == "srs":
        ezkl.gen_srs("srs", json.load(open("settings.json"))["run_args"]["logrows"])
    elif step == "setup":
        await call(ezkl.setup, "circuit", "vk", "pk", "srs")
    elif step == "prove":
        await call(ezkl.gen_witness, "input.json", "circuit", "witness.json")
        await call(ezkl.prove, "witness.json", "circuit", "pk", "proof.json", "srs")
    elif step == "verify":
        assert await call(ezkl.verify, "proof.json", "settings.json", "vk", "srs")

asyncio.run(main(*sys.argv[1:]))
"""

# zkhost's steps.
ZKHOST = """
import sys
import numpy as np
from zkhost import ml
from zkhost.receipt.receipt import Receipt

step = sys.argv[1]
if step == "prove":
    ml.load("model.int8.onnx").prove(np.load("input.npy")).receipt.dump("receipt")
else:
    ml.verify(Receipt.load("receipt"), "model.int8.onnx")
"""


@dataclass(frozen=True)
class Step:
    """A process: seconds, and MiB at its peak."""

    seconds: float
    mib: float


def step(folder: Path, python: str, script: str, *arguments: str) -> Step:
    """Run a step in a folder. Raises RuntimeError with what it wrote where it fails."""
    with (folder / "log").open("w") as log:
        start = time.perf_counter()
        child = subprocess.Popen([python, "-c", script, *arguments], cwd=folder, stdout=log, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{arguments[0]} ended with {child.returncode}: {(folder / 'log').read_text()[-2000:]}")
    return Step(seconds, usage.ru_maxrss / 1024)


def mlp() -> tuple[onnx.ModelProto, np.ndarray[Any, Any]]:
    """784-56-10, the network of ezkl's published figures, and samples. Weights are random: nothing here depends on them."""
    random = np.random.default_rng(7)
    sizes = (784, 56, 10)
    names = ["x", "h", "r", "y"]
    weights = [
        numpy_helper.from_array(array.astype(np.float32), name)
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
        for name, array in ((f"w{i}", random.normal(0, a**-0.5, (a, b))), (f"b{i}", random.normal(0, 0.1, b)))
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "w0", "b0"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w1", "b1"], ["y"]),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, n])
        for name, n in ((names[0], sizes[0]), (names[-1], sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "mlp", ports[:1], ports[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return model, random.random((SAMPLES, 1, sizes[0])).astype(np.float32)


def digits() -> tuple[onnx.ModelProto, np.ndarray[Any, Any]]:
    """The CNN of the tests, exported by PyTorch, and samples of scikit-learn's digits."""
    x = np.load(MODELS / "inputs.npz")["x"][:SAMPLES].astype(np.float32)
    return onnx.load(MODELS / "cnn.legacy13.f32.onnx"), x.reshape(len(x), 1, 1, 8, 8)


NETWORKS: dict[str, Callable[[], tuple[onnx.ModelProto, np.ndarray[Any, Any]]]] = {
    "MLP 784-56-10": mlp,
    "digits CNN": digits,
}


def prepare(folder: Path, make: Callable[[], tuple[onnx.ModelProto, np.ndarray[Any, Any]]]) -> None:
    """Write a network's files: f32 and int8, samples and an input for both."""
    model, samples = make()
    onnx.save(model, folder / "model.onnx")
    ml.quantize(folder / "model.onnx", samples.reshape(len(samples), *samples.shape[2:]), folder / "model.int8.onnx")
    np.save(folder / "input.npy", samples[0])

    def written(rows: np.ndarray[Any, Any]) -> str:
        return json.dumps({"input_data": [[float(value) for value in rows.reshape(-1)]]})

    (folder / "input.json").write_text(written(samples[0]))
    (folder / "calibration.json").write_text(written(samples[0]))


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    network: str
    tool: str
    set_up: tuple[Step, ...]
    prove: tuple[Step, ...]
    verify: tuple[Step, ...]
    proof: int
    keys: int

    def __str__(self) -> str:
        """As Markdown. The SRS, which is not the model's, is the third step of a set-up and left out."""
        own = [step for i, step in enumerate(self.set_up) if i != 2]

        def seconds(steps: tuple[Step, ...]) -> float:
            return statistics.median(step.seconds for step in steps)

        set_up = (
            f"{sum(step.seconds for step in own):.1f} s, {max(step.mib for step in own):,.0f} MiB" if own else "none"
        )
        peak = statistics.median(step.mib for step in self.prove)
        return (
            f"| {self.network} | {self.tool} | {set_up} | {seconds(self.prove):.1f} s | {peak:,.0f} MiB | "
            f"{seconds(self.verify):.1f} s | {self.proof / 1024:,.0f} KiB | {self.keys / 2**20:,.1f} MiB |"
        )  # fmt: skip


def measured(name: str, python: str, rounds: int, targets: tuple[str, ...]) -> list[Row]:
    """Both tools on one network."""
    with tempfile.TemporaryDirectory(prefix="bench-ezkl-") as text:
        own = Path(text) / "zkhost"
        own.mkdir()
        prepare(own, NETWORKS[name])
        folders, set_ups = {}, {}
        for target in targets:
            folder = folders[target] = Path(text) / target
            folder.mkdir()
            for file in ("model.onnx", "input.json", "calibration.json"):
                (folder / file).write_bytes((own / file).read_bytes())
            steps = ("settings", "compile", "srs", "setup")
            set_ups[target] = tuple(step(folder, python, EZKL, it, target) for it in steps)
        proofs: dict[str, list[Step]] = {key: [] for key in ("zkhost", *targets)}
        checks: dict[str, list[Step]] = {key: [] for key in proofs}
        for number in range(rounds):
            for target in targets:
                proofs[target].append(step(folders[target], python, EZKL, "prove", target))
                checks[target].append(step(folders[target], python, EZKL, "verify", target))
            proofs["zkhost"].append(step(own, sys.executable, ZKHOST, "prove"))
            checks["zkhost"].append(step(own, sys.executable, ZKHOST, "verify"))
            times = ", ".join(f"{key} {steps[-1].seconds:.1f} s" for key, steps in proofs.items())
            print(f"{name}, round {number + 1}: {times}", file=sys.stderr, flush=True)
        rows = [
            Row(
                name, f"ezkl, for {target}", set_ups[target], tuple(proofs[target]), tuple(checks[target]),
                (folders[target] / "proof.json").stat().st_size,
                sum((folders[target] / key).stat().st_size for key in ("pk", "vk")),
            )
            for target in targets
        ]  # fmt: skip
        seal = Receipt.load(own / "receipt").seal_size
        return [*rows, Row(name, "zkhost", (), tuple(proofs["zkhost"]), tuple(checks["zkhost"]), seal, 0)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", help="an interpreter that has ezkl")
    parser.add_argument("models", nargs="*", help="parts of names")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--targets", nargs="*", choices=TARGETS, default=TARGETS, help="what ezkl is calibrated for")
    arguments = parser.parse_args()
    rows = [
        row
        for name in NETWORKS
        if not arguments.models or any(part in name for part in arguments.models)
        for row in measured(name, arguments.python, arguments.rounds, tuple(arguments.targets))
    ]
    print("| network | tool | set-up, peak | prove | peak | verify | proof | keys |\n|---|---|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
