"""An r0vm cluster on this machine: one manager with the Bonsai REST API, and workers, watched and restarted.

risc0 3.0.6 does not reassign a task whose worker dies, so its session would run for ever. When a process dies, the whole
cluster is therefore restarted: sessions under way then fail at once for their clients, which retry, and the content of
the storage folder (programs, inputs, receipts) stays.

    STATE/cluster.json    the plan and the running processes, for `status` and `down`
    STATE/NAME.log        the output of each process
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zkhost import _config
from zkhost._files import write_atomic
from zkhost.errors import ClusterError

TASKS = "prove-segment,prove-keccak,lift,join,union,resolve"
_TASK_NAMES = ["ProveSegment", "ProveKeccak", "Lift", "Join", "Union", "Resolve"]
_DELAYS = ["prove_segment_core", "segment_preflight", "prove_keccak", "lift", "join", "union", "resolve"]
_START_S, _STOP_S, _LOOK_S = 30.0, 3.0, 0.2
_RESTARTS, _WITHIN_S = 5, 600.0


@dataclass(frozen=True)
class Plan:
    """A cluster: where its parts are and what they run. Addresses are host:port."""

    r0vm: str
    workers: int = 1
    api: str = "127.0.0.1:8081"
    listen: str = "127.0.0.1:8090"
    storage: str = ""
    gpus: tuple[int, ...] = ()
    po2: int | None = None
    dev_mode: bool = False
    """Workers only pretend to prove (RISC0_DEV_MODE); the receipts are fake."""

    @property
    def is_open(self) -> bool:
        """Whether other machines reach the API, which needs no key."""
        hosts = (self.api.rpartition(":")[0], self.listen.rpartition(":")[0])
        return any(host not in ("127.0.0.1", "localhost", "[::1]") for host in hosts)

    def manager(self) -> list[str]:
        """Return the manager's command. It also executes guests."""
        po2 = [] if self.po2 is None else ["--po2", str(self.po2)]
        addresses = ["--api", self.api, "--addr", self.listen, "--storage", self.storage]
        return [self.r0vm, "--manager", *addresses, *po2, "--worker", "execute"]

    def worker(self, config: str = "") -> list[str]:
        """Return a worker's command."""
        kind = ["--config", config] if self.dev_mode else ["--worker", TASKS]
        return [self.r0vm, *kind, "--addr", self.listen]

    def variables(self, worker: int) -> dict[str, str]:
        """Return the environment variables of worker number `worker`: its GPU, or its share of the processor's threads."""
        dev = {"RISC0_DEV_MODE": "1"} if self.dev_mode else {}
        if self.gpus:
            return {"CUDA_VISIBLE_DEVICES": str(self.gpus[worker % len(self.gpus)]), **dev}
        return {"RAYON_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // self.workers)), **dev}


@dataclass
class State:
    """The running cluster as others see it. `restarts` counts fresh starts, `lost` names the process that died."""

    plan: Plan
    supervisor: int
    pids: dict[str, int] = field(default_factory=dict)
    restarts: int = 0
    lost: list[str] = field(default_factory=list)
    since: float = field(default_factory=time.time)


def state_folder() -> Path:
    """Return the folder of this user's cluster state."""
    return _config.state_dir() / "cluster"


def load_state(folder: Path) -> State | None:
    """Return the state of the cluster in `folder`, None where none was started. Raises ClusterError for a damaged file."""
    try:
        data = json.loads((folder / "cluster.json").read_text())
        plan = Plan(**{**data["plan"], "gpus": tuple(data["plan"]["gpus"])})
        return State(**{**data, "plan": plan})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise ClusterError(f"{folder}/cluster.json is damaged: {error}", hint="remove it") from error


def alive(pid: int, program: str) -> bool:
    """Return whether the process runs, and is still that program (process IDs are reused)."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return status != "Z" and Path(program).name.encode() in command


class Supervisor:
    """Runs a plan until `stop` is called. Raises ClusterError where it does not start, or dies repeatedly."""

    def __init__(self, plan: Plan, folder: Path, on_event: Callable[[str], object] = lambda _: None) -> None:
        self.folder = folder
        self.state = State(plan, os.getpid())
        self.stopping = False
        self._tell = on_event
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._deaths: list[float] = []

    def run(self) -> None:
        """Start the cluster and watch it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        Path(self.state.plan.storage).mkdir(parents=True, exist_ok=True)
        try:
            self._start()
            while not self.stopping:
                time.sleep(_LOOK_S)
                self._look()
        finally:
            self._stop()
            (self.folder / "cluster.json").unlink(missing_ok=True)

    def stop(self, *_: object) -> None:
        """End `run`, from a signal handler or another thread."""
        self.stopping = True

    def _start(self) -> None:
        plan = self.state.plan
        for address in (plan.api, plan.listen):
            if answers(address):
                raise ClusterError(f"something else listens at {address}", hint="choose another with --api or --listen")
        self._spawn("manager", plan.manager(), {})
        for address in (plan.api, plan.listen):
            self._wait_for(address)
        config = self.folder / "pretend.toml"
        if plan.dev_mode:
            config.write_text(_pretend())
        for number in range(plan.workers):
            self._spawn(f"worker-{number}", plan.worker(str(config)), plan.variables(number))
        self._write()
        self._tell(f"{plan.workers} worker(s) prove for http://{plan.api}")

    def _spawn(self, name: str, command: list[str], variables: dict[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, env=_config.child_environment(variables), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.state.pids[name] = self._processes[name].pid

    def _wait_for(self, address: str) -> None:
        deadline = time.monotonic() + _START_S
        while not answers(address):
            if self._processes["manager"].poll() is not None or time.monotonic() > deadline:
                raise ClusterError(f"r0vm's manager did not start:\n{self._tail('manager')}")
            time.sleep(0.05)

    def _tail(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]

    def _look(self) -> None:
        dead = [name for name, process in self._processes.items() if process.poll() is not None]
        if not dead or self.stopping:
            return
        self._deaths = [at for at in self._deaths if time.monotonic() - at < _WITHIN_S] + [time.monotonic()]
        if len(self._deaths) > _RESTARTS:
            raise ClusterError(f"{dead[0]} keeps dying:\n{self._tail(dead[0])}", hint="look at the logs in its folder")
        self._tell(f"{', '.join(dead)} died: starting the cluster afresh, as its tasks would never end")
        self.state.restarts += 1
        self.state.lost += [f"{name} at {time.strftime('%Y-%m-%d %H:%M:%S')}" for name in dead]
        self._stop()
        self._start()

    def _stop(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGINT)  # the one signal that r0vm's manager ends on
        deadline = time.monotonic() + _STOP_S
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.wait()
        self._processes.clear()
        self.state.pids.clear()

    def _write(self) -> None:
        write_atomic(self.folder / "cluster.json", json.dumps(asdict(self.state), indent=1).encode(), durable=False)


def _pretend() -> str:
    names = ", ".join(f'"{name}"' for name in _TASK_NAMES)
    profile = "\n".join(f"{name} = 0.01" for name in _DELAYS)
    return f"[[pools]]\ncount = 1\ntask_kinds = [{names}]\n[pools.profile]\n{profile}\n"


def answers(address: str) -> bool:
    """Return whether something listens at host:port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def take_down(folder: Path) -> State | None:
    """End the cluster in `folder`, and what a killed supervisor left; return its state, None where nothing ran."""
    state = load_state(folder)
    if state is None:
        return None
    _end(state.supervisor, signal.SIGTERM, "zkhost")
    deadline = time.monotonic() + _STOP_S + 2
    while alive(state.supervisor, "zkhost") and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in state.pids.values():
        _end(pid, signal.SIGKILL, state.plan.r0vm)
    (folder / "cluster.json").unlink(missing_ok=True)
    return state


def _end(pid: int, how: signal.Signals, program: str) -> None:
    if alive(pid, program):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)


def report(state: State) -> dict[str, Any]:
    """Return what `zkhost cluster status` shows."""
    program = state.plan.r0vm
    return {
        "api": f"http://{state.plan.api}",
        "api_answers": answers(state.plan.api),
        "supervisor": alive(state.supervisor, "zkhost"),
        "processes": {name: {"pid": pid, "alive": alive(pid, program)} for name, pid in state.pids.items()},
        "restarts": state.restarts,
        "lost": state.lost,
        "storage": state.plan.storage,
        "dev_mode": state.plan.dev_mode,
        "up_s": round(time.time() - state.since, 1),
    }
