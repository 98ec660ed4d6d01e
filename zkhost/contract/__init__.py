"""The contract of a project: types declared once in Python, and the Rust module of the guest made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.contract.fingerprint import check_contract as check_contract
    from zkhost.contract.python_source import PythonSource as PythonSource
    from zkhost.contract.rust_types import read_rust as read_rust
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.contract.fingerprint": "check_contract",
            "zkhost.contract.python_source": "PythonSource",
            "zkhost.contract.rust_types": "read_rust",
        },
    )
