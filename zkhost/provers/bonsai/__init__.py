"""The remote prover: Bonsai, Bento or an r0vm cluster, over the Bonsai REST API.

transport (httpx) -> client (endpoints) -> remote_session (waiting) -> remote_prover (asyncio) -> bonsai_prover (the interface)
"""
