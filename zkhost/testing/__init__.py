"""Tools for the tests of projects: random values of any schema, round trips through Rust, guests in the executor.

`check_roundtrip(T)` sends random values of a type through this codec and through Rust's. `strategy(T)` is the
hypothesis strategy for a project's own tests. The pytest plugin (`zkhost.testing.plugin`, installed with zkhost) adds
the fixtures `zkhost_execute`, `zkhost_prove` and `assert_cycles`, and the marker `zkhost_prove`.

Needs the extra `testing`: pip install zkhost[testing]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.testing.mismatch import MismatchError as MismatchError
    from zkhost.testing.oracles import EchoGuest as EchoGuest
    from zkhost.testing.oracles import Oracle as Oracle
    from zkhost.testing.oracles import RustOracle as RustOracle
    from zkhost.testing.oracles import TypedGuest as TypedGuest
    from zkhost.testing.packed import PackedOracle as PackedOracle
    from zkhost.testing.prover_suite import ProverSuite as ProverSuite
    from zkhost.testing.prover_suite import ProvingSuite as ProvingSuite
    from zkhost.testing.roundtrip import check_roundtrip as check_roundtrip
    from zkhost.testing.roundtrip import check_value as check_value
    from zkhost.testing.strategies import strategy as strategy
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.testing.mismatch": "MismatchError",
            "zkhost.testing.oracles": "EchoGuest Oracle RustOracle TypedGuest",
            "zkhost.testing.packed": "PackedOracle",
            "zkhost.testing.prover_suite": "ProverSuite ProvingSuite",
            "zkhost.testing.roundtrip": "check_roundtrip check_value",
            "zkhost.testing.strategies": "strategy",
        },
    )
