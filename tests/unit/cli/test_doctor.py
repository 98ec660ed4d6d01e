"""`zkhost doctor`: what is marked [!!] is what exit code 1 is for, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from zkhost import _shim
from zkhost.cli import doctor
from zkhost.cli.main import cli
from zkhost.errors import ProverUnavailableError, ShimError, ToolchainError


def run(*options: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *options])


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "RISC0_PROVER",
        "RISC0_EXECUTOR",
        "RISC0_SERVER_PATH",
        "RISC0_DEV_MODE",
        "BONSAI_API_URL",
        "BONSAI_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)


def fails_with(error: Exception) -> Any:
    def check(*_: object) -> Any:
        raise error

    return check


@pytest.mark.parametrize(
    ("place", "error", "line"),
    [
        ("zkhost.project.toolchain.toolchain_info", ToolchainError("none here"), "[--] guest toolchain: none here"),
        ("zkhost.provers.r0vm.find", ProverUnavailableError("no r0vm"), "[--] r0vm: no r0vm"),
    ],
    ids=["toolchain", "r0vm"],
)
def test_what_proving_does_not_need_is_a_remark(
    monkeypatch: pytest.MonkeyPatch, place: str, error: Exception, line: str
) -> None:
    monkeypatch.setattr(place, fails_with(error))
    result = run()
    assert result.exit_code == 0
    assert line in result.stdout.splitlines()
    assert "[!!]" not in result.stdout


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        ({"RISC0_PROVER": "gpu"}, "prover"),
        ({"RISC0_EXECUTOR": "gpu"}, "executor"),
        ({"RISC0_DEV_MODE": "maybe"}, "dev mode"),
        ({"RISC0_PROVER": "ipc", "RISC0_SERVER_PATH": "/nowhere/r0vm"}, "prover"),
    ],
    ids=str,
)
def test_what_proving_needs_is_marked_and_told_by_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], what: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = run()
    assert result.exit_code == 1
    assert f"[!!] {what}: " in result.stdout
    assert any(found["what"] == what and found["ok"] is False for found in json.loads(run("--json").stdout))


def test_without_the_native_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zkhost._shim.build_info", fails_with(ShimError("cannot be loaded")))
    result = run()
    assert result.exit_code == 1
    assert "[!!] native library: cannot be loaded" in result.stdout


def test_all_is_looked_at() -> None:
    assert [found["what"] for found in json.loads(run("--json").stdout)] == [what for what, _, _ in doctor._CHECKS]


A_GPU = {"name": "NVIDIA H100", "memory_bytes": 80 << 30}


@pytest.mark.parametrize(
    ("found", "line", "status"),
    [
        ({"devices": [A_GPU], "error": None}, "[ok] GPU: NVIDIA H100, 80 GiB", 0),
        ({"devices": [A_GPU] * 3, "error": None}, "[ok] GPU: NVIDIA H100, 80 GiB, and 2 more that are not used", 0),
        (
            {"devices": [], "error": "no CUDA-capable device is detected (CUDA error 100)"},
            "[!!] GPU: this build proves on an NVIDIA GPU, and there is none: "
            "no CUDA-capable device is detected (CUDA error 100)",
            1,
        ),
        (
            {"devices": [], "error": None},
            "[!!] GPU: this build proves on an NVIDIA GPU, and there is none: the driver offers none",
            1,
        ),
    ],
)
def test_a_build_with_cuda_needs_a_gpu(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], line: str, status: int
) -> None:
    info = {**_shim.build_info(), "features": ["prove", "cuda"]}
    monkeypatch.setattr(_shim, "build_info", lambda: info)
    real = _shim.call
    monkeypatch.setattr(_shim, "call", lambda op, *args, **kw: found if op == "gpu_devices" else real(op, *args, **kw))
    result = run()
    assert line in result.stdout.splitlines()
    assert result.exit_code == status


def test_a_build_without_cuda_looks_for_no_gpu() -> None:
    assert _shim.call("gpu_devices", {}) == {"devices": [], "error": None}
    assert "[ok] GPU: not used: this build proves on the CPU" in run().stdout.splitlines()
