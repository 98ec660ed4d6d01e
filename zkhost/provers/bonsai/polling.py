"""How often the status of a session is requested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

FIRST_S = 0.05
LONGEST_S = 5.0
SHARE = 0.05
MOST_PER_S = 200.0


class Polling:
    """The time to the next request, for all sessions a prover watches.

    A twentieth of the session's age, so that waiting adds 5 % at most; never under 50 ms nor over 5 s; and the more
    sessions are watched, the longer, so that the server gets 200 requests a second at most. `fixed_s` overrides it all.
    """

    def __init__(self, fixed_s: float | None = None) -> None:
        self.fixed_s = fixed_s
        self.watched = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count one more watched session inside the block."""
        self.watched += 1
        try:
            yield
        finally:
            self.watched -= 1

    def next_s(self, age_s: float) -> float:
        """Return how long to wait before the next request for a session that has been watched for `age_s`."""
        if self.fixed_s is not None:
            return self.fixed_s
        return max(FIRST_S, self.watched / MOST_PER_S, min(LONGEST_S, SHARE * age_s))
