"""When a request is sent again, and for how long."""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass

from zkhost.errors import ConfigError, RemoteError


class FailureKind(enum.Enum):
    """What went wrong with one attempt, as far as sending it again is concerned."""

    NOT_SENT = "no connection, so the server saw nothing"
    REFUSED_FOR_NOW = "HTTP 429: the server did nothing and asks for a retry later"
    BROKEN = "the connection broke or hung after the request may have arrived"
    UNAVAILABLE = "HTTP 502, 503, 504: a server behind a proxy is away"
    SERVER = "another HTTP 5xx"
    FINAL = "an answer that a second try would not change"


class AttemptError(Exception):
    """One attempt failed: `error` is what the caller sees if it was the last one."""

    def __init__(self, kind: FailureKind, error: RemoteError, retry_after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.kind = kind
        self.error = error
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with jitter, within a budget of seconds counted from a request's first failure.

    A request that creates something (a session, a snark) is sent again only where the server cannot have acted on it:
    no connection, or HTTP 429. So no request ever leads to two sessions.
    """

    first_delay_s: float = 0.1
    factor: float = 2.0
    max_delay_s: float = 5.0
    outage_s: float = 60.0
    """For connection errors, 429, 502, 503 and 504: a server that restarts."""
    server_error_s: float = 5.0
    """For other 5xx, which are more often a lasting fault."""
    first_contact_s: float = 5.0
    """For connection errors while this server has never answered: more often a wrong URL."""

    def __post_init__(self) -> None:
        if self.first_delay_s <= 0 or self.factor < 1 or self.max_delay_s < self.first_delay_s:
            raise ConfigError(
                f"{self} does not back off", hint="first_delay_s > 0, factor >= 1, max_delay_s >= first_delay_s"
            )

    def budget_s(self, kind: FailureKind, *, creates: bool, reached: bool) -> float:
        """Return for how long after the first failure one of this kind is retried; 0: not at all."""
        if kind is FailureKind.FINAL or (creates and kind not in (FailureKind.NOT_SENT, FailureKind.REFUSED_FOR_NOW)):
            return 0.0
        if kind is FailureKind.SERVER:
            return self.server_error_s
        if kind in (FailureKind.NOT_SENT, FailureKind.BROKEN) and not reached:
            return min(self.first_contact_s, self.outage_s)
        return self.outage_s

    def delay_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """Return how long to wait after so many failures in a row (from 1): at least the server's Retry-After."""
        longest: float = min(self.max_delay_s, self.first_delay_s * self.factor ** min(failures - 1, 64))
        return max(longest * random.uniform(0.5, 1.0), retry_after_s or 0.0)
