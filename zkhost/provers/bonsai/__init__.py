"""The remote prover: Bonsai, Bento or an r0vm cluster, over the Bonsai REST API.

transport (httpx) -> client (endpoints) -> remote_session (waiting) -> remote_prover (asyncio) -> bonsai_prover (the interface)
"""

from zkhost.provers.bonsai.bonsai_prover import BonsaiProver, BonsaiSession
from zkhost.provers.bonsai.remote_settings import ApiKey, Settings
from zkhost.provers.bonsai.retry import RetryPolicy
from zkhost.provers.bonsai.session_store import SessionRecord, SessionStore

__all__ = ["ApiKey", "BonsaiProver", "BonsaiSession", "RetryPolicy", "SessionRecord", "SessionStore", "Settings"]
