"""Proofs with each kind of vectors this CPU has: ZKHOST_VECTORS, in processes of their own since it is read once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.prove

PROVE = """
import sys
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ConfigError
from zkhost.methods import FACTORS_ID, FACTORS_PATH
from zkhost.provers.local import LocalProver

env = ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()
try:
    receipt = LocalProver().prove(env, FACTORS_PATH.read_bytes()).receipt
except ConfigError as error:
    sys.exit(str(error))
receipt.verify(FACTORS_ID)
print(int.from_bytes(receipt.journal.bytes, "little"))
"""


def flags() -> set[str]:
    """What /proc/cpuinfo says this CPU has; nothing elsewhere."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    return set(next((line for line in lines if line.startswith(("flags", "Features"))), "").split())


def prove(vectors: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ZKHOST_VECTORS": vectors}
    return subprocess.run([sys.executable, "-c", PROVE], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("vectors", "flag"), [("scalar", None), ("neon", "asimd"), ("avx2", "avx2"), ("avx512", "avx512f")]
)
def test_a_proof_verifies_whatever_vectors_it_was_made_with(vectors: str, flag: str | None) -> None:
    made = prove(vectors)
    if flag is None or flag in flags():
        assert (made.returncode, made.stdout) == (0, "391\n"), made.stderr
    else:
        assert made.returncode == 1
        assert "ZKHOST_VECTORS" in made.stderr


def test_vectors_that_do_not_exist_are_refused_before_proving() -> None:
    made = prove("sse9")
    assert made.returncode == 1
    assert 'ZKHOST_VECTORS is "sse9"' in made.stderr
    assert "scalar" in made.stderr
    assert "set ZKHOST_VECTORS to one of these, or unset it" in made.stderr
