"""The number by which the market knows a request."""

from __future__ import annotations

from dataclasses import dataclass

from zkhost.boundless._evm_values import ADDRESS_BYTES, ZERO_ADDRESS, address_bytes
from zkhost.errors import MarketFormatError

_INDEX_BITS = 32
_SMART_CONTRACT_SIGNED = 1 << 192


@dataclass(frozen=True)
class RequestID:
    """The client's address and an index, of which each can be fulfilled once. `int(request_id)` is the market's number."""

    address: bytes
    """20 bytes: the account or contract that signs the request."""
    index: int
    """Chosen by the client, a u32."""
    smart_contract_signed: bool = False
    """Whether the contract at the address checks the signature (ERC-1271)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", address_bytes(self.address, ".id"))
        if self.address == ZERO_ADDRESS:
            raise MarketFormatError("a request's ID holds the address of its client, not 0", path=".id")
        if not 0 <= self.index < 1 << _INDEX_BITS:
            raise MarketFormatError(f"the index {self.index} of a request is not a u32", path=".id")

    def __int__(self) -> int:
        flag = _SMART_CONTRACT_SIGNED if self.smart_contract_signed else 0
        return flag | int.from_bytes(self.address, "big") << _INDEX_BITS | self.index

    @classmethod
    def of(cls, number: int) -> RequestID:
        """Return what the market's number stands for. Raises MarketFormatError for one with flags that are not known."""
        if not 0 <= number < 2 * _SMART_CONTRACT_SIGNED:
            raise MarketFormatError(f"{number:#x} is not a request's ID: it has flags that are not known", path=".id")
        address = (number % _SMART_CONTRACT_SIGNED >> _INDEX_BITS).to_bytes(ADDRESS_BYTES, "big")
        return cls(address, number % (1 << _INDEX_BITS), number >= _SMART_CONTRACT_SIGNED)
