"""What is required of a proof: what it states, which verifier accepts it, and whom the market calls with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zkhost.boundless._evm_values import (
    ADDRESS_BYTES,
    WORD,
    ZERO_ADDRESS,
    address_bytes,
    fields,
    hex_bytes,
    hex_text,
    number,
    struct_hash,
    word,
)
from zkhost.boundless.predicate import PREDICATE_TYPE, Predicate, predicate_from_plain, predicate_hash, predicate_plain
from zkhost.errors import MarketFormatError

ANY_PROOF = bytes(4)
"""The selector of a request that takes any kind of proof: the cheapest, in practice a path into an aggregated one."""
GROTH16_V3_0 = bytes.fromhex("73c457ba")
"""The selector of a groth16 proof of risc0 3.0."""
SET_INCLUSION_V0_9 = bytes.fromhex("242f9d5b")
"""The selector of a path into a set that risc0-aggregation 0.9 proved."""

CALLBACK_TYPE = "Callback(address addr,uint96 gasLimit)"
REQUIREMENTS_TYPE = "Requirements(Callback callback,Predicate predicate,bytes4 selector)"

_PATH = ".requirements"
_GAS_BITS, _SELECTOR_BYTES = 96, 4


@dataclass(frozen=True)
class Callback:
    """A contract that the market calls with the proof, and the gas it may use."""

    address: bytes
    """20 bytes; all zero: no call."""
    gas_limit: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", address_bytes(self.address, f"{_PATH}.callback.addr"))
        number(self.gas_limit, f"{_PATH}.callback.gasLimit", _GAS_BITS)


NO_CALLBACK = Callback(ZERO_ADDRESS, 0)


@dataclass(frozen=True)
class Requirements:
    """What a proof has to be. Raises MarketFormatError for values that do not fit the contract's."""

    predicate: Predicate
    selector: bytes = ANY_PROOF
    """The verifier that has to accept the seal, 4 bytes: ANY_PROOF, GROTH16_V3_0 or SET_INCLUSION_V0_9."""
    callback: Callback = NO_CALLBACK

    def __post_init__(self) -> None:
        if len(self.selector) != _SELECTOR_BYTES:
            path = f"{_PATH}.selector"
            raise MarketFormatError(f"{path}: {len(self.selector)} bytes, not {_SELECTOR_BYTES}", path=path)

    def plain(self) -> dict[str, Any]:
        """Return the requirements as JSON has them."""
        callback = {"addr": hex_text(self.callback.address), "gasLimit": hex(self.callback.gas_limit)}
        predicate = predicate_plain(self.predicate)
        return {"callback": callback, "predicate": predicate, "selector": hex_text(self.selector)}

    @classmethod
    def from_plain(cls, given: Any) -> Requirements:
        """Read requirements from JSON."""
        found = fields(given, _PATH, ("callback", "predicate", "selector"))
        callback = fields(found["callback"], f"{_PATH}.callback", ("addr", "gasLimit"))
        return cls(
            predicate=predicate_from_plain(found["predicate"], f"{_PATH}.predicate"),
            selector=hex_bytes(found["selector"], f"{_PATH}.selector", size=_SELECTOR_BYTES),
            callback=Callback(
                hex_bytes(callback["addr"], f"{_PATH}.callback.addr", size=ADDRESS_BYTES),
                number(callback["gasLimit"], f"{_PATH}.callback.gasLimit", _GAS_BITS),
            ),
        )

    def hash(self) -> bytes:
        """Return the EIP-712 hash (`Requirements.sol`)."""
        return struct_hash(
            REQUIREMENTS_TYPE + CALLBACK_TYPE + PREDICATE_TYPE,
            struct_hash(CALLBACK_TYPE, word(self.callback.address), word(self.callback.gas_limit)),
            predicate_hash(self.predicate),
            self.selector.ljust(WORD, b"\0"),
        )
