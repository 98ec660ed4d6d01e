"""zkhost: the Python host SDK for the RISC Zero zkVM.

Names are imported when they are first used, so that `import zkhost` costs almost nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken as CancelToken
    from zkhost.contract.declare import Contract as Contract
    from zkhost.environment.assumption import Assumption as Assumption
    from zkhost.environment.executor_env import ExecutorEnv as ExecutorEnv
    from zkhost.errors import ZkhostError as ZkhostError
    from zkhost.guest.guest import Guest as Guest
    from zkhost.image_id import ImageID as ImageID
    from zkhost.image_id import compute_image_id as compute_image_id
    from zkhost.image_id import program_binary as program_binary
    from zkhost.project.loading import load as load
    from zkhost.provers.batch import MapResult as MapResult
    from zkhost.provers.features import Feature as Feature
    from zkhost.provers.interface import Executor as Executor
    from zkhost.provers.interface import Prover as Prover
    from zkhost.provers.options import ProveInfo as ProveInfo
    from zkhost.provers.options import Provenance as Provenance
    from zkhost.provers.options import ProverOpts as ProverOpts
    from zkhost.provers.planning.estimate import Estimate as Estimate
    from zkhost.provers.planning.estimate import estimate as estimate
    from zkhost.provers.select import default_executor as default_executor
    from zkhost.provers.select import default_prover as default_prover
    from zkhost.provers.storage.receipt_cache import ReceiptCache as ReceiptCache
    from zkhost.receipt.claim import ReceiptKind as ReceiptKind
    from zkhost.receipt.policy import VerifyPolicy as VerifyPolicy
    from zkhost.receipt.receipt import Receipt as Receipt
    from zkhost.session import Journal as Journal
    from zkhost.session import Phase as Phase
    from zkhost.session import Progress as Progress
    from zkhost.session import SessionInfo as SessionInfo

_WHERE: dict[str, str] = {
    "Assumption": "zkhost.environment.assumption",
    "CancelToken": "zkhost._cancel",
    "Contract": "zkhost.contract.declare",
    "Estimate": "zkhost.provers.planning.estimate",
    "Executor": "zkhost.provers.interface",
    "ExecutorEnv": "zkhost.environment.executor_env",
    "Feature": "zkhost.provers.features",
    "Guest": "zkhost.guest.guest",
    "ImageID": "zkhost.image_id",
    "Journal": "zkhost.session",
    "MapResult": "zkhost.provers.batch",
    "Phase": "zkhost.session",
    "Progress": "zkhost.session",
    "ProveInfo": "zkhost.provers.options",
    "Provenance": "zkhost.provers.options",
    "Prover": "zkhost.provers.interface",
    "ProverOpts": "zkhost.provers.options",
    "Receipt": "zkhost.receipt.receipt",
    "ReceiptCache": "zkhost.provers.storage.receipt_cache",
    "ReceiptKind": "zkhost.receipt.claim",
    "SessionInfo": "zkhost.session",
    "VerifyPolicy": "zkhost.receipt.policy",
    "ZkhostError": "zkhost.errors",
    "default_executor": "zkhost.provers.select",
    "default_prover": "zkhost.provers.select",
    "estimate": "zkhost.provers.planning.estimate",
    "compute_image_id": "zkhost.image_id",
    "load": "zkhost.project.loading",
    "program_binary": "zkhost.image_id",
}

__all__ = [
    "Assumption",
    "CancelToken",
    "Contract",
    "Estimate",
    "Executor",
    "ExecutorEnv",
    "Feature",
    "Guest",
    "ImageID",
    "Journal",
    "MapResult",
    "Phase",
    "Progress",
    "ProveInfo",
    "Provenance",
    "Prover",
    "ProverOpts",
    "Receipt",
    "ReceiptCache",
    "ReceiptKind",
    "SessionInfo",
    "VerifyPolicy",
    "ZkhostError",
    "compute_image_id",
    "default_executor",
    "default_prover",
    "estimate",
    "load",
    "program_binary",
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
