"""The guests of the suite, and what its tests have in common."""

from __future__ import annotations

import functools
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from zkhost import _shim
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ConfigError, UnsupportedError
from zkhost.provers import features
from zkhost.provers.interface import Executor
from zkhost.session import SessionInfo

__all__ = ["Guests", "Level", "Suite", "build_guests", "run", "u32"]

Guests = Mapping[str, bytes]


@functools.cache
def build_guests(folder: Path) -> Guests:
    """Return the suite's guests by name, built if need be from `folder`: guest-methods of zkhost's source tree.

    Raises ConfigError where that is missing, and BuildErrors.
    """
    built: dict[str, bytes] = {}
    for package in ("guests", "test-guests"):
        if not (folder / package / "Cargo.toml").is_file():
            raise ConfigError(
                f"{folder} has no {package}: the suite's guests are in zkhost's source tree",
                hint="clone it at this version's tag, and set guest_methods of the test class to its guest-methods",
            )
        request = {"package": str(folder / package)}
        report = _shim.call("build_guests", request, _shim.Host(writers={2: lambda _: None}))
        built |= {guest["name"]: Path(guest["program"]).read_bytes() for guest in report["guests"]}
    return built


class Suite:
    """The base of the suite's classes; a subclass needs a fixture `prover`.

    patience_s: how long it may take to return once cancelled. input_mib: the largest input that it accepts.
    guest_methods: where the sources of the guests are, the folder of that name in zkhost's source tree.
    """

    guest_methods: ClassVar[Path]
    patience_s = 5.0
    input_mib = 256

    @pytest.fixture
    def temporary_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Temporary files of the test go to a folder of its own, and none may be left there."""
        folder = tmp_path / "temporary"
        folder.mkdir()
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        yield
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and any(folder.iterdir()):
            time.sleep(0.02)
        assert list(folder.iterdir()) == []

    @pytest.fixture
    def guests(self) -> Guests:
        """The guests by name."""
        return build_guests(self.guest_methods)


def run(prover: Executor, env: ExecutorEnv, program: bytes) -> SessionInfo | None:
    """Return the run; None where the prover lacks what the environment needs, reported so, and started nothing."""
    lacking = features.used_by(env) & prover.lacks
    if not lacking:
        return prover.execute(env, program)
    with pytest.raises(UnsupportedError) as caught:
        prover.execute(env, program)
    assert set(caught.value.asked.split(", ")) == lacking
    assert caught.value.hint
    return None


def u32(number: int) -> bytes:
    """Return a number in the standard format."""
    return number.to_bytes(4, "little")


@dataclass(frozen=True)
class Level:
    """What this process holds: resident memory, open files, threads, child processes. From /proc, so on Linux."""

    memory_bytes: int
    files: int
    threads: int
    children: frozenset[int]

    @classmethod
    def now(cls) -> Level:
        """Measure the current level."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files, threads = (len(os.listdir(f"/proc/self/{name}")) for name in ("fd", "task"))
        return cls(pages * os.sysconf("SC_PAGE_SIZE"), files, threads, frozenset(_children()))

    def check(self, *, memory_bytes: int) -> None:
        """Fail unless within 30 s nothing is above this level, except memory by `memory_bytes`."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._above(Level.now(), memory_bytes):
            time.sleep(0.05)
        assert self._above(Level.now(), memory_bytes) == {}

    def _above(self, now: Level, memory_bytes: int) -> dict[str, object]:
        grown: dict[str, Callable[[Level], int]] = {
            "files": lambda level: level.files,
            "threads": lambda level: level.threads,
            "MiB": lambda level: level.memory_bytes >> 20,
        }
        above: dict[str, object] = {
            name: (of(self), of(now))
            for name, of in grown.items()
            if of(now) > of(self) + (memory_bytes >> 20 if name == "MiB" else 0)
        }
        if now.children - self.children:
            above["children"] = sorted(now.children - self.children)
        return above


def _children() -> list[int]:
    """Return the processes that this one has started and not waited for."""
    mine = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            mine.append(int(stat.parent.name))
    return mine
