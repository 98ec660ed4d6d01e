"""Receipts go both ways between zkhost and a host written in Rust: tests/bench/rust-host, built with tools/env.sh."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from zkhost.methods import FACTORS_ID, FACTORS_PATH
from zkhost.provers.options import ProveInfo
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import Receipt

from .workspace import built

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def rust_host() -> Path:
    """The binary, built if need be; it shares what is built with the native library."""
    return built("cargo build --release --locked --quiet -p zkhost-bench-host") / "release" / "rust-host"


def ask(rust_host: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RISC0_", "BONSAI_"))}
    return subprocess.run([rust_host, *arguments], env=env, capture_output=True, text=True, check=False)


def test_a_receipt_of_the_rust_host_verifies_here(rust_host: Path, tmp_path: Path) -> None:
    file = tmp_path / "receipt.bincode"
    made = ask(rust_host, "prove", FACTORS_PATH, file)
    assert made.returncode == 0, made.stderr
    receipt = Receipt.load(file)
    receipt.verify(FACTORS_ID)
    assert (receipt.kind, int.from_bytes(receipt.journal.bytes, "little")) == (ReceiptKind.COMPOSITE, 391)
    assert receipt.to_bytes() == file.read_bytes(), "bincode is written as risc0 writes it"


def test_a_receipt_made_here_verifies_in_the_rust_host(
    rust_host: Path, proof: ProveInfo, guests: Mapping[str, bytes], tmp_path: Path
) -> None:
    file, program, other = (tmp_path / name for name in ("receipt.bincode", "factors.bin", "echo.bin"))
    proof.receipt.dump(file)
    program.write_bytes(guests["factors"])
    other.write_bytes(guests["echo"])
    verified = ask(rust_host, "verify", program, file)
    assert verified.returncode == 0, verified.stderr
    assert ask(rust_host, "verify", other, file).returncode != 0, "it proves no other program"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert ask(rust_host, "verify", program, file).returncode != 0, "and a changed one proves nothing"
