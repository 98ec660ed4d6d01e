"""The vectors of tests/unit/boundless are what boundless-market's own crate writes today (tests/boundless-oracle)."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from .workspace import ROOT, built

# Hundreds of crates, compiled once: a folder of their own keeps them out of the native library's.
BUILD = """unset RUSTFLAGS CFLAGS CXXFLAGS && export CARGO_TARGET_DIR="$ZKHOST_CACHE/build/boundless-oracle" &&
cargo build --locked --quiet --manifest-path tests/boundless-oracle/Cargo.toml"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_the_market_writes_the_vectors_that_are_compared() -> None:
    env = {name: value for name, value in os.environ.items() if name != "RISC0_DEV_MODE"}
    oracle = built(BUILD) / "debug" / "zkhost-boundless-oracle"
    written = subprocess.run([oracle], env=env, capture_output=True, text=True, check=True).stdout
    assert json.loads(written) == json.loads((ROOT / "tests/unit/boundless/vectors.json").read_text())
