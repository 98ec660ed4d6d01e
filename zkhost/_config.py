"""The only reader of the environment: RISC0_*, BONSAI_*, ZKHOST_*."""

from __future__ import annotations

import os

from zkhost.errors import ConfigError

_TRUE, _FALSE = ("1", "true", "yes"), ("", "0", "false", "no")


def get(name: str) -> str | None:
    """The variable's value, or None where it is unset or empty."""
    return os.environ.get(name) or None


def flag(name: str) -> bool:
    """A yes/no variable, read as risc0 reads RISC0_DEV_MODE: 1, true or yes in any case.

    Raises ConfigError for a value that is neither yes nor no, where risc0 would take it for no without a word.
    """
    value = os.environ.get(name, "").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ConfigError(f"{name} is {value!r}, which is neither yes nor no", hint=f"set {name} to 1 or 0, or unset it")


def dev_mode() -> bool:
    """RISC0_DEV_MODE: fake proofs, for development only."""
    return flag("RISC0_DEV_MODE")
