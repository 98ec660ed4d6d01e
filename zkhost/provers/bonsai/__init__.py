"""The remote prover: Bonsai, Bento or an r0vm cluster, over the Bonsai REST API.

transport (httpx) -> client (endpoints) -> session (waiting) -> aprover (asyncio) -> prover (blocking)
"""

from zkhost.provers.bonsai.aprover import AsyncBonsaiProver
from zkhost.provers.bonsai.prover import BonsaiProver, BonsaiSession
from zkhost.provers.bonsai.retry import RetryPolicy
from zkhost.provers.bonsai.session import RemoteSession
from zkhost.provers.bonsai.settings import ApiKey, Settings
from zkhost.provers.bonsai.store import SessionRecord, SessionStore

__all__ = [
    "ApiKey",
    "AsyncBonsaiProver",
    "BonsaiProver",
    "BonsaiSession",
    "RemoteSession",
    "RetryPolicy",
    "SessionRecord",
    "SessionStore",
    "Settings",
]
