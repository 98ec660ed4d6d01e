"""An event loop for tests of patience: what a busy machine takes from it does not count."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_ANSWER_S = 0.05


class _Selector(selectors.DefaultSelector):
    """Counts its waits: for a timer as long as that was set, for something to come at most 50 ms."""

    waited_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        started = time.monotonic()
        found = super().select(timeout)
        if found or timeout is None:
            self.waited_s += min(time.monotonic() - started, _ANSWER_S)
        else:
            self.waited_s += max(timeout, 0.0)
        return found


class WaitingLoop(asyncio.SelectorEventLoop):
    """Its clock shows how long it has waited, so that only what it waits for uses up a budget of 0.3 s."""

    def __init__(self) -> None:
        self._waits = _Selector()
        super().__init__(self._waits)

    def time(self) -> float:
        """Seconds."""
        return self._waits.waited_s


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, in such a loop."""
    with asyncio.Runner(loop_factory=WaitingLoop) as runner:
        return runner.run(work)
