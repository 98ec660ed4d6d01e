"""The only reader of the environment: RISC0_*, BONSAI_*, ZKHOST_*."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zkhost.errors import ConfigError

_TRUE, _FALSE = ("1", "true", "yes"), ("", "0", "false", "no")


def get(name: str) -> str | None:
    """Return the variable's value, or None where it is unset or empty."""
    return os.environ.get(name) or None


def flag(name: str) -> bool:
    """Read a yes/no variable as risc0 reads RISC0_DEV_MODE: 1, true or yes in any case.

    Raises ConfigError for a value that is neither yes nor no, where risc0 silently reads it as no.
    """
    value = os.environ.get(name, "").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise _refusal(f"{name} is {value!r}, which is neither yes nor no", f"set {name} to 1 or 0, or unset it")


def no_color() -> bool:
    """NO_COLOR: plain text, whatever the terminal can do (https://no-color.org: any value but the empty one)."""
    return bool(get("NO_COLOR"))


def dev_mode() -> bool:
    """RISC0_DEV_MODE: fake proofs, for development only."""
    return flag("RISC0_DEV_MODE")


def milliseconds(name: str) -> float | None:
    """Read a variable in whole milliseconds, as seconds; None where it is unset. Raises ConfigError for anything else."""
    text = get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) == 0:
        raise _refusal(f"{name} is {text!r}, which is not a number of milliseconds", f"set {name}=500, or unset it")
    return int(text) / 1000


def bonsai_api() -> tuple[str, str] | None:
    """Return BONSAI_API_URL and BONSAI_API_KEY, None where neither is set. Raises ConfigError where only one is."""
    url, key = get("BONSAI_API_URL"), get("BONSAI_API_KEY")
    if url is None and key is None:
        return None
    if url is None or key is None:
        present, absent = ("BONSAI_API_URL", "BONSAI_API_KEY") if key is None else ("BONSAI_API_KEY", "BONSAI_API_URL")
        raise _refusal(f"{present} is set but {absent} is not", f"set {absent} too, or unset {present}")
    return url, key


def bonsai_timeout_s(default: float) -> float | None:
    """BONSAI_TIMEOUT_MS: how long one request may take, in seconds; None for `none`, as risc0 has it: no limit."""
    if (get("BONSAI_TIMEOUT_MS") or "").lower() == "none":
        return None
    return milliseconds("BONSAI_TIMEOUT_MS") or default


def bonsai_poll_interval_s() -> float | None:
    """BONSAI_POLL_INTERVAL_MS: a fixed time between two status requests of a session, in seconds; None: adaptive."""
    return milliseconds("BONSAI_POLL_INTERVAL_MS")


def dask_address() -> str | None:
    """ZKHOST_DASK_ADDRESS: the scheduler of the Dask cluster to prove on, as tcp://host:port."""
    return get("ZKHOST_DASK_ADDRESS")


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this environment for a risc0 program: with `extra`, without what would configure it (RISC0_*, BONSAI_*)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RISC0_", "BONSAI_"))}
    return {**kept, **extra}


def state_dir() -> Path:
    """ZKHOST_STATE_DIR, else the platform's folder for a user's state: what outlives the process, as session ids do."""
    from platformdirs import user_state_path

    folder = get("ZKHOST_STATE_DIR")
    return Path(folder) if folder else user_state_path("zkhost")


def calibration_file() -> Path:
    """ZKHOST_CALIBRATION, else calibration.json in the platform's cache folder: how fast this machine proves."""
    from platformdirs import user_cache_path

    file = get("ZKHOST_CALIBRATION")
    return Path(file) if file else user_cache_path("zkhost") / "calibration.json"


def _refusal(message: str, hint: str) -> ConfigError:
    """Return the error. Its module is loaded here, because `zkhost --help` reads NO_COLOR and needs no errors."""
    from zkhost.errors import ConfigError

    return ConfigError(message, hint=hint)
