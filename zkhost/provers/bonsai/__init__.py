"""The remote prover: Bonsai, Bento or an r0vm cluster, over the Bonsai REST API.

transport (httpx) -> client (endpoints) -> remote_session (waiting) -> remote_prover (asyncio) -> prover (the interface)
"""

from zkhost.provers.bonsai.prover import BonsaiProver, BonsaiSession
from zkhost.provers.bonsai.retry import RetryPolicy
from zkhost.provers.bonsai.session_store import SessionRecord, SessionStore
from zkhost.provers.bonsai.settings import ApiKey, Settings

__all__ = ["ApiKey", "BonsaiProver", "BonsaiSession", "RetryPolicy", "SessionRecord", "SessionStore", "Settings"]
