"""Proofs from the Boundless market: guest inputs, requests, offers, and what provers deliver.

zkhost writes what the market's own tools read and verifies what comes back. It has no wallet: requests are signed and
sent by those tools, or by a wallet of yours over `ProofRequest.signing_hash`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.boundless.execution import Preflight as Preflight
    from zkhost.boundless.execution import preflight as preflight
    from zkhost.boundless.fulfillment import Fulfillment as Fulfillment
    from zkhost.boundless.guest_env import GuestEnv as GuestEnv
    from zkhost.boundless.offer import WEI_PER_ETHER as WEI_PER_ETHER
    from zkhost.boundless.offer import Offer as Offer
    from zkhost.boundless.offer import price_of_cycles as price_of_cycles
    from zkhost.boundless.predicate import ClaimDigestMatch as ClaimDigestMatch
    from zkhost.boundless.predicate import DigestMatch as DigestMatch
    from zkhost.boundless.predicate import Predicate as Predicate
    from zkhost.boundless.predicate import PrefixMatch as PrefixMatch
    from zkhost.boundless.request import ProofRequest as ProofRequest
    from zkhost.boundless.request_id import RequestID as RequestID
    from zkhost.boundless.request_input import InputURL as InputURL
    from zkhost.boundless.requirements import ANY_PROOF as ANY_PROOF
    from zkhost.boundless.requirements import GROTH16_V3_0 as GROTH16_V3_0
    from zkhost.boundless.requirements import SET_INCLUSION_V0_9 as SET_INCLUSION_V0_9
    from zkhost.boundless.requirements import Callback as Callback
    from zkhost.boundless.requirements import Requirements as Requirements
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.boundless.fulfillment": "Fulfillment",
            "zkhost.boundless.guest_env": "GuestEnv",
            "zkhost.boundless.offer": "Offer WEI_PER_ETHER price_of_cycles",
            "zkhost.boundless.predicate": "ClaimDigestMatch DigestMatch Predicate PrefixMatch",
            "zkhost.boundless.execution": "Preflight preflight",
            "zkhost.boundless.request": "ProofRequest",
            "zkhost.boundless.request_id": "RequestID",
            "zkhost.boundless.request_input": "InputURL",
            "zkhost.boundless.requirements": "ANY_PROOF Callback GROTH16_V3_0 Requirements SET_INCLUSION_V0_9",
        },
    )
