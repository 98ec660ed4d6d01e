"""What is before the guest: a picture, its signature, and the numbers that the guest will run the model on."""

import hashlib
import hmac
from pathlib import Path

import contract
import numpy as np
from numpy.typing import NDArray

MODEL = Path(__file__).parent / "digits.onnx"
PICTURE = Path(__file__).parent / "picture.pgm"
KEY = hashlib.sha256(b"a camera keeps its own").digest()


def read_pgm(path: Path) -> bytes:
    """Return the grey levels of a PGM file of 32 x 32 pixels."""
    header, pixels = path.read_bytes()[:13], path.read_bytes()[13:]
    if header != b"P5\n32 32\n255\n" or len(pixels) != 32 * 32:
        raise ValueError(f"{path} is not a PGM file of 32 x 32 pixels")
    return pixels


def sign(pixels: bytes, key: bytes = KEY) -> contract.Signed:
    """Sign a picture, as the camera does."""
    return contract.Signed(pixels, hmac.new(key, pixels, hashlib.sha256).digest(), key)


def cells(pixels: bytes) -> NDArray[np.float32]:
    """Compute what the guest's src/cells.rs does: advice for anything else is refused by the guest."""
    levels = np.frombuffer(pixels, np.uint8).reshape(32, 32)
    darkest, brightest = int(levels.min()), int(levels.max())
    dark = levels <= darkest + (brightest - darkest) // 2
    counts: NDArray[np.float32] = dark.reshape(1, 1, 8, 4, 8, 4).sum(axis=(3, 5)).astype(np.float32)
    return counts / np.float32(16)
