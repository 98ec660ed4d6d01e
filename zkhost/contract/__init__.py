"""The contract of a project: types declared once in Python, and the Rust module of the guest made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.contract.fingerprint import check_contract as check_contract
    from zkhost.contract.from_rust.check.wire_check import Verdict as Verdict
    from zkhost.contract.from_rust.check.wire_check import check_types as check_types
    from zkhost.contract.from_rust.python_module import PythonModule as PythonModule
    from zkhost.contract.from_rust.python_module import python_module as python_module
    from zkhost.contract.from_rust.rust_import import Imported as Imported
    from zkhost.contract.from_rust.rust_import import Note as Note
    from zkhost.contract.from_rust.rust_import import import_rust as import_rust
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.contract.fingerprint": "check_contract",
            "zkhost.contract.from_rust.check.wire_check": "Verdict check_types",
            "zkhost.contract.from_rust.python_module": "PythonModule python_module",
            "zkhost.contract.from_rust.rust_import": "Imported Note import_rust",
        },
    )
