"""Stopping long work from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from zkhost.errors import CancelledError


class CancelToken:
    """Cancels long work from anywhere: pass it to prove or execute, call `cancel()` from any thread or signal handler.

    The work then raises CancelledError within a second. Native work in progress ends at its next segment boundary or host
    call, and its result is discarded. A token stays cancelled.
    """

    # No lock: `cancel` must be safe in a signal handler, and a lock that another thread holds during a fork stays locked.

    def __init__(self) -> None:
        self._cancelled = False
        self._callbacks: dict[object, Callable[[], object]] = {}

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancel all work that has this token, now and later."""
        self._cancelled = True
        for callback in tuple(self._callbacks.values()):
            callback()

    def check(self) -> None:
        """Raise CancelledError once cancelled."""
        if self._cancelled:
            raise CancelledError("cancelled by the caller")

    @contextmanager
    def calling(self, callback: Callable[[], object]) -> Iterator[None]:
        """Inside the block, call `callback` as soon as the token is cancelled, at once where it is already.

        The callback may run twice, in any thread or in a signal handler: it must be quick and take no lock.
        """
        key = object()
        self._callbacks[key] = callback
        try:
            if self._cancelled:
                callback()
            yield
        finally:
            del self._callbacks[key]
