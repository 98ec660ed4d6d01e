"""Verifies receipts with the zkhost, or zkhost-verify, that is installed where this is run; needs the extra `ml`.

    python verification.py factors.bincode digits.onnx [digit.bincode]

The first is tests/unit/receipt/factors.bincode, the last a receipt of the model with `output="argmax"`. Prints what is
proved, and the model's image ID; ends with an error where a receipt is refused, or a wrong or damaged one is not.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable

import zkhost
from zkhost import errors, methods, ml

FACTORS_ID = "e6990b0dbc2a54e71ef470be45a3f0eeae4284b18eabfc2b6d26bab351d5c11d"
"""The program that the first receipt proves: the guest `factors`, as it was when the receipt was made."""


def refused(work: Callable[[], object]) -> str:
    """Return the name of the error that the work ends with; without one, end."""
    try:
        work()
    except errors.ReceiptError as error:
        return type(error).__name__
    sys.exit("error: what proves nothing was verified")


def main(factors: str, model: str, *inferences: str) -> None:
    """Verify, and print."""
    receipt = zkhost.Receipt.load(factors)
    started = time.perf_counter()
    receipt.verify(FACTORS_ID)
    took_ms = (time.perf_counter() - started) * 1000
    print(f"factors of {int.from_bytes(receipt.journal.bytes, 'little')}: verified")
    print(f"{platform.machine()}: {took_ms:.0f} ms", file=sys.stderr)
    data = bytearray(receipt.to_bytes())
    data[len(data) // 2] ^= 1
    print("another image ID:", refused(lambda: receipt.verify(methods.ECHO_ID)))
    print("a damaged seal:", refused(lambda: zkhost.Receipt.from_bytes(bytes(data)).verify(FACTORS_ID)))
    if zkhost.compute_image_id(methods.ECHO_ELF) != methods.ECHO_ID:
        sys.exit("error: another image ID than that of the build")
    print("image ID of the model:", ml.load(model, output="argmax").image_id)
    for each in inferences:
        print("the model sees a", *ml.verify(each, model, output="argmax").outputs["output"].tolist())


if __name__ == "__main__":
    main(*sys.argv[1:])
