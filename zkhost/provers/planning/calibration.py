"""What proving takes on this machine: seconds per segment by its size, recorded from real proofs for later estimates.

The file is JSON, {"machine and prover": {"<po2>": [seconds, ...]}}, the latest few of each size. It is a convenience:
whatever is wrong with it costs an estimate its precision, and no proof ever fails because of it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zkhost import _config, _shim
from zkhost._files import write_atomic

SECONDS_PER_ROW = 6 / 2**15
"""Where nothing was measured: a segment of 2**15 takes some 6 s on two cores with AVX2 or AVX-512, and time is linear in its rows."""
SMALLEST_SEGMENT_PO2 = 14
"""The smallest segment that risc0's executor runs real guests in: at 13 its longest instruction does not fit."""
BYTES_PER_ROW = 0.3e9 / 2**15
"""Peak memory while proving: 0.3 GB for a segment of 2**15, linear in its rows; the same on every machine."""

_RECORDED = 5
_FILE_BYTES = 1 << 20


@dataclass(frozen=True)
class Calibration:
    """Seconds that a segment of 2**po2 rows took here, by po2: the median of the last few. Empty: nothing was proved."""

    seconds: Mapping[int, float]

    def segment_s(self, po2: int) -> float:
        """Return a segment's time: as measured, else in proportion to the nearest size measured, else the default."""
        if not self.seconds:
            return math.ldexp(SECONDS_PER_ROW, po2)
        nearest = min(self.seconds, key=lambda size: (abs(size - po2), -size))
        return math.ldexp(self.seconds[nearest], po2 - nearest)


def load(prover: str) -> Calibration:
    """Return the calibration of a prover (`local`, `ipc`) on this machine."""
    sizes = _read().get(_key(prover), {})
    return Calibration({po2: statistics.median(seconds) for po2, seconds in sizes.items()})


def record(prover: str, seconds: Mapping[int, Sequence[float]]) -> None:
    """Record how long segments took, by po2. Never raises: that would cost the proof just made.

    Of two processes that record at the same moment, one's figures may be lost.
    """
    if not seconds:
        return
    with contextlib.suppress(Exception):
        known = _read()
        sizes = known.setdefault(_key(prover), {})
        for po2, each in seconds.items():
            sizes[po2] = [*sizes.get(po2, []), *each][-_RECORDED:]
        path = _config.calibration_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(known, indent=1).encode(), durable=False)


def _key(prover: str) -> str:
    info = _shim.build_info()
    gpu = ", CUDA" if "cuda" in info["features"] else ""
    return f"{prover}, risc0 {info['risc0_version']}{gpu}, on {platform.node()} with {os.cpu_count()} cores"


def _read() -> dict[str, dict[int, list[float]]]:
    """Return the valid part of the file."""
    try:
        with _config.calibration_file().open("rb") as file:
            data = json.loads(file.read(_FILE_BYTES))
    except (OSError, ValueError, RuntimeError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {key: _sizes(sizes) for key, sizes in data.items() if isinstance(sizes, dict)}


def _sizes(sizes: dict[str, Any]) -> dict[int, list[float]]:
    found = {}
    for po2, each in sizes.items():
        if len(po2) == 2 and po2.isascii() and po2.isdigit() and isinstance(each, list):
            sound = [float(s) for s in each if type(s) in (int, float) and math.isfinite(s) and s > 0]
            if sound:
                found[int(po2)] = sound[-_RECORDED:]
    return found
