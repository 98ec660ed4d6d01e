"""Prove which digit an int8 CNN sees in a picture: a model that PyTorch exported and onnxruntime quantised.

It was trained on scikit-learn's digits: 8 x 8 pixels of 0 to 16, here as fractions of 16.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from zkhost import ml

MODEL = Path(__file__).parent / "digits.onnx"
PICTURE = """
    . . B F G A . .
    . 8 G 8 F G . .
    . 5 6 A G 8 . .
    . . 4 G B 1 . .
    . . 2 F 9 . . .
    . . . 9 G 2 . .
    . . . 8 G 5 . .
    . . D G F . . .
"""


def main() -> None:
    levels = ".123456789ABCDEFG"
    pixels = np.array([levels.index(pixel) for pixel in PICTURE.split()], np.float32) / 16
    model = ml.load(MODEL, output="argmax")

    proof = model.prove(pixels.reshape(1, 1, 8, 8))
    started = time.perf_counter()
    ml.verify(proof.receipt, MODEL, output="argmax")  # as a verifier does, who has the file
    verify_ms = (time.perf_counter() - started) * 1000

    (label,) = proof.outputs["output"].tolist()
    print(f"The model with image ID {str(model.image_id)[:16]}... sees a {label}, proved.")
    stats = proof.stats
    print(f"  {stats.user_cycles:,} user cycles in {stats.segments} segment(s), proved in {proof.elapsed_s:.1f} s")
    print(f"  model compiled and receipt verified in {verify_ms:.0f} ms")
    if label != 3:
        sys.exit("error: it is a 3")


if __name__ == "__main__":
    main()
