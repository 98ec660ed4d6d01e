"""Tools for the tests of projects: random values of any schema, round trips through Rust, guests in the executor.

`check_roundtrip(T)` sends random values of a type through this codec and through Rust's. `strategy(T)` gives the
hypothesis strategy for one's own tests. The pytest plugin (`zkhost.testing.plugin`, installed with zkhost) adds the
fixtures `zkhost_execute`, `zkhost_prove` and `assert_cycles`, and the marker `zkhost_prove`.

Needs the extra `testing`: pip install zkhost[testing]
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zkhost.testing.mismatch import MismatchError as MismatchError
    from zkhost.testing.oracles import EchoGuest as EchoGuest
    from zkhost.testing.oracles import Oracle as Oracle
    from zkhost.testing.oracles import RustOracle as RustOracle
    from zkhost.testing.oracles import TypedGuest as TypedGuest
    from zkhost.testing.packed import PackedOracle as PackedOracle
    from zkhost.testing.roundtrip import check_roundtrip as check_roundtrip
    from zkhost.testing.roundtrip import check_value as check_value
    from zkhost.testing.strategies import strategy as strategy

_WHERE = {
    "MismatchError": "mismatch",
    "Oracle": "oracles",
    "EchoGuest": "oracles",
    "PackedOracle": "packed",
    "RustOracle": "oracles",
    "TypedGuest": "oracles",
    "check_roundtrip": "roundtrip",
    "check_value": "roundtrip",
    "strategy": "strategies",
}

__all__ = [
    "EchoGuest",
    "MismatchError",
    "Oracle",
    "PackedOracle",
    "RustOracle",
    "TypedGuest",
    "check_roundtrip",
    "check_value",
    "strategy",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'zkhost.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"zkhost.testing.{_WHERE[name]}"), name)
