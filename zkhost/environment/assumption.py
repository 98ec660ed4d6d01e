"""Claims that a guest may assume without a proof at hand."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost.errors import ConfigError


@dataclass(frozen=True)
class Assumption:
    """A claim that a guest may assume without proof (`env::verify`). It suffices to execute; proving needs the receipt."""

    claim: bytes
    """The digest of the assumed receipt's claim, 32 bytes."""
    control_root: bytes = bytes(32)
    """All zero for a receipt proved by the same programs, as zkhost's own are."""

    def __post_init__(self) -> None:
        for name in ("claim", "control_root"):
            if len(getattr(self, name)) != 32:
                raise ConfigError(f"Assumption.{name} has {len(getattr(self, name))} bytes, not 32")
