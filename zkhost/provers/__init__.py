"""Where guests run and proofs are made: in this process, on r0vm, on a Dask cluster, on a remote prover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.provers.arguments import HasProgram as HasProgram
    from zkhost.provers.arguments import HasTypedInput as HasTypedInput
    from zkhost.provers.arguments import Program as Program
    from zkhost.provers.bonsai.bonsai_prover import BonsaiProver as BonsaiProver
    from zkhost.provers.bonsai.bonsai_prover import BonsaiSession as BonsaiSession
    from zkhost.provers.bonsai.remote_settings import ApiKey as ApiKey
    from zkhost.provers.bonsai.remote_settings import RemoteSettings as RemoteSettings
    from zkhost.provers.bonsai.retry import RetryPolicy as RetryPolicy
    from zkhost.provers.bonsai.session_store import SessionRecord as SessionRecord
    from zkhost.provers.bonsai.session_store import SessionStore as SessionStore
    from zkhost.provers.dask.dask_prover import DaskProver as DaskProver
    from zkhost.provers.ipc import IpcProver as IpcProver
    from zkhost.provers.local import LocalProver as LocalProver
    from zkhost.provers.select import Choice as Choice
    from zkhost.provers.select import choose_executor as choose_executor
    from zkhost.provers.select import choose_prover as choose_prover
    from zkhost.provers.storage.checkpoint import CheckpointWarning as CheckpointWarning
    from zkhost.provers.storage.receipt_cache import CacheEntry as CacheEntry
    from zkhost.provers.storage.request_key import RequestKey as RequestKey
    from zkhost.provers.storage.request_key import request_key as request_key
    from zkhost.session import OnProgress as OnProgress
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.provers.bonsai.bonsai_prover": "BonsaiProver BonsaiSession",
            "zkhost.provers.bonsai.retry": "RetryPolicy",
            "zkhost.provers.bonsai.session_store": "SessionRecord SessionStore",
            "zkhost.provers.bonsai.remote_settings": "ApiKey RemoteSettings",
            "zkhost.provers.dask.dask_prover": "DaskProver",
            "zkhost.provers.ipc": "IpcProver",
            "zkhost.provers.local": "LocalProver",
            "zkhost.provers.arguments": "HasProgram HasTypedInput Program",
            "zkhost.provers.select": "Choice choose_executor choose_prover",
            "zkhost.provers.storage.checkpoint": "CheckpointWarning",
            "zkhost.provers.storage.receipt_cache": "CacheEntry",
            "zkhost.provers.storage.request_key": "RequestKey request_key",
            "zkhost.session": "OnProgress",
        },
    )
