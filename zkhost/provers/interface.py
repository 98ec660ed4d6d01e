"""The interface of everything that runs guests: implement it for a prover of your own.

Its argument order is risc0's, everywhere: first what the guest is given, then the program, then the options.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkhost import _work
from zkhost.errors import UnsupportedError
from zkhost.provers.arguments import Program, environment
from zkhost.provers.batch import MapResult, amap_in_threads, map_in_threads
from zkhost.provers.features import Feature, used_by
from zkhost.provers.options import ProveInfo, ProverOpts

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.receipt_cache import ReceiptCache
    from zkhost.receipt.receipt import Receipt
    from zkhost.session import OnProgress, SessionInfo


class Executor(ABC):
    """Runs guests without proving. `name` is its name in environment variables and ProveInfo."""

    name: str
    lacks: frozenset[Feature] = frozenset()
    """What it cannot do; asked for it, it raises UnsupportedError before anything starts."""

    @abstractmethod
    def execute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> SessionInfo:
        """Run a guest. Raises a GuestError where it panics or is stopped; other exit codes are in the result."""

    async def aexecute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> SessionInfo:
        """As `execute`, for asyncio. Cancelling the task stops the guest."""
        return await _work.arun(lambda token: self.execute(env, program, on_progress=on_progress, cancel=token), cancel)

    def refuse(self, env: ExecutorEnv | None = None, options: Collection[Feature] = ()) -> None:
        """Raise UnsupportedError, naming all of it, where the environment or the options ask for what this one lacks."""
        used = frozenset(options) | (used_by(env) if env is not None else frozenset())
        lacking = used & self.lacks
        if lacking:
            asked = ", ".join(feature for feature in Feature if feature in lacking)
            raise UnsupportedError(f"the {self.name} prover cannot do {asked}", asked=asked, hint=self.instead)

    @property
    def instead(self) -> str:
        """What to do about what it lacks: the hint of `refuse`."""
        return "use the local or the ipc prover"


class Prover(Executor):
    """Runs guests and proves the runs. Whatever it returns has been verified here.

    zkhost.testing.prover_suite has the tests that every prover passes.
    """

    @abstractmethod
    def prove(
        self,
        env: ExecutorEnv,
        program: Program,
        opts: ProverOpts | None = None,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        checkpoint: Path | str | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> ProveInfo:
        """Run a guest and prove the run. Raises as `execute` does, and GuestExitError for exit codes other than 0.

        checkpoint: a folder that stores segments and their receipts. After a crash, whatever its cause, the same call
        proves only what is missing. cache: receipts of earlier requests, verified again when they are used.
        """

    @abstractmethod
    def compress(self, receipt: Receipt, opts: ProverOpts, *, cancel: CancelToken | None = None) -> Receipt:
        """Return the same claim in a smaller receipt of `opts.receipt_kind`; a no-op where it is already as small."""

    async def aprove(
        self,
        env: ExecutorEnv,
        program: Program,
        opts: ProverOpts | None = None,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        checkpoint: Path | str | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> ProveInfo:
        """As `prove`, for asyncio. Cancelling the task stops proving at the next segment."""
        return await _work.arun(
            lambda token: self.prove(
                env, program, opts, on_progress=on_progress, cancel=token, checkpoint=checkpoint, cache=cache
            ),
            cancel,
        )

    async def acompress(self, receipt: Receipt, opts: ProverOpts, *, cancel: CancelToken | None = None) -> Receipt:
        """As `compress`, for asyncio."""
        return await _work.arun(lambda token: self.compress(receipt, opts, cancel=token), cancel)

    def map(
        self,
        inputs: Iterable[Any],
        program: Program,
        opts: ProverOpts | None = None,
        *,
        concurrency: int = 1,
        cancel: CancelToken | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> Iterator[MapResult[ProveInfo]]:
        """Prove a guest on each input; yield a MapResult for each, in order, as soon as all up to it are done.

        inputs: environments, bytes (the guest's standard input), or values that the guest's contract or their own class
        can encode; read as they are needed, so an endless iterable is fine. concurrency: proofs at once; in one
        process two are seldom faster than one, on a server or a cluster they are. cache: a folder whose receipts are
        used and added to, so that a second call proves only what the first did not.

        The error of one input is in its result. Leaving the loop cancels what is under way, as `cancel` does,
        which raises CancelledError.
        """
        self.refuse(options=() if cache is None else (Feature.CACHE,))

        def prove(item: Any, token: CancelToken) -> ProveInfo:
            return self.prove(environment(item, program), program, opts, cancel=token, cache=cache)

        return map_in_threads(prove, inputs, concurrency=concurrency, cancel=cancel)

    def amap(
        self,
        inputs: Iterable[Any],
        program: Program,
        opts: ProverOpts | None = None,
        *,
        concurrency: int = 1,
        cancel: CancelToken | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> AsyncIterator[MapResult[ProveInfo]]:
        """As `map`, for `async for`. Cancelling the task cancels what is under way."""
        return amap_in_threads(
            lambda token: self.map(inputs, program, opts, concurrency=concurrency, cancel=token, cache=cache), cancel
        )
