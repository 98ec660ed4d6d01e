"""What docs/ml/comparison.md claims beyond what other tests show: no set-up, memory that is bounded, a price that is right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zkhost import ml
from zkhost.ml import _native

ROOT = Path(__file__).parents[3]
MODELS = Path(__file__).with_name("models")
CNN = MODELS / "cnn.legacy17.qdq_u8u8.onnx"

LOAD = """
import sys
from zkhost import ml
model = ml.load(sys.argv[1], output="argmax")
print(model.image_id, len(model.program))
"""


@pytest.fixture(scope="module")
def rows() -> Any:
    return np.load(MODELS / "inputs.npz")["x"].reshape(-1, 1, 8, 8)


def test_a_model_needs_no_set_up_and_has_one_identity(tmp_path: Path) -> None:
    """On an empty machine a model is loaded and its program made, at once, and nothing is left there: no key, no parameters."""
    said = set()
    for place, seed in enumerate(("0", "1")):
        home = tmp_path / str(place)
        home.mkdir()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ZKHOST_", "XDG_"))}
        done = subprocess.run(
            [sys.executable, "-B", "-c", LOAD, str(CNN)], cwd=home, capture_output=True, text=True, check=True,
            env=environment | {"HOME": str(home), "TMPDIR": str(home), "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        said.add(done.stdout)
        assert list(home.rglob("*")) == []
    model = ml.load(CNN, output="argmax")
    assert said == {f"{model.image_id} {len(model.program)}\n"}


def test_memory_is_bounded_however_much_is_computed(rows: Any) -> None:
    """Forty samples in one proof need no more memory than a gigabyte, if that is what there is; only more segments."""
    model, limit = ml.load(CNN, output="argmax"), 1 << 30
    one, many = (model.estimate(ml.Batch(rows[:count]), prover="local", memory_bytes=limit) for count in (1, 40))
    assert many.user_cycles > 20 * one.user_cycles
    assert many.best.segments > 10 * one.best.segments
    assert max(one.best.memory_bytes, many.best.memory_bytes) <= limit
    assert many.best.memory_bytes <= 1.1 * one.best.memory_bytes


def test_the_price_is_known_to_the_row(rows: Any) -> None:
    """The rows that an estimate states are those that the prover's own preflight lays out."""
    model = ml.load(CNN, output="argmax")
    best = model.estimate(rows[0], prover="local", memory_bytes=1 << 33).best
    done = model._prepared(rows[0])
    laid_out = _native.preflight(model.program, done.stdin, segment_limit_po2=best.segment_limit_po2)
    assert (laid_out.total_cycles, len(laid_out.segments)) == (best.rows, best.segments)


def test_the_tests_that_the_comparison_names_are_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/ml/comparison.md").read_text())
    assert len(named) > 20
    assert [f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text()] == []
