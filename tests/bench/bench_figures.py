"""Models of every kind in one table: cycles, seconds, memory and accuracy, beside what others have published for such shapes.

    python -m tests.bench.bench_figures [NAME...] [--prove] [--long] [--write]

Without --prove the models are executed, and cycles, which are exact, are counted. With it each is proved for real and verified, in a process
of its own, whose peak memory it is; seconds mean something on an idle machine only. --long adds those that take minutes.
--write puts the table into docs/ml/figures.md; what this run has not measured stays as it is there.

Networks are trained here, and forests too (`bench_trees`), on data that scikit-learn ships: MNIST is not among it, so the MLP of
784-56-10 learns the digits of 8 x 8, each pixel three times three and a border of two.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser

from tests.bench import bench_trees, figures_table
from tests.bench.figures_table import Figures
from tests.unit.ml.test_lora import BASE, PEFT, arrays
from zkhost import ml
from zkhost.ml import lora

MODELS = Path(__file__).parents[1] / "unit" / "ml" / "models"


@dataclass(frozen=True)
class Subject:
    """A model, what it is run on, and how good it is: the share of samples it is right about, and its own library's."""

    model: ml.Model
    inputs: Any
    accuracy: str = ""


@dataclass(frozen=True)
class Case:
    """A row. `published` is what others have for the shape; `long` ones take minutes to prove."""

    make: Callable[[], Subject]
    published: str = ""
    long: bool = False


def forest(name: str) -> Subject:
    """One of `bench_trees`, with its accuracy (R² of regressions) on the data it was trained on, and its library's."""
    made = bench_trees.MODELS[name]()
    model = ml.load(made.estimator, **made.options)
    dtype, count = model.inputs[0].dtype, made.rows
    x, y = (np.asarray(part) for part in made.data)
    whole = len(x) - len(x) % count
    groups = x[:whole].astype(dtype).reshape(-1, count, x.shape[1])
    found = np.concatenate([np.ravel(next(iter(model.compute(group).values()))) for group in groups])
    theirs = made.estimator.predict(x[:whole])
    if made.classifies and found.dtype.kind == "f":
        found = found > 0  # a booster's margin
    scores = [(label == y[:whole]).mean() if made.classifies else _r2(label, y[:whole]) for label in (found, theirs)]
    unit = "{:.1%} ({:.1%})" if made.classifies else "R² {:.3f} ({:.3f})"
    return Subject(model, groups[0], unit.format(*scores))


