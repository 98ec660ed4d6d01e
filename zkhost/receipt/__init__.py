"""Receipts: what they claim, how they are read and written, and how they are verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.receipt.evm import verify_calldata as verify_calldata
    from zkhost.receipt.set_inclusion import SET_BUILDER_V0_9 as SET_BUILDER_V0_9
    from zkhost.receipt.set_inclusion import SetInclusionReceipt as SetInclusionReceipt
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.receipt.evm": "verify_calldata",
            "zkhost.receipt.set_inclusion": "SET_BUILDER_V0_9 SetInclusionReceipt",
        },
    )
