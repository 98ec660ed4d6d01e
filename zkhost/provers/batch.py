"""Proving many inputs: several at once, results in order, each failure confined to its own input.

    for result in prover.map(inputs, guest, concurrency=4, cache="proofs"):
        print(result.index, result.value.receipt if result.ok else result.error)

With a cache, a second call with the same inputs proves only those that are missing: that is how a batch resumes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from zkhost._cancel import CancelToken
from zkhost.errors import CancelledError, ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
U = TypeVar("U")

# Inputs read ahead of the awaited result, per worker: enough that one slow proof does not idle the others.
_AHEAD = 4


@dataclass(frozen=True)
class MapResult(Generic[T]):
    """The result for input number `index`: `value` where it was proved, else `error`."""

    index: int
    value: T | None
    error: Exception | None

    @property
    def ok(self) -> bool:
        """Whether it was proved."""
        return self.error is None

    def convert(self, make: Callable[[T], U]) -> MapResult[U]:
        """Return the result with its value converted by `make`."""
        return MapResult(self.index, None if self.error is not None else make(self.unwrap()), self.error)

    def unwrap(self) -> T:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        assert self.value is not None, "a result has a value or an error"
        return self.value


def map_in_threads(
    work: Callable[[Any, CancelToken], T],
    inputs: Iterable[Any],
    *,
    concurrency: int,
    cancel: CancelToken | None = None,
) -> Iterator[MapResult[T]]:
    """Run `work(input, token)` for each input, in `concurrency` threads; return the results in input order.

    Raises ConfigError at once for a concurrency below 1, and CancelledError, from the iterator, once `cancel` is used.
    """
    if concurrency < 1:
        raise ConfigError(f"concurrency is {concurrency}; it must be at least 1")
    return _results(work, inputs, concurrency, cancel or CancelToken())


def _results(
    work: Callable[[Any, CancelToken], T], inputs: Iterable[Any], concurrency: int, token: CancelToken
) -> Iterator[MapResult[T]]:
    from concurrent.futures import ThreadPoolExecutor

    def one(index: int, item: Any) -> MapResult[T]:
        try:
            return MapResult(index, work(item, token), None)
        except Exception as error:  # it is this input's; the others go on
            return MapResult(index, None, error)

    numbered = enumerate(inputs)
    waiting: deque[Future[MapResult[T]]] = deque()
    with ThreadPoolExecutor(concurrency, thread_name_prefix="zkhost-map") as pool:
        try:
            while True:
                while len(waiting) < concurrency * _AHEAD and (item := next(numbered, None)) is not None:
                    waiting.append(pool.submit(one, *item))
                if not waiting:
                    return
                result = waiting.popleft().result()
                if token.cancelled:
                    raise CancelledError("cancelled by the caller")
                yield result
        finally:
            for future in waiting:
                future.cancel()
            if any(not future.done() for future in waiting):
                token.cancel()


async def amap_in_threads(
    start: Callable[[CancelToken], Iterator[T]], cancel: CancelToken | None = None
) -> AsyncIterator[T]:
    """Yield the items of the iterator that `start(token)` returns, each awaited in a thread."""
    import asyncio  # half the time of importing this module, for this function alone

    token, done = CancelToken(), object()
    with (cancel or CancelToken()).calling(token.cancel):
        items = start(token)
        try:
            while (item := await asyncio.to_thread(next, items, done)) is not done:
                yield item  # type: ignore[misc]  # not the sentinel
        finally:
            token.cancel()
