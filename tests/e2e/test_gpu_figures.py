"""The program that measures a GPU runs, here on the CPU: figures of one real proof."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "tools" / "gpu_figures.py"


@pytest.mark.prove
def test_a_workload_is_proved_verified_and_measured() -> None:
    command = [sys.executable, str(PROGRAM), "--only", "hello-world", "--po2", "15", "--repeat", "0"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert (found["segments"], found["total_cycles"]) == (1, 2**15)
    assert found["best_s"] == found["first_s"] > found["verify_s"] > 0
    assert found["receipt_bytes"] > 100_000
    assert found["host_peak_bytes"] > 1 << 26
