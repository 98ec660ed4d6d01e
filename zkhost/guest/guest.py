"""`zkhost.load`: a built guest as an object with typed execute and prove, blocking or for asyncio.

    guest = zkhost.load("methods", contract.multiply)
    proof = guest.prove(Input(17, 23)).verify()
    print(proof.journal.product)

Underneath are `ExecutorEnv` and `default_prover`; an environment and a prover can be passed to every call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from zkhost import _work
from zkhost.contract.declare import Contract
from zkhost.errors import SchemaError
from zkhost.guest.proof import Proof, Run
from zkhost.image_id import ImageID, compute_image_id

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv, ExecutorEnvBuilder
    from zkhost.provers.batch import MapResult
    from zkhost.provers.interface import Executor, Prover
    from zkhost.provers.options import ProveInfo, ProverOpts
    from zkhost.provers.planning.estimate import Estimate
    from zkhost.provers.storage.receipt_cache import ReceiptCache
    from zkhost.session import OnProgress, SessionInfo

__all__ = ["Guest"]

I = TypeVar("I")  # noqa: E741
J = TypeVar("J")


class Guest(Generic[I, J]):
    """A program binary, and what it reads and commits.

    With a contract, the one in the program is compared with it when the guest is made: ContractDriftError names the
    types and fields that differ, before anything runs. Without one, an input is encoded as its own class declares (standard
    format) and journals are left as bytes.

    Wherever a call accepts an input it also accepts a whole ExecutorEnv. Without a `prover` (or `executor`) it uses
    `default_prover()` (or `default_executor()`); all other options are those of `zkhost.Prover`, and what the prover lacks
    raises UnsupportedError. `segment_limit_po2` overrides the environment's. Methods whose names begin with `a` are the
    asyncio versions: cancelling the task stops the work.
    """

    def __init__(
        self, program: bytes, contract: Contract[I, J] | None = None, *, name: str = "guest", check: bool = True
    ) -> None:
        self.program = program
        self.contract = contract
        self.name = name
        if contract is not None and check:
            from zkhost.contract.fingerprint import check_contract
            from zkhost.contract.to_rust.contract_module import contract_text_of

            check_contract(program, contract_text_of(contract), name)

    @cached_property
    def image_id(self) -> ImageID:
        """The digest that commits to the whole program; what a receipt is verified against."""
        return compute_image_id(self.program)

    def env(self, input: I | ExecutorEnv | None = None, builder: ExecutorEnvBuilder | None = None) -> ExecutorEnv:
        """Return the environment with that input; `builder` holds the rest: limits, arguments, assumptions.

        >>> guest.execute(guest.env(Factors(17, 23), ExecutorEnv.builder().session_limit(1_000_000)))  # doctest: +SKIP

        Raises EncodeError, naming the field.
        """
        from zkhost.environment.executor_env import ExecutorEnv

        return input if isinstance(input, ExecutorEnv) else self.builder(input, builder).build()

    def builder(self, input: I | None = None, builder: ExecutorEnvBuilder | None = None) -> ExecutorEnvBuilder:
        """Return the builder with that input written, for a guest that reads more after it; `env` builds it at once.

        Raises EncodeError, naming the field.
        """
        from zkhost.environment.executor_env import ExecutorEnv

        builder = builder or ExecutorEnv.builder()
        if self.contract is None:
            return builder if input is None else builder.write(input)
        if self.contract.input is None:
            if input is not None:
                raise SchemaError(f"the contract of {self.name} has no input", hint="call it without an argument")
            return builder
        return builder.write(input, self.contract.input, self.contract.format)

    def decode_journal(self, data: bytes) -> J:
        """Decode a journal as the contract declares it, bytes without a type. Raises DecodeError, naming the field."""
        if self.contract is None or self.contract.journal is None:
            return cast(J, data)
        return self.contract.journal_codec.decode(data)

    def execute(
        self,
        input: I | ExecutorEnv | None = None,
        *,
        executor: Executor | None = None,
        segment_limit_po2: int | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> Run[J]:
        """Run it without a proof, in milliseconds. Raises a GuestError where it panics or is stopped."""
        env, chosen = self._limited(input, segment_limit_po2), executor or _default_executor()
        return self._run(chosen.execute(env, self.program, on_progress=on_progress, cancel=cancel))

    async def aexecute(
        self,
        input: I | ExecutorEnv | None = None,
        *,
        executor: Executor | None = None,
        segment_limit_po2: int | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> Run[J]:
        """As `execute`."""
        env, chosen = self._limited(input, segment_limit_po2), executor or _default_executor()
        return self._run(await chosen.aexecute(env, self.program, on_progress=on_progress, cancel=cancel))

    def prove(
        self,
        input: I | ExecutorEnv | None = None,
        opts: ProverOpts | None = None,
        *,
        prover: Prover | None = None,
        segment_limit_po2: int | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        checkpoint: Path | str | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> Proof[J]:
        """Run it and prove the run. Raises as `execute` does, and a ProverError where proving fails.

        checkpoint: a folder that stores proved segments, so that the same call goes on after a crash. cache: a folder of
        receipts, verified again when they are used.
        """
        chosen = prover or _default_prover()
        env = self._to_prove(input, segment_limit_po2, cancel)
        info = chosen.prove(
            env, self.program, opts, on_progress=on_progress, cancel=cancel, checkpoint=checkpoint, cache=cache
        )
        return self._proof(info)

    async def aprove(
        self,
        input: I | ExecutorEnv | None = None,
        opts: ProverOpts | None = None,
        *,
        prover: Prover | None = None,
        segment_limit_po2: int | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
        checkpoint: Path | str | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> Proof[J]:
        """As `prove`."""
        chosen = prover or _default_prover()
        env = await _work.arun(lambda token: self._to_prove(input, segment_limit_po2, token), cancel)
        info = await chosen.aprove(
            env, self.program, opts, on_progress=on_progress, cancel=cancel, checkpoint=checkpoint, cache=cache
        )
        return self._proof(info)

    def map(
        self,
        inputs: Iterable[I | ExecutorEnv],
        opts: ProverOpts | None = None,
        *,
        prover: Prover | None = None,
        segment_limit_po2: int | None = None,
        concurrency: int = 1,
        cancel: CancelToken | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> Iterator[MapResult[Proof[J]]]:
        """Prove it on each input, as `Prover.map` does; the value of each result is a Proof."""
        envs = (self._to_prove(item, segment_limit_po2, cancel) for item in inputs)
        results = (prover or _default_prover()).map(
            envs, self, opts, concurrency=concurrency, cancel=cancel, cache=cache
        )
        return (result.convert(self._proof) for result in results)

    async def amap(
        self,
        inputs: Iterable[I | ExecutorEnv],
        opts: ProverOpts | None = None,
        *,
        prover: Prover | None = None,
        segment_limit_po2: int | None = None,
        concurrency: int = 1,
        cancel: CancelToken | None = None,
        cache: ReceiptCache | Path | str | None = None,
    ) -> AsyncIterator[MapResult[Proof[J]]]:
        """As `map`, for `async for`."""
        envs = (self._to_prove(item, segment_limit_po2, cancel) for item in inputs)
        results = (prover or _default_prover()).amap(
            envs, self, opts, concurrency=concurrency, cancel=cancel, cache=cache
        )
        async for result in results:
            yield result.convert(self._proof)

    def estimate(
        self,
        input: I | ExecutorEnv | None = None,
        *,
        executor: Executor | None = None,
        prover: str | None = None,
        memory_bytes: int | None = None,
        cancel: CancelToken | None = None,
    ) -> Estimate:
        """Estimate what proving a run takes on this machine; see `zkhost.estimate`."""
        from zkhost.provers.planning.estimate import estimate

        return estimate(
            self.env(input), self, executor=executor, prover=prover, memory_bytes=memory_bytes, cancel=cancel
        )

    def _limited(self, input: I | ExecutorEnv | None, segment_limit_po2: int | None) -> ExecutorEnv:
        env = self.env(input)
        return env if segment_limit_po2 is None else dataclasses.replace(env, segment_limit_po2=segment_limit_po2)

    # What subclasses override:

    def _to_prove(
        self, input: I | ExecutorEnv | None, segment_limit_po2: int | None, cancel: CancelToken | None
    ) -> ExecutorEnv:
        """Return the environment to prove; subclasses first check here what has to be checked."""
        return self._limited(input, segment_limit_po2)

    def _run(self, session: SessionInfo) -> Run[J]:
        return Run(self, session)

    def _proof(self, info: ProveInfo) -> Proof[J]:
        return Proof(self, info)

    def __repr__(self) -> str:
        return f"<Guest {self.name}, {len(self.program):,} bytes, image ID {self.image_id.hex()[:16]}...>"


def _default_executor() -> Executor:
    from zkhost.provers.select import default_executor

    return default_executor()


def _default_prover() -> Prover:
    from zkhost.provers.select import default_prover

    return default_prover()
