"""What a type checker knows of a loaded guest: the input it takes and the journal it gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PROGRAM = """
from dataclasses import dataclass
from typing import Any, assert_type

import zkhost
from zkhost.codec import U64

@dataclass
class Input:
    a: U64

@dataclass
class Output:
    product: U64

multiply = zkhost.Contract(Input, Output)
guest = zkhost.load("methods", multiply)
assert_type(guest, zkhost.Guest[Input, Output])
assert_type(guest.execute(Input(1)).journal, Output)
assert_type(guest.prove(Input(1)).verify().journal, Output)
assert_type(zkhost.load("methods", "multiply", multiply), zkhost.Guest[Input, Output])
assert_type(zkhost.load("methods", "multiply"), zkhost.Guest[Any, Any])
assert_type(zkhost.Contract(Input), zkhost.Contract[Input, bytes])
assert_type(zkhost.Contract(journal=Output), zkhost.Contract[None, Output])

async def prove() -> None:
    proof = await guest.aprove(Input(1))
    assert_type((await proof.averify()).journal, Output)

guest.execute(Output(1))  # the wrong type
"""


@pytest.mark.slow
def test_a_type_checker_knows_input_and_journal(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(lines) == 1, done.stdout
    wrong = PROGRAM.splitlines().index("guest.execute(Output(1))  # the wrong type") + 1
    assert lines[0].startswith(f"program.py:{wrong}: error: Argument 1")
