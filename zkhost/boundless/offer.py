"""What a client pays for a proof: a reverse Dutch auction.

The price is `min_price` until `ramp_up_start`, rises to `max_price` over `ramp_up_period`, and stays there until
`lock_timeout`. The prover that locks the request is paid the price of that moment, and loses its collateral if it has
not delivered by then. Until `timeout` another may deliver, for that collateral.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from zkhost.boundless._evm_values import fields, number, struct_hash, word
from zkhost.errors import MarketFormatError

MCYCLE = 1_000_000
"""Prices are quoted for so many cycles."""
WEI_PER_ETHER = 10**18
"""Prices are in wei; collateral is in as many parts of a ZKC."""

OFFER_TYPE = (
    "Offer(uint256 minPrice,uint256 maxPrice,uint64 rampUpStart,uint32 rampUpPeriod,uint32 lockTimeout,"
    "uint32 timeout,uint256 lockCollateral)"
)
_FIELDS = {
    "min_price": ("minPrice", 256),
    "max_price": ("maxPrice", 256),
    "ramp_up_start": ("rampUpStart", 64),
    "ramp_up_period": ("rampUpPeriod", 32),
    "lock_timeout": ("lockTimeout", 32),
    "timeout": ("timeout", 32),
    "lock_collateral": ("lockCollateral", 256),
}
"""The contract's names of the fields, in its order, and their bits."""
_MOST_AFTER_LOCK = 1 << 24

# What boundless-market recommends (`ParameterizationMode::fulfillment`), so that most provers can serve the request.
_START_DELAY_S, _LONGEST_START_DELAY_S = 30, 3600
_RAMP_S, _RAMP_S_PER_MCYCLE, _LONGEST_RAMP_S = 600, 2, 7200
_LOCK_S, _LOCK_S_PER_MCYCLE, _LONGEST_LOCK_S = 1800, 7, 14400


@dataclass(frozen=True)
class Offer:
    """Prices in wei, collateral in 10^-18 ZKC, times in seconds, all of them from `ramp_up_start`, a UNIX time.

    Raises MarketFormatError for an offer that the market's contract would refuse, naming the field.
    """

    min_price: int
    max_price: int
    ramp_up_start: int
    ramp_up_period: int
    lock_timeout: int
    timeout: int
    lock_collateral: int

    def __post_init__(self) -> None:
        for name, (theirs, bits) in _FIELDS.items():
            number(getattr(self, name), f".offer.{theirs}", bits)
        for name in ("max_price", "ramp_up_start", "lock_timeout", "timeout"):
            if getattr(self, name) == 0:
                raise _bad(name, "it must be more than 0")
        if self.min_price > self.max_price:
            raise _bad("min_price", f"{self.min_price} is more than max_price, {self.max_price}")
        if self.ramp_up_period > self.lock_timeout:
            raise _bad("ramp_up_period", f"{self.ramp_up_period} is longer than lock_timeout, {self.lock_timeout}")
        if self.lock_timeout > self.timeout:
            raise _bad("lock_timeout", f"{self.lock_timeout} is longer than timeout, {self.timeout}")
        if self.timeout - self.lock_timeout >= _MOST_AFTER_LOCK:
            raise _bad("timeout", f"{self.timeout} is 2^24 seconds or more after lock_timeout, {self.lock_timeout}")

    @classmethod
    def for_cycles(
        cls,
        cycles: int,
        *,
        max_price: int,
        lock_collateral: int,
        min_price: int = 0,
        ramp_up_start: int | None = None,
        ramp_up_period: int | None = None,
        lock_timeout: int | None = None,
        timeout: int | None = None,
    ) -> Offer:
        """Suggest an offer for a run of so many cycles. Prices are the caller's: zkhost asks no market for them.

        Times that are not given are those that boundless-market recommends for the cycles: bids begin when provers have
        had time to execute the guest, the ramp is 10 minutes and 2 s a million cycles, the lock 30 minutes and 7 s a
        million cycles, and the whole twice the lock. `price_of_cycles` helps with `max_price`.
        """
        mcycles = -(-cycles // MCYCLE)
        delay = min(max(_START_DELAY_S, mcycles), _LONGEST_START_DELAY_S)
        lock = min(_LOCK_S + _LOCK_S_PER_MCYCLE * mcycles, _LONGEST_LOCK_S) if lock_timeout is None else lock_timeout
        ramp = min(_RAMP_S + _RAMP_S_PER_MCYCLE * mcycles, _LONGEST_RAMP_S, lock)
        return cls(
            min_price=min_price,
            max_price=max_price,
            ramp_up_start=int(time.time()) + delay if ramp_up_start is None else ramp_up_start,
            ramp_up_period=ramp if ramp_up_period is None else ramp_up_period,
            lock_timeout=lock,
            timeout=2 * lock if timeout is None else timeout,
            lock_collateral=lock_collateral,
        )

    def price_at(self, timestamp: int) -> int:
        """Return what a prover that locks the request at this UNIX time is paid, in wei; 0 once the lock has ended."""
        if timestamp <= self.ramp_up_start:
            return self.min_price
        since = timestamp - self.ramp_up_start
        if since > self.lock_timeout:
            return 0
        if since <= self.ramp_up_period:
            return self.min_price + since * (self.max_price - self.min_price) // self.ramp_up_period
        return self.max_price

    def required_khz(self, cycles: int) -> float:
        """Return how fast a prover must be, in thousands of cycles a second, to deliver within the lock."""
        return cycles / self.lock_timeout / 1000

    def plain(self) -> dict[str, Any]:
        """Return the offer as JSON has it: numbers of 256 bits as hex text."""
        values = {theirs: (getattr(self, name), bits) for name, (theirs, bits) in _FIELDS.items()}
        return {name: hex(value) if bits == 256 else value for name, (value, bits) in values.items()}

    @classmethod
    def from_plain(cls, given: Any) -> Offer:
        """Read an offer from JSON."""
        found = fields(given, ".offer", tuple(theirs for theirs, _ in _FIELDS.values()))
        return cls(**{n: number(found[theirs], f".offer.{theirs}", bits) for n, (theirs, bits) in _FIELDS.items()})

    def hash(self) -> bytes:
        """Return the EIP-712 hash (`Offer.sol`)."""
        return struct_hash(OFFER_TYPE, *(word(getattr(self, name)) for name in _FIELDS))


def price_of_cycles(cycles: int, per_mcycle: int) -> int:
    """Return the price of so many cycles at a price for a million of them, rounded up to whole wei.

    An offer's `max_price` has to cover the prover's gas, too, which for a short run is most of it.
    """
    return -(-cycles * per_mcycle // MCYCLE)


def _bad(name: str, why: str) -> MarketFormatError:
    path = f".offer.{_FIELDS[name][0]}"
    return MarketFormatError(f"{path}: {why}", path=path)
