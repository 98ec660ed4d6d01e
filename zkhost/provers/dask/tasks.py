"""The tasks that run on the workers. Workers need zkhost with the same risc0 version, and nothing else."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any


def run_task(operation: str, inputs: Sequence[bytes]) -> bytes:
    """Run one task: prove a segment or a keccak batch, prove and lift a segment, join two receipts. Bincode in and out."""
    from zkhost import _shim

    if operation == "lifted":
        proved = _shim.call("prove_segment", {"segment": inputs[0]})["receipt"]
        reply = _shim.call("lift", {"receipt": proved})
    elif operation == "segment":
        reply = _shim.call("prove_segment", {"segment": inputs[0]})
    elif operation == "keccak":
        reply = _shim.call("prove_keccak", {"request": inputs[0]})
    elif operation == "join":
        reply = _shim.call("join", {"left": inputs[0], "right": inputs[1]})
    else:
        raise ValueError(f"no operation {operation!r}")
    receipt: bytes = reply["receipt"]
    return receipt


def verify_answer(operation: str, receipt: bytes) -> None:
    """Verify what a worker answered, on the client. A keccak batch is verified only as part of the whole receipt."""
    from zkhost import _shim

    if operation == "segment":
        _shim.call("verify_segment", {"receipt": receipt})
    elif operation in ("lifted", "join"):
        _shim.call("verify_succinct", {"receipt": receipt})


def facts() -> dict[str, Any]:
    """Return what a worker can do."""
    from zkhost import _shim

    info = _shim.build_info()
    return {
        "host": platform.node(),
        "risc0_version": info["risc0_version"],
        "features": list(info["features"]),
        "recursion": bool(info["recursion"]),
    }
