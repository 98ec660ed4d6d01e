"""The memory available on this machine, or in this container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_NO_LIMIT_BYTES = 1 << 60


def available_bytes(root: Path = Path("/")) -> int:
    """Return what can be allocated now without swapping: the kernel's estimate, within the control group's limit.

    Where the system reports neither: all memory of the machine.
    """
    return min(_system(root), *_groups(root))


def _system(root: Path) -> int:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _groups(root: Path) -> Iterator[int]:
    """Yield what this process's control group and those around it leave (cgroup v2); none where there are no limits."""
    yield _NO_LIMIT_BYTES
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    top = root / "sys/fs/cgroup"
    folder = top / next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")
    for group in (folder, *folder.parents):
        if not group.is_relative_to(top):
            return
        try:
            limit, used = (group / "memory.max").read_text().strip(), int((group / "memory.current").read_text())
            stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            cache = int(stat.get("inactive_file", 0))
        except (OSError, ValueError):
            continue
        if limit != "max":
            yield max(0, int(limit) - used + cache)
