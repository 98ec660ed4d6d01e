"""Many inputs through one guest: several at once, results in order as they come, a failure that stays its own.

    for result in prover.map(guest, inputs, concurrency=4, cache="proofs"):
        print(result.index, result.info.receipt if result.ok else result.error)

With a cache, a second call with the same inputs proves only those that are not there: that is how a batch resumes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkhost.errors import CancelledError, ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from zkhost._shim import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.interface import Program, ProveInfo, ProverOpts
    from zkhost.provers.storage.receipt_cache import ReceiptCache

# Inputs taken ahead of the result that is waited for, a worker: enough that one slow proof does not idle the others.
_AHEAD = 4


@dataclass(frozen=True)
class MapResult:
    """What became of input number `index`: `info` where it was proved, else `error`."""

    index: int
    info: ProveInfo | None
    error: Exception | None

    @property
    def ok(self) -> bool:
        """Whether it was proved."""
        return self.info is not None

    def unwrap(self) -> ProveInfo:
        """The proof, or its error raised."""
        if self.info is None:
            raise self.error or AssertionError("neither proof nor error")
        return self.info


class Bulk:
    """`map` and `amap` for a prover."""

    def map(
        self,
        guest: Program,
        inputs: Iterable[Any],
        opts: ProverOpts | None = None,
        *,
        concurrency: int = 1,
        cache: ReceiptCache | Path | str | None = None,
        cancel: CancelToken | None = None,
    ) -> Iterator[MapResult]:
        """Proves a guest on each input; gives a MapResult for each, in order, as soon as all up to it are there.

        inputs: environments, bytes (the guest's input as it is), or values that the guest's contract or their own
        class says how to encode; taken as they are needed, so an endless iterable is fine. concurrency: proofs at
        once; in one process two are seldom faster than one, on a server or a cluster they are. cache: a folder whose
        receipts are used and added to.

        What goes wrong with one input is in its result. Leaving the loop cancels what is under way, as `cancel` does,
        which raises CancelledError.
        """
        if concurrency < 1:
            raise ConfigError(f"concurrency is {concurrency}; it must be at least 1")
        return _results(self, guest, inputs, opts, concurrency=concurrency, cache=cache, cancel=cancel)

    async def amap(
        self,
        guest: Program,
        inputs: Iterable[Any],
        opts: ProverOpts | None = None,
        *,
        concurrency: int = 1,
        cache: ReceiptCache | Path | str | None = None,
    ) -> AsyncIterator[MapResult]:
        """As `map`, for `async for`. Cancelling the task cancels what is under way."""
        import asyncio  # half the time of importing this module, for this method alone

        from zkhost._shim import CancelToken

        token = CancelToken()
        results = self.map(guest, inputs, opts, concurrency=concurrency, cache=cache, cancel=token)
        try:
            while (result := await asyncio.to_thread(next, results, None)) is not None:
                yield result
        finally:
            token.cancel()


def _results(
    prover: Any,
    guest: Program,
    inputs: Iterable[Any],
    opts: ProverOpts | None,
    *,
    concurrency: int,
    cache: ReceiptCache | Path | str | None,
    cancel: CancelToken | None,
) -> Iterator[MapResult]:
    from concurrent.futures import ThreadPoolExecutor

    from zkhost._shim import CancelToken
    from zkhost.provers.engine.resumable import cached, open_cache
    from zkhost.provers.interface import ProverOpts, program_bytes

    token = cancel or CancelToken()
    opts, program = opts or ProverOpts(), program_bytes(guest)
    kept = None if cache is None else open_cache(cache)

    def prove(index: int, given: Any) -> MapResult:
        try:
            env = _env(guest, given)
            info = cached(kept, env, program, opts, lambda: prover.prove(env, guest, opts, cancel=token))
        except Exception as error:  # it is this input's; the others go on
            return MapResult(index, None, error)
        return MapResult(index, info, None)

    numbered = enumerate(inputs)
    waiting: deque[Future[MapResult]] = deque()
    with ThreadPoolExecutor(concurrency, thread_name_prefix="zkhost-map") as pool:
        try:
            while True:
                while len(waiting) < concurrency * _AHEAD and (item := next(numbered, None)) is not None:
                    waiting.append(pool.submit(prove, *item))
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


def _env(guest: Any, given: Any) -> ExecutorEnv:
    """The environment for what stands for an input."""
    from zkhost.environment.executor_env import ExecutorEnv

    if isinstance(given, ExecutorEnv):
        return given
    if isinstance(given, bytes | bytearray | memoryview):
        return ExecutorEnv.builder().write_slice(bytes(given)).build()
    if hasattr(guest, "env"):
        env: ExecutorEnv = guest.env(given)
        return env
    return ExecutorEnv.builder().write(given).build()
