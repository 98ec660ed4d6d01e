"""A session on the server: waiting for it, its receipt, its snark stage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from zkhost.errors import (
    DeadlineError,
    RemoteAnswerError,
    RemoteError,
    RemoteRefusedError,
    RemoteSessionError,
    RemoteUnavailableError,
)
from zkhost.provers.bonsai import outcome, wire
from zkhost.provers.bonsai.client import Client
from zkhost.provers.bonsai.polling import Polling
from zkhost.provers.bonsai.remote_settings import RemoteSettings
from zkhost.provers.bonsai.session_store import SessionRecord, SessionStore
from zkhost.provers.bonsai.wire import Status

A = TypeVar("A", wire.SessionStatus, wire.SnarkStatus)
_STOP_TIMEOUT_S = 5.0
R0VM_STATE = "init"
"""What r0vm, and no other server, reports for a running session."""


@dataclass(frozen=True)
class Stage:
    """Where a session is: `session` or `snark`, the server's state where it reports one, seconds since the wait began."""

    name: str
    state: wire.State | None
    elapsed_s: float


OnStage = Callable[[Stage], object]


class RemoteSession:
    """A session on the server, for asyncio. `client` returns the API for the running event loop."""

    def __init__(
        self,
        client: Callable[[], Client],
        settings: RemoteSettings,
        polling: Polling,
        store: SessionStore,
        record: SessionRecord,
    ) -> None:
        self._client_of_loop = client
        self._settings = settings
        self._polling = polling
        self._store = store
        self.record = record
        self._asked: tuple[wire.SessionStatus, float, float] | None = None
        """r0vm's last status, when the first one came, and when to request the next."""

    @property
    def _client(self) -> Client:
        return self._client_of_loop()

    @property
    def id(self) -> str:
        """The server's id of the session."""
        return self.record.id

    def __repr__(self) -> str:
        return f"<RemoteSession {self.id} at {self._settings.url}>"

    async def status(self) -> wire.SessionStatus:
        """Return its current status."""
        async with self._named():
            return await self._client.session_status(self.id)

    async def stop(self) -> bool:
        """Ask the server to stop it; return whether the server supports that (r0vm and Bento do not)."""
        async with self._named():
            return await self._client.stop_session(self.id)

    async def stop_quietly(self) -> None:
        """Ask the server to stop it, for 5 s at most, and ignore failures: for cancellation."""
        with contextlib.suppress(RemoteError, TimeoutError):
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._client.stop_session(self.id)

    async def logs(self) -> str | None:
        """Return the guest's stdout and stderr, merged, once it ran; None where the server stores no logs."""
        async with self._named():
            return await self._client.session_logs(self.id)

    async def finish(self, on_stage: OnStage | None = None) -> wire.SessionStatus:
        """Wait until it succeeded. Raises what it failed with: GuestError, RemoteSessionError, another RemoteError."""
        async with self._named():
            status = await self._watch("session", self._look, on_stage)
        if status.status is not Status.SUCCEEDED:
            raise outcome.failure(self.id, status.status, status.error_msg)
        limit = self.record.session_limit
        if limit is not None and status.stats is not None and status.stats.user_cycles > limit:
            # r0vm ignores the limit, and the API has it in millions of cycles.
            raise outcome.over_limit(
                self.id, f"the guest took {status.stats.user_cycles} cycles, over the limit of {limit}"
            )
        return status

    async def receipt(self, status: wire.SessionStatus) -> bytearray:
        """Return the receipt (bincode) of a session that succeeded. Nothing is verified."""
        async with self._named():
            url = status.receipt_url or await self._client.receipt_url(self.id)
            if url is None:
                raise RemoteAnswerError(f"session {self.id} succeeded, but the server names no receipt")
            return await self._client.download_receipt(url)

    async def journal(self) -> bytes | None:
        """Return the journal of an execute-only session that succeeded; None where the server has none."""
        async with self._named():
            return await self._client.execute_only_journal(self.id)

    async def receipt_if_any(self) -> bytearray | None:
        """Return the receipt (bincode) of an execute-only session that r0vm proved all the same; None elsewhere."""
        async with self._named():
            url = await self._client.receipt_url(self.id)
            return None if url is None else await self._client.download_receipt(url)

    async def snark(self, on_stage: OnStage | None = None) -> bytearray:
        """Return the groth16 receipt (bincode) of a session that succeeded; its snark stage is started once."""
        async with self._named():
            if self.record.snark_id is None:
                self.record = self.record.with_snark(await self._client.create_snark(self.id))
                self._store.save(self.record)
            snark_id = self.record.snark_id
            assert snark_id is not None
            status = await self._watch("snark", lambda: self._client.snark_status(snark_id), on_stage)
            if status.status is not Status.SUCCEEDED:
                raise outcome.failure(self.id, status.status, status.error_msg)
            if status.output is None:
                raise RemoteAnswerError(f"snark {snark_id} succeeded, but the server names no receipt")
            return await self._client.download_receipt(status.output)

    async def _watch(self, name: str, look: Callable[[], Awaitable[A]], on_stage: OnStage | None) -> A:
        """Poll until it no longer runs."""
        clock = asyncio.get_running_loop().time
        started = clock()
        with self._polling.watching():
            while True:
                answer = await look()
                age_s = clock() - started
                if answer.status is not Status.RUNNING:
                    return answer
                if on_stage is not None:
                    text = answer.state if isinstance(answer, wire.SessionStatus) else None
                    on_stage(Stage(name, wire.State.parse(text) if text else None, age_s))
                await asyncio.sleep(self._polling.next_s(age_s))

    async def _look(self) -> wire.SessionStatus:
        """Return the status; from r0vm, the last one until there is a receipt or the next request is due.

        r0vm 3.0.6's manager ends when asked for a session that ends at that very moment (actors/manager.rs unwraps a
        stopped job's answer). So it is polled rarely. Whether a receipt exists, r0vm reports without its manager.
        """
        now = asyncio.get_running_loop().time()
        if self._asked is not None and now < self._asked[2] and not await self._has_receipt():
            return self._asked[0]
        status = await self._ask()
        if status.state == R0VM_STATE:
            since = now if self._asked is None else self._asked[1]
            self._asked = status, since, now + _r0vm_interval_s(now - since)
        return status

    async def _has_receipt(self) -> bool:
        with contextlib.suppress(RemoteError):
            return await self._client.receipt_url(self.id) is not None
        return False

    async def _ask(self) -> wire.SessionStatus:
        """Request the status. A server that restarted may have forgotten the session, yet have its receipt."""
        try:
            return await self._client.session_status(self.id)
        except (RemoteUnavailableError, RemoteRefusedError) as exc:
            if exc.status_code not in (404, 500):
                raise
            with contextlib.suppress(RemoteError):
                if url := await self._client.receipt_url(self.id):
                    return wire.SessionStatus(Status.SUCCEEDED, receipt_url=url)
            raise RemoteSessionError(
                f"the remote prover does not know session {self.id}, or cannot report its status: {exc.message}",
                session_id=self.id,
                status="UNKNOWN",
                hint="a server that keeps sessions in memory, as r0vm does, forgets those that ran when it restarted",
            ) from exc

    @contextlib.asynccontextmanager
    async def _named(self) -> AsyncIterator[None]:
        """Add the session's id to errors raised inside the block."""
        try:
            yield
        except RemoteError as exc:
            outcome.about(self.id, exc)
            raise


def _r0vm_interval_s(age_s: float) -> float:
    """Return the time between two status requests to r0vm for a session of this age."""
    return max(0.25, min(2.0, age_s), 0.05 * age_s)


@contextlib.asynccontextmanager
async def within(limit_s: float, session: Callable[[], RemoteSession | None]) -> AsyncIterator[None]:
    """Limit the block to `limit_s`. Raises DeadlineError, with the session's id where there is one."""
    clock = asyncio.timeout(limit_s)
    try:
        async with clock:
            yield
    except TimeoutError as exc:
        if not clock.expired():
            raise
        error = DeadlineError(f"the remote prover was not done within {limit_s:g} s", hint="raise deadline_s")
        found = session()
        raise (error if found is None else outcome.about(found.id, error)) from exc
