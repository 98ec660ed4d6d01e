"""zkhost: the Python host SDK for the RISC Zero zkVM.

Names are imported when they are first used, so that `import zkhost` costs almost nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zkhost._shim import CancelToken as CancelToken
    from zkhost.cache import ReceiptCache as ReceiptCache
    from zkhost.claim import ReceiptKind as ReceiptKind
    from zkhost.contract.declare import Contract as Contract
    from zkhost.errors import ZkhostError as ZkhostError
    from zkhost.estimates import Estimate as Estimate
    from zkhost.estimates import estimate as estimate
    from zkhost.executor_env import Assumption as Assumption
    from zkhost.executor_env import ExecutorEnv as ExecutorEnv
    from zkhost.image_id import ImageID as ImageID
    from zkhost.image_id import image_id_hex as image_id_hex
    from zkhost.image_id import parse_image_id as parse_image_id
    from zkhost.loading import load as load
    from zkhost.policy import VerifyPolicy as VerifyPolicy
    from zkhost.program import Guest as Guest
    from zkhost.provers.base import Executor as Executor
    from zkhost.provers.base import Progress as Progress
    from zkhost.provers.base import ProveInfo as ProveInfo
    from zkhost.provers.base import Prover as Prover
    from zkhost.provers.base import ProverInfo as ProverInfo
    from zkhost.provers.base import ProverOpts as ProverOpts
    from zkhost.provers.select import default_executor as default_executor
    from zkhost.provers.select import default_prover as default_prover
    from zkhost.receipt import Receipt as Receipt
    from zkhost.session import Journal as Journal
    from zkhost.session import SessionInfo as SessionInfo

_WHERE: dict[str, str] = {
    "Assumption": "zkhost.executor_env",
    "CancelToken": "zkhost._shim",
    "Contract": "zkhost.contract.declare",
    "Estimate": "zkhost.estimates",
    "Executor": "zkhost.provers.base",
    "ExecutorEnv": "zkhost.executor_env",
    "Guest": "zkhost.program",
    "ImageID": "zkhost.image_id",
    "Journal": "zkhost.session",
    "Progress": "zkhost.provers.base",
    "ProveInfo": "zkhost.provers.base",
    "Prover": "zkhost.provers.base",
    "ProverInfo": "zkhost.provers.base",
    "ProverOpts": "zkhost.provers.base",
    "Receipt": "zkhost.receipt",
    "ReceiptCache": "zkhost.cache",
    "ReceiptKind": "zkhost.claim",
    "SessionInfo": "zkhost.session",
    "VerifyPolicy": "zkhost.policy",
    "ZkhostError": "zkhost.errors",
    "default_executor": "zkhost.provers.select",
    "default_prover": "zkhost.provers.select",
    "estimate": "zkhost.estimates",
    "image_id_hex": "zkhost.image_id",
    "load": "zkhost.loading",
    "parse_image_id": "zkhost.image_id",
}

__all__ = [
    "Assumption",
    "CancelToken",
    "Contract",
    "Estimate",
    "Executor",
    "ExecutorEnv",
    "Guest",
    "ImageID",
    "Journal",
    "Progress",
    "ProveInfo",
    "Prover",
    "ProverInfo",
    "ProverOpts",
    "Receipt",
    "ReceiptCache",
    "ReceiptKind",
    "SessionInfo",
    "VerifyPolicy",
    "ZkhostError",
    "default_executor",
    "default_prover",
    "estimate",
    "image_id_hex",
    "load",
    "parse_image_id",
]


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
