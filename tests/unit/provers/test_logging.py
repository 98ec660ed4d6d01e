"""risc0's own logs, as a Rust host prints them, and its counts of calls as data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from zkhost.cli.main import cli
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.methods import SHA256_ELF, SHA256_PATH
from zkhost.provers.ipc import IpcProver
from zkhost.provers.local import LocalProver

PROGRAM = """
import sys
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.methods import SHA256_ELF
from zkhost.provers.ipc import IpcProver
from zkhost.provers.local import LocalProver

prover = {"local": LocalProver, "ipc": IpcProver}[sys.argv[1]]()
for _ in range(2):
    print(prover.execute(ExecutorEnv.builder().write_slice(b"abc").build(), SHA256_ELF).user_cycles)
"""


def logged(prover: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("RUST_LOG", "RISC0_INFO")}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, prover],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert len(ran.stdout.split()) == 2, "standard output is the program's own"
    return ran.stderr


@pytest.mark.parametrize("prover", ["local", "ipc"])
def test_rust_log_prints_what_risc0_logs(prover: str) -> None:
    text = logged(prover, RUST_LOG="info")
    assert text.count("execution time") == 2
    assert "number of segments" not in text
    assert "\x1b[" not in text, "standard error is no terminal here"


@pytest.mark.parametrize("prover", ["local", "ipc"])
def test_risc0_info_adds_the_summary(prover: str) -> None:
    text = logged(prover, RUST_LOG="risc0_zkvm=info", RISC0_INFO="1")
    assert text.count("number of segments: 1") == 2
    assert text.count("ecalls") == 2
    assert "Sha2 calls" in text


@pytest.mark.parametrize("prover", ["local", "ipc"])
def test_nothing_is_printed_unasked(prover: str) -> None:
    assert logged(prover) == ""
    assert logged(prover, RISC0_INFO="1") == "", "as for a Rust host, which prints by RUST_LOG"


def test_a_rust_log_that_is_not_understood_is_named() -> None:
    assert "RUST_LOG is 'a=b=c'" in logged("local", RUST_LOG="a=b=c").replace('"', "'")


def test_calls_are_counted() -> None:
    env = ExecutorEnv.builder().write_slice(bytes(10_000)).build()
    session = LocalProver().execute(env, SHA256_ELF)
    assert session.ecalls is not None
    assert session.syscalls is not None
    assert session.ecalls["Sha2"].count > 0
    assert session.ecalls["Sha2"].cycles > 10_000 // 64
    assert session.ecalls["Terminate"].count == 1
    assert session.ecalls["BigInt"].count == 0
    assert session.syscalls["Read"] > 0
    assert session.syscalls["VerifyIntegrity"] == 0


def test_r0vm_does_not_report_calls() -> None:
    session = IpcProver().execute(ExecutorEnv.builder().write_slice(b"abc").build(), SHA256_ELF)
    assert (session.ecalls, session.syscalls) == (None, None)


def test_the_command_prints_the_counts(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"abc")
    result = CliRunner().invoke(
        cli, ["execute", str(SHA256_PATH), "--input", str(tmp_path / "input"), "--json"], catch_exceptions=False
    )
    printed = json.loads(result.stdout)
    assert printed["ecalls"]["Sha2"]["count"] > 0
    assert printed["syscalls"]["Read"] > 0
