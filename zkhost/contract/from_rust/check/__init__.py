"""`zkhost import-types --check`: printed annotations against the real serde, on the words of random values."""

from __future__ import annotations

from zkhost.contract.from_rust.check.wire_check import Verdict, check_types

__all__ = ["Verdict", "check_types"]
