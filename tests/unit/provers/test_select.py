"""Which prover the environment chooses: the table in `default_prover`'s docstring, row by row."""

from __future__ import annotations

import pytest

from zkhost import _shim
from zkhost.errors import ConfigError
from zkhost.provers.select import choose_executor, choose_prover, default_executor, default_prover

VARIABLES = [
    "RISC0_PROVER",
    "RISC0_EXECUTOR",
    "RISC0_SERVER_PATH",
    "BONSAI_API_URL",
    "BONSAI_API_KEY",
    "RISC0_DEV_MODE",
]
BONSAI = {"BONSAI_API_URL": "http://127.0.0.1:1", "BONSAI_API_KEY": "secret"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "name", "reason"),
    [
        ({}, "local", "in-process prover"),
        ({"RISC0_PROVER": ""}, "local", "in-process"),
        ({"RISC0_PROVER": "local", "RISC0_SERVER_PATH": "/x", **BONSAI}, "local", "RISC0_PROVER=local"),
        ({"RISC0_PROVER": "IPC", **BONSAI}, "ipc", "RISC0_PROVER=IPC"),
        ({"RISC0_PROVER": "bonsai", "RISC0_DEV_MODE": "1", **BONSAI}, "bonsai", "RISC0_PROVER=bonsai"),
        ({"RISC0_SERVER_PATH": "/x/r0vm", **BONSAI}, "ipc", "RISC0_SERVER_PATH=/x/r0vm"),
        (BONSAI, "bonsai", "BONSAI_API_URL"),
        ({"RISC0_DEV_MODE": "yes", **BONSAI}, "local", "in-process"),
        ({"RISC0_EXECUTOR": "ipc"}, "local", "in-process"),
    ],
)
def test_the_prover(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str, reason: str) -> None:
    set_all(monkeypatch, variables)
    choice = choose_prover()
    assert choice.name == name
    assert reason in choice.reason


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "local"),
        (BONSAI, "local"),
        ({"RISC0_PROVER": "ipc"}, "local"),
        ({"RISC0_EXECUTOR": "ipc"}, "ipc"),
        ({"RISC0_EXECUTOR": "local", "RISC0_SERVER_PATH": "/x"}, "local"),
        ({"RISC0_SERVER_PATH": "/x"}, "ipc"),
    ],
)
def test_the_executor(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str) -> None:
    set_all(monkeypatch, variables)
    assert choose_executor().name == name


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"RISC0_PROVER": "gpu"}, ["RISC0_PROVER", "'gpu'", "local, ipc, bonsai"]),
        ({"RISC0_PROVER": "bonsai"}, ["BONSAI_API_URL", "BONSAI_API_KEY"]),
        ({"BONSAI_API_URL": "http://x"}, ["BONSAI_API_KEY"]),
        ({"BONSAI_API_KEY": "k"}, ["BONSAI_API_URL"]),
        ({"RISC0_DEV_MODE": "maybe", **BONSAI}, ["RISC0_DEV_MODE", "maybe"]),
    ],
)
def test_unknown_values_and_half_set_pairs_raise(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: list[str]
) -> None:
    set_all(monkeypatch, variables)
    with pytest.raises(ConfigError) as caught:
        choose_prover()
    assert all(name in str(caught.value) for name in named)


def test_an_executor_is_never_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISC0_EXECUTOR", "bonsai")
    with pytest.raises(ConfigError, match="local, ipc"):
        choose_executor()


def test_a_build_without_the_prover_uses_r0vm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shim, "build_info", lambda: {"features": []})
    assert choose_prover().name == choose_executor().name == "ipc"


def test_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_prover().name == default_executor().name == "local"
    set_all(monkeypatch, BONSAI)
    assert default_prover().name == "bonsai"
