"""`zkhost.load`: a built guest as an object with typed execute and prove, blocking or for asyncio.

    guest = zkhost.load("methods", contract.multiply)
    proof = guest.prove(Input(17, 23)).verify()
    print(proof.journal.product)

Underneath is what `ExecutorEnv` and `default_prover` do; both can be given to every call.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from zkhost.contract.declare import Contract
from zkhost.errors import SchemaError
from zkhost.guest.proof import Proof, Run
from zkhost.image_id import ImageID, compute_image_id

if TYPE_CHECKING:
    from zkhost._shim import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv, ExecutorEnvBuilder
    from zkhost.provers.interface import Executor, OnProgress, Prover, ProverOpts

__all__ = ["Guest"]

I = TypeVar("I")  # noqa: E741
J = TypeVar("J")
R = TypeVar("R")


class Guest(Generic[I, J]):
    """A program binary, and what it reads and commits.

    With a contract, the one in the program is compared with it when the guest is made: ContractDriftError names the
    types and fields that differ, before anything runs. Without one, an input is encoded as its own class says (standard
    format) and journals are left as bytes.

    Wherever a call takes an input it also takes a whole ExecutorEnv. Wherever it takes no prover, `default_prover()`
    or `default_executor()` is asked.
    """

    def __init__(
        self, program: bytes, contract: Contract[I, J] | None = None, *, name: str = "guest", check: bool = True
    ) -> None:
        self.program = program
        self.contract = contract
        self.name = name
        if contract is not None and check:
            from zkhost.contract.fingerprint import check_contract
            from zkhost.contract.rust_of import text_of

            check_contract(program, text_of(contract), name)

    @cached_property
    def image_id(self) -> ImageID:
        """The digest that commits to the whole program; what a receipt is verified against."""
        return compute_image_id(self.program)

    def env(self, input: I | ExecutorEnv | None = None, builder: ExecutorEnvBuilder | None = None) -> ExecutorEnv:
        """The environment with that input; `builder` has what else belongs to it: limits, arguments, assumptions.

        >>> guest.execute(guest.env(Factors(17, 23), ExecutorEnv.builder().session_limit(1_000_000)))  # doctest: +SKIP

        Raises EncodeError, naming the field.
        """
        from zkhost.environment.executor_env import ExecutorEnv

        if isinstance(input, ExecutorEnv):
            return input
        builder = builder or ExecutorEnv.builder()
        if self.contract is None:
            return builder.build() if input is None else builder.write(input).build()
        if self.contract.input is None:
            if input is not None:
                raise SchemaError(f"the contract of {self.name} has no input", hint="call it without an argument")
            return builder.build()
        return builder.write(input, self.contract.input, self.contract.format).build()

    def decode_journal(self, data: bytes) -> J:
        """A journal as the contract declares it; bytes where it declares none. Raises DecodeError, naming the field."""
        if self.contract is None or self.contract.journal is None:
            return cast(J, data)
        return self.contract.journal_codec.decode(data)

    def execute(
        self,
        input: I | ExecutorEnv | None = None,
        *,
        executor: Executor | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> Run[J]:
        """Run it without a proof: milliseconds. Raises a GuestError where it panics or is stopped."""
        from zkhost.provers.select import default_executor

        env, chosen = self.env(input), executor or default_executor()
        return Run(self, chosen.execute(env, self.program, on_progress=on_progress, cancel=cancel))

    def prove(
        self,
        input: I | ExecutorEnv | None = None,
        *,
        opts: ProverOpts | None = None,
        prover: Prover | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> Proof[J]:
        """Run it and prove the run. Raises as execute does, and a ProverError where proving fails."""
        from zkhost.provers.interface import ProverOpts
        from zkhost.provers.select import default_prover

        env, chosen = self.env(input), prover or default_prover()
        info = chosen.prove(env, self.program, opts or ProverOpts(), on_progress=on_progress, cancel=cancel)
        return Proof(self, info)

    async def aexecute(
        self,
        input: I | ExecutorEnv | None = None,
        *,
        executor: Executor | None = None,
        on_progress: OnProgress | None = None,
    ) -> Run[J]:
        """As execute, in a thread. Cancelling the task stops the guest."""
        return await _in_thread(
            lambda cancel: self.execute(input, executor=executor, on_progress=on_progress, cancel=cancel)
        )

    async def aprove(
        self,
        input: I | ExecutorEnv | None = None,
        *,
        opts: ProverOpts | None = None,
        prover: Prover | None = None,
        on_progress: OnProgress | None = None,
    ) -> Proof[J]:
        """As prove, in a thread. Cancelling the task stops proving at the next segment."""
        return await _in_thread(
            lambda cancel: self.prove(input, opts=opts, prover=prover, on_progress=on_progress, cancel=cancel)
        )

    def __repr__(self) -> str:
        return f"<Guest {self.name}, {len(self.program):,} bytes, image ID {self.image_id.hex()[:16]}...>"


async def _in_thread(work: Callable[[CancelToken], R]) -> R:
    """Runs `work` in a thread of its own; when the task is cancelled, so is the token `work` was given."""
    from zkhost._shim import CancelToken

    token, loop = CancelToken(), asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def finish(result: R | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def body() -> None:
        outcome: tuple[R | None, BaseException | None]
        try:
            outcome = work(token), None
        except BaseException as error:
            outcome = None, error
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, *outcome)

    threading.Thread(target=body, name="zkhost-work", daemon=True).start()
    try:
        return await done
    except asyncio.CancelledError:
        token.cancel()
        raise
