"""zkhost: the Python host SDK for the RISC Zero zkVM.

Names are imported when they are first used, so that `import zkhost` costs almost nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

_WHERE: dict[str, str] = {
    "ZkhostError": "zkhost.errors",
}

__all__ = ["ZkhostError"]


def __getattr__(name: str) -> Any:
    try:
        module = _WHERE[name]
    except KeyError:
        raise AttributeError(f"module 'zkhost' has no attribute {name!r}") from None
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
