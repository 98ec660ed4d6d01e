"""The prover that lies, tests/altered-prover: risc0's own without the checks it makes of itself, and with a witness that can
be altered once it is complete."""

from __future__ import annotations

import json
import subprocess
import sys
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkhost import _shim
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.receipt.receipt import Receipt

from .workspace import ROOT, built

BUILD = "cargo build --release --locked --quiet -p zkhost-shim -p zkhost-altered-prover --bin altered-prover"
HONEST = ROOT / "tests" / "unit" / "receipt" / "factors.bincode"


@dataclass(frozen=True)
class Change:
    """Adds `add`, in the field, to the witness of byte `byte` of the cell that is read `before` words before an EQZ: the
    `check`-th of the segment."""

    before: int
    byte: int
    add: int
    check: int = 0


@dataclass(frozen=True)
class Lie:
    """A receipt of an altered run; whether each EQZ of it holds at z; and at which words the circuit's constraints do not hold:
    the operation and how many words before an EQZ."""

    receipt: Receipt
    checks: tuple[bool, ...]
    violated: tuple[tuple[str, int], ...]


def build() -> Path:
    """The program. It shares what is built with the native library."""
    return built(BUILD) / "release" / "altered-prover"


def prove(prover: Path, folder: Path, program: bytes, stdin: bytes, *changes: Change) -> Lie:
    """Execute a program, whatever the accelerator would say, and prove its one segment."""
    env = ExecutorEnv.builder().write_slice(stdin).build()
    request = {"env": serving.request(env), "program": program, "segments": "dir", "segment_dir": str(folder)}
    reply = _shim.call("execute", request, serving.host(env))
    assert len(reply["segments"]) == 1
    seal = folder / "seal"
    arguments = [f"{it.check}:{it.before}:{it.byte}:{it.add}" for it in changes]
    made = subprocess.run([prover, folder / "0.bincode", seal, *arguments], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout.splitlines()[-1])
    violated = tuple((row["operation"], row["before"]) for row in found["violated"])
    return Lie(_receipt(reply["session"], seal.read_bytes()), tuple(found["checks"]), violated)


def _receipt(session: bytes, seal: bytes) -> Receipt:
    """A composite receipt of one segment: the seal, with the claim that the execution made."""
    fake = _json(Receipt(_shim.call("fake_receipt", {"session": session})["receipt"]))
    receipt = _json(Receipt(HONEST.read_bytes()))
    receipt["journal"] = fake["journal"]
    (segment,) = receipt["inner"]["Composite"]["segments"]
    words = array("I", seal)
    if sys.byteorder == "big":
        words.byteswap()
    segment |= {"seal": words.tolist(), "claim": fake["inner"]["Fake"]["claim"]["Value"]}
    return Receipt.from_bytes(json.dumps(receipt).encode(), "json")


def _json(receipt: Receipt) -> Any:
    return json.loads(receipt.to_bytes("json"))
