"""A real r0vm cluster on loopback: a manager with the Bonsai REST API, and workers, each its own process.

`delays` simulates proving (with RISC0_DEV_MODE=1): the whole protocol runs, in as many seconds as one asks for, and the
receipt it gives proves nothing. Without, the workers prove for real.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

_KINDS = ["Execute", "ProveSegment", "ProveKeccak", "Lift", "Join", "Union", "Resolve"]
_DELAYS = ["segment_preflight", "prove_keccak", "lift", "join", "union", "resolve"]


def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """The processes. `url` is the API; `manager` and `workers` are running ones, to be killed and started again."""

    def __init__(
        self, r0vm: Path, folder: Path, *, prove_s: float | None = 0.05, slots: int = 2, po2: int | None = None
    ) -> None:
        """`prove_s`: how long proving a segment is made to take, None: prove. `slots`: tasks a worker runs at once.

        `po2`: the segments' size.
        """
        self._r0vm, self._folder = r0vm, folder
        self._po2 = [] if po2 is None else ["--po2", str(po2)]
        self._api, self._addr = free_port(), free_port()
        self._prove_s, self._slots = prove_s, slots
        self.url = f"http://127.0.0.1:{self._api}"
        self.manager: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Cluster:
        self.start_manager()
        self.start_worker()
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, self.manager]:
            if process is not None:
                process.kill()
                process.wait()

    def start_manager(self) -> None:
        """Start the manager and wait for its API. What is stored stays; sessions it ran before are forgotten."""
        api = ["--api", f"127.0.0.1:{self._api}", "--storage", str(self._folder / "storage")]
        self.manager = self._start("manager", "--manager", *api, *self._po2, "--addr", f"127.0.0.1:{self._addr}")
        for port in (self._api, self._addr):
            self._wait_for(port)

    def start_worker(self) -> None:
        """Start one more worker."""
        config = self._folder / "workers.toml"
        config.write_text(self._pool())
        self.workers.append(
            self._start(f"worker{len(self.workers)}", "--config", str(config), "--addr", f"127.0.0.1:{self._addr}")
        )

    def kill_manager(self) -> None:
        """Kill the manager; its workers end with it."""
        assert self.manager is not None
        self.manager.kill()
        self.manager.wait()

    def kill_worker(self) -> None:
        """Kill the oldest worker."""
        worker = self.workers.pop(0)
        worker.kill()
        worker.wait()

    def logs(self) -> str:
        """What all processes wrote."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def _pool(self) -> str:
        kinds = ", ".join(f'"{kind}"' for kind in _KINDS)
        lines = ["[[pools]]", f"count = {self._slots}", f"task_kinds = [{kinds}]"]
        if self._prove_s is not None:
            lines += [
                "[pools.profile]",
                f"prove_segment_core = {self._prove_s:.3f}",
                *(f"{name} = 0.01" for name in _DELAYS),
            ]
        return "\n".join(lines)

    def _start(self, name: str, *args: str) -> subprocess.Popen[bytes]:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("RISC0_", "BONSAI_"))}
        env["RUST_BACKTRACE"] = "0"  # r0vm's panics are cheap without
        if self._prove_s is not None:
            env["RISC0_DEV_MODE"] = "1"
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen([self._r0vm, *args], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert self.manager is not None
            if self.manager.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"r0vm's manager did not come up:\n{self.logs()}")


def find_r0vm() -> Path:
    """The r0vm that zkhost finds. Raises where there is none: run `make r0vm`."""
    from zkhost.provers import r0vm

    return r0vm.find().path
