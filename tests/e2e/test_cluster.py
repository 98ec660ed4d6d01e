"""`zkhost cluster` with the real r0vm, whose workers only pretend to prove."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.r0vm_cluster import find_r0vm, free_port
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ReceiptError
from zkhost.provers import BonsaiProver
from zkhost.provers.cluster.local_cluster import Plan
from zkhost.provers.cluster.units import commands, compose, systemd

ROOT = Path(__file__).parents[2]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def zkhost(tmp_path: Path) -> Iterator[Command]:
    """Runs `zkhost cluster ...` with a state folder of its own; ends what was started."""
    env = {**os.environ, "ZKHOST_STATE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    env |= {"RISC0_SERVER_PATH": str(find_r0vm())}
    start = [sys.executable, "-c", "from zkhost.cli.main import main; main()", "cluster"]

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*start, *args], env=env, capture_output=True, text=True, check=False, timeout=90)

    yield run
    run("down")


def running(api: str) -> list[str]:
    """The processes with this address in their command."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if entry.name.isdigit() and api in command:
            found.append(command)
    return found


def status(zkhost: Command) -> Any:
    return json.loads(zkhost("status", "--json").stdout)


@pytest.mark.slow
def test_up_prove_lose_a_worker_down(zkhost: Command, guests: Mapping[str, bytes]) -> None:
    api, listen = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    up = zkhost("up", "--workers", "2", "--dev-mode", "--detach", "--api", api, "--listen", listen)
    assert up.returncode == 0, up.stderr
    assert f"BONSAI_API_URL=http://{api}" in up.stdout
    assert "FAKE" in up.stderr
    state = status(zkhost)
    assert sorted(state["processes"]) == ["manager", "worker-0", "worker-1"]
    assert zkhost("status").returncode == 0
    assert "runs already" in zkhost("up").stderr

    env = ExecutorEnv.builder().write_slice(b"hello").build()
    prover = BonsaiProver(url=f"http://{api}", key="any")
    with pytest.raises(ReceiptError):  # the whole protocol ran, and the fake receipt is refused
        prover.prove(env, guests["echo"])

    before = state["processes"]["worker-1"]["pid"]
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while status(zkhost)["restarts"] == 0 or zkhost("status").returncode != 0:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    state = status(zkhost)
    assert state["lost"][0].startswith("worker-1")
    assert before not in [one["pid"] for one in state["processes"].values()]
    with pytest.raises(ReceiptError):
        prover.prove(env, guests["echo"])

    assert zkhost("down").returncode == 0
    assert running(api) == running(listen) == []
    assert zkhost("status").returncode == 1


@pytest.mark.slow
def test_down_tidies_up_after_a_killed_supervisor(zkhost: Command, tmp_path: Path) -> None:
    api, listen = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    assert zkhost("up", "--dev-mode", "--detach", "--api", api, "--listen", listen).returncode == 0
    os.kill(json.loads((tmp_path / "cluster" / "cluster.json").read_text())["supervisor"], signal.SIGKILL)
    time.sleep(0.5)
    assert zkhost("status").returncode == 1
    assert "supervisor is gone" in zkhost("status").stdout
    zkhost("down")
    time.sleep(0.5)
    assert running(listen) == []


@pytest.mark.slow
def test_a_taken_address_is_named(zkhost: Command) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        api = f"127.0.0.1:{taken.getsockname()[1]}"
        up = zkhost("up", "--dev-mode", "--api", api, "--listen", f"127.0.0.1:{free_port()}")
    assert up.returncode == 1
    assert f"something else listens at {api}" in up.stderr


PLAN = Plan("/usr/local/bin/r0vm", workers=2, gpus=(0, 1), storage="/srv/r0vm", po2=19)


def test_commands_are_whole() -> None:
    text = commands(PLAN, "10.1.2.3")
    manager = "--manager --api 0.0.0.0:8081 --addr 0.0.0.0:8090 --storage /srv/r0vm --po2 19 --worker execute"
    assert f"/usr/local/bin/r0vm {manager}" in text
    for gpu in (0, 1):
        assert f"CUDA_VISIBLE_DEVICES={gpu} /usr/local/bin/r0vm --worker prove-segment" in text
    assert text.count("--addr 10.1.2.3:8090") == 2
    assert "BONSAI_API_URL=http://10.1.2.3:8081" in text


def test_units_are_ones_that_systemd_takes(tmp_path: Path) -> None:
    text = systemd(PLAN, "10.1.2.3")
    units = text.split("# /etc/systemd/system/")[1:]
    assert [unit.partition("\n")[0] for unit in units] == [
        "r0vm-manager.service",
        "r0vm-worker-0.service",
        "r0vm-worker-1.service",
    ]
    for unit in units:
        name, _, body = unit.partition("\n")
        (tmp_path / name).write_text(body.replace("/usr/local/bin/r0vm", "/bin/true"))
        assert body.count("[Service]") == body.count("ExecStart=") == 1
        if shutil.which("systemd-analyze"):
            check = ["systemd-analyze", "verify", str(tmp_path / name)]
            assert subprocess.run(check, check=False, capture_output=True, text=True).returncode == 0


def test_the_compose_file_is_yaml_with_all_services() -> None:
    import yaml

    data = yaml.safe_load(compose(PLAN))
    assert sorted(data["services"]) == ["manager", "worker-0", "worker-1"]
    manager, worker = data["services"]["manager"], data["services"]["worker-1"]
    assert manager["command"][0] == "/usr/local/bin/r0vm"
    assert worker["command"][-1] == f"{manager['networks']['cluster']['ipv4_address']}:8090"
    assert worker["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] == ["1"]