def _r2(found: Any, y: Any) -> float:
    return float(1 - ((y - found) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def wide_mlp() -> Subject:
    """784-56-10, trained by scikit-learn, quantised by onnxruntime."""
    from sklearn.neural_network import MLPClassifier

    images, labels = _digits()
    order = np.random.default_rng(0).permutation(len(images))
    wide = np.pad(np.kron(images[order] / 16, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2)))
    x, labels = wide.reshape(-1, 784).astype(np.float32), labels[order]
    trained = MLPClassifier((56,), random_state=0, early_stopping=True).fit(x[:1400], labels[:1400])
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        mlp (float[batch,784] x) => (float[batch,10] logits) {
            hidden = Gemm(x, w1, b1)
            active = Relu(hidden)
            logits = Gemm(active, w2, b2)
        }"""
    )
    for place, (w, b) in enumerate(zip(trained.coefs_, trained.intercepts_, strict=True), 1):
        for name, array in ((f"w{place}", w), (f"b{place}", b)):
            proto.graph.initializer.append(onnx.numpy_helper.from_array(array.astype(np.float32), name))
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(proto, f"{folder}/mlp.f32.onnx")
        ml.quantize(f"{folder}/mlp.f32.onnx", x[:100], f"{folder}/mlp.onnx")
        model = ml.load(Path(f"{folder}/mlp.onnx").read_bytes())
    return Subject(model, x[1400:1401], _classes(model, x[1400:], labels[1400:], trained.predict(x[1400:])))


def digits(count: int | None = None, **options: Any) -> Subject:
    """The CNN of examples/, with the label alone in the journal."""
    model = ml.load(MODELS / "cnn.legacy17.qdq_u8u8.onnx", output="argmax", **options)
    x = (_digits()[0] / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    test = np.load(MODELS / "inputs.npz")
    return Subject(model, x[0] if count is None else ml.Batch(x[:count]), _classes(model, test["x"], test["labels"]))


def _digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images, found.target


def _classes(model: ml.Model, x: Any, y: Any, theirs: Any = None) -> str:
    shape = tuple(int(axis) for axis in model.inputs[0].axes)
    found = [int(np.argmax(out) if out.size > 1 else out.item()) for row in x for out in [_first(model, row, shape)]]
    right = f"{(found == y).mean():.1%}"
    return right if theirs is None else f"{right} ({(theirs == y).mean():.1%})"


def _first(model: ml.Model, row: Any, shape: tuple[int, ...]) -> Any:
    return next(iter(model.compute(row.reshape(shape)).values()))


def merge() -> Subject:
    found = lora.merge(BASE, lora.read(PEFT))
    theirs = arrays(BASE.with_name("merged.peft.safetensors"))
    assert all(np.array_equal(array, theirs[name]) for name, array in found.compute().items())
    return Subject(found.model, {}, "every bit of PEFT's")


def product() -> Subject:
    """A matrix of Q8_0 times a vector."""
    stored = np.load(MODELS / "gguf" / "dot_q8_0.npz")
    model = ml.load(MODELS / "gguf" / "dot_q8_0.gguf", outputs=["w"])
    assert np.array_equal(model.compute(stored["x"][:1])["w"].reshape(-1), stored["ggml"][0].reshape(-1))
    return Subject(model, stored["x"][:1], "every bit of ggml's")


def next_token(count: int) -> Subject:
    """The tiny llama with Q8_0 weights: the token behind a prompt's first `count`."""
    stored = np.load(MODELS / "gguf" / "tiny.q8_0.npz")
    tokens = stored["tokens0"][:count].astype(np.int32)
    model = ml.load(MODELS / "gguf" / "tiny.q8_0.gguf", dims={"tokens": count}, output="argmax")
    found = int(model.compute(tokens)["logits"].item())
    assert found == int(stored["logits0"][count - 1].argmax())
    return Subject(model, tokens, "llama.cpp's token")


CASES: dict[str, Case] = {
    "MLP 784-56-10, int8": Case(wide_mlp, "ezkl: 38 s, 4.8 GB"),
    "random forest, 100 trees, iris": Case(
        lambda: forest("random forest, 100 trees, iris"), "risc0, by EZKL: 173.4 s, 10.2 GB"
    ),
    "linear SVM, iris": Case(lambda: forest("linear SVM, iris"), "risc0, by EZKL: 37.5 s"),
    "one regression tree, 2 features": Case(lambda: forest("one tree, 2 features"), "risc0, by EZKL: some 10 s"),
    "linear regression, 2 features": Case(lambda: forest("linear regression, 2 features"), "risc0, by EZKL: some 10 s"),
    "decision tree, iris, 150 rows": Case(
        lambda: forest("decision tree, iris, 150 rows"), "risc0's smartcore-ml: 374,011 user cycles"
    ),
    "XGBoost, 10 trees of depth 5, 2 features": Case(
        lambda: forest("xgboost, 10 trees, 2 features"), "risc0's xgboost: 10,709,108 user cycles"
    ),
    "LightGBM, 100 trees, breast cancer": Case(lambda: forest("lightgbm, 100 trees, cancer")),
    "CNN of 8 x 8 digits, int8, its label": Case(digits),
    "the same, hidden model": Case(lambda: digits(hidden=True, salt=bytes(32))),
    "the same, ten in one proof": Case(lambda: digits(10), long=True),
    "16 x 512 of Q8_0 times a vector": Case(product),
    "tiny llama, Q8_0, the token behind 1": Case(lambda: next_token(1), long=True),
    "LoRA merge, 64-64-10, rank 4": Case(merge, "ZKLoRA: 31 to 74 s a module", long=True),
}


def measure(name: str, *, prove: bool) -> Figures:
    """The figures of one case, in this process."""
    subject = CASES[name].make()
    run = subject.model.execute(subject.inputs).session
    figures = Figures(run.user_cycles, run.paging_cycles or 0, subject.accuracy)
    if not prove:
        return figures
    started = time.perf_counter()
    proof = subject.model.prove(subject.inputs)
    proved = time.perf_counter()
    proof.verify()
    verified = time.perf_counter()
    rows, segments = proof.stats.total_cycles, proof.stats.segments
    return replace(figures, rows=rows, segments=segments, prove_s=proved - started, verify_s=verified - proved)


def apart(name: str, *, prove: bool) -> Figures:
    """The same in a process of its own, with its peak memory."""
    command = [sys.executable, "-m", "tests.bench.bench_figures", "--one", name, *(["--prove"] if prove else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0, f"{name}: status {status}"
    fields: dict[str, Any] = json.loads(lines[-1])
    figures = Figures(**fields)
    return replace(figures, peak_gb=usage.ru_maxrss * 1024 / 1e9) if prove else figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="parts of names; all without one")
    for flag in ("--prove", "--long", "--write"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(asdict(measure(args.one, prove=args.prove))))
        return
    found: dict[str, Figures] = {}
    for name, case in CASES.items():
        chosen = not args.names or any(part in name for part in args.names)
        if chosen and (args.long or not case.long or not args.prove):
            found[name] = apart(name, prove=args.prove)
            print(figures_table.line(name, figures_table.cells(case.published, found[name])), flush=True)
    if args.write:
        figures_table.write({name: case.published for name, case in CASES.items()}, found)


if __name__ == "__main__":
    main()
