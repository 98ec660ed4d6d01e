"""Cycles of a batch, of hidden weights and of a hidden model: `python -m tests.bench.bench_batches`. Exact; nothing is proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zkhost import ml

MODELS = Path(__file__).parents[1] / "unit" / "ml" / "models"
LAST = {
    "mlp.legacy17.qdq_u8u8.onnx": "2.weight_quantized",
    "cnn.legacy17.qdq_u8u8.onnx": "6.weight_quantized",
    "rescnn.legacy17.qdq_s8s8_pc.onnx": "7.weight_quantized",
}


def main() -> None:
    """Print user and paging cycles of one sample, and of 10 in one proof."""
    rows = np.load(MODELS / "inputs.npz")["x"]
    print(
        f"{'model':34} {'':18} {'user, one':>10} {'paging':>8} {'user, ten':>10} {'paging':>8} {'ten : 10 x one':>15}"
    )
    for name, last in LAST.items():
        cases: dict[str, dict[str, Any]] = {
            "in the image": {}, "hidden=True": {"hidden": True}, "last layer hidden": {"hidden": last},
        }  # fmt: skip
        for case, options in cases.items():
            model = ml.load(MODELS / name, **options)
            samples = rows.reshape(-1, *(int(axis) for axis in model.inputs[0].axes[1:]))
            one, ten = (model.execute(ml.Batch(samples[:count])).session for count in (1, 10))
            costs = [run.user_cycles + (run.paging_cycles or 0) for run in (one, ten)]
            print(
                f"{name:34} {case:18} {one.user_cycles:10,} {one.paging_cycles or 0:8,} {ten.user_cycles:10,} "
                f"{ten.paging_cycles or 0:8,} {costs[1] / (10 * costs[0]):15.2f}"
            )


if __name__ == "__main__":
    main()
