"""The remote prover in asyncio, which `BonsaiProver` runs for blocking callers and for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from zkhost import _work
from zkhost.errors import ConfigError, RemoteAnswerError, RemoteError, UnsupportedError
from zkhost.image_id import ImageID
from zkhost.provers.bonsai import results, wire
from zkhost.provers.bonsai.client import Client
from zkhost.provers.bonsai.fields import is_id
from zkhost.provers.bonsai.polling import Polling
from zkhost.provers.bonsai.remote_session import RemoteSession, within
from zkhost.provers.bonsai.remote_settings import RemoteSettings
from zkhost.provers.bonsai.session_store import SessionRecord, SessionStore
from zkhost.provers.bonsai.transport import Transport
from zkhost.provers.features import Feature
from zkhost.provers.options import ProveInfo, Provenance, ProverOpts, is_as_small
from zkhost.receipt.claim import ReceiptKind
from zkhost.session import ExitCode, OnProgress, Phase, Progress

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.image_id import ImageIDLike
    from zkhost.provers.arguments import Program
    from zkhost.receipt.receipt import Receipt
    from zkhost.session import SessionInfo

T = TypeVar("T")
_DEFAULT_OPTS = ProverOpts()


class RemoteProver:
    """Proves on a server that speaks the Bonsai REST API: Bonsai, Bento, an r0vm cluster.

    May be used from several event loops, each with connections of its own. Methods raise RemoteErrors for the server,
    GuestErrors for the guest and VerificationErrors for a receipt that does not prove what was asked; no such receipt is
    ever returned.
    """

    def __init__(
        self,
        settings: RemoteSettings | None = None,
        *,
        url: str | None = None,
        key: str | None = None,
        reason: str = "asked for in code",
        store: SessionStore | None = None,
    ) -> None:
        """Without settings, use the environment's (see `RemoteSettings.from_env`), with `url` and `key` where passed."""
        self.settings = settings or RemoteSettings.from_env(url, key)
        self.reason = reason
        self.store = store or SessionStore()
        self._polling = Polling(self.settings.poll_interval_s)
        self._has_logs = True
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Transport, Client]] = WeakKeyDictionary()

    async def aclose(self) -> None:
        """Close all connections of the running event loop. Sessions on the server continue."""
        opened = self._open.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened[0].aclose()

    @property
    def client(self) -> Client:
        """The API itself, for the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            transport = Transport(self.settings, results.risc0_version())
            self._open[loop] = transport, Client(transport)
        return self._open[loop][1]

    async def prove(
        self,
        env: ExecutorEnv,
        program: Program,
        opts: ProverOpts = _DEFAULT_OPTS,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> ProveInfo:
        """Prove a run: upload, start a session, wait, download, verify.

        The server decides on succinct receipts; GROTH16 adds its snark stage. Cancelling stops the session.
        """
        return await _work.until(
            cancel, self._own(env, program, opts, on_progress, execute_only=False, finish=self._proved)
        )

    async def execute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> SessionInfo:
        """Run without a proof: an execute-only session. Its journal is what the server reports, unverified."""
        work = self._own(env, program, _DEFAULT_OPTS, on_progress, execute_only=True, finish=self._executed)
        return await _work.until(cancel, work)

    async def submit(
        self, env: ExecutorEnv, program: Program, opts: ProverOpts = _DEFAULT_OPTS, *, execute_only: bool = False
    ) -> RemoteSession:
        """Upload what is needed and start a session; it is written to the store before this returns."""
        request = await asyncio.to_thread(results.session_input, env, program)
        client = self.client
        input_id, _, *assumptions = await _together(
            client.upload_input(request.input),
            client.upload_image(request.image_id, request.program),
            *(client.upload_receipt(receipt) for receipt in request.assumptions),
        )
        session_id = await client.create_session(
            request.image_id,
            input_id,
            assumptions,
            execute_only=execute_only,
            exec_cycle_limit=request.limit_in_millions,
        )
        record = SessionRecord(
            session_id,
            self.settings.url,
            request.image_id,
            receipt_kind=opts.receipt_kind.value,
            prove_guest_errors=opts.prove_guest_errors,
            session_limit=request.session_limit,
        )
        self.store.save(record)
        return self._session(record)

    def session(
        self, session_id: str, *, image_id: ImageIDLike | None = None, opts: ProverOpts | None = None
    ) -> RemoteSession:
        """Return a session that was started earlier, here or elsewhere, without a request to the server.

        What its receipt must prove comes from the store, or from `image_id` and `opts`. Raises ConfigError where neither
        names the image ID, or they differ.
        """
        record = self.store.load(session_id)
        given = None if image_id is None else str(ImageID(image_id))
        if not is_id(session_id):
            raise ConfigError(f"{session_id!r} is not a session id")
        if record is None and given is None:
            raise ConfigError(
                f"session {session_id} was not started here, so what its receipt must prove is not known",
                hint="give the image ID of the program: attach(session_id, image_id=...)",
            )
        if record is not None and given not in (None, record.image_id):
            raise ConfigError(f"session {session_id} was started for image ID {record.image_id}, not for {given}")
        if record is None:
            assert given is not None
            record = SessionRecord(session_id, self.settings.url, given)
        if opts is not None:
            record = record.with_opts(opts.receipt_kind.value, opts.prove_guest_errors)
        return self._session(record)

    async def attach(
        self,
        session_id: str,
        *,
        image_id: ImageIDLike | None = None,
        opts: ProverOpts | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> ProveInfo:
        """Wait for a session that was started earlier, its snark stage included, and verify its receipt.

        Cancelling ends the wait, not the session. See `session` for where image ID and options come from.
        """
        return await self.wait(
            self.session(session_id, image_id=image_id, opts=opts), on_progress=on_progress, cancel=cancel
        )

    async def wait(
        self, session: RemoteSession, *, on_progress: OnProgress | None = None, cancel: CancelToken | None = None
    ) -> ProveInfo:
        """Wait for a session and verify its receipt. Cancelling ends the wait, not the session."""

        async def work() -> ProveInfo:
            async with within(self.settings.deadline_s, lambda: session):
                return await self._receive(session, on_progress)

        return await _work.until(cancel, work())

    def compress(self, receipt: Receipt, opts: ProverOpts) -> Receipt:
        """Return the receipt where it is already as small as requested. The API compresses no receipt it did not make."""
        if is_as_small(receipt, opts.receipt_kind):
            return receipt
        raise UnsupportedError(
            "the Bonsai API does not compress receipts it did not make",
            asked=Feature.COMPRESS,
            hint="give receipt_kind when proving, or compress with the local prover",
        )

    async def versions(self) -> tuple[str, ...] | None:
        """Return the versions of risc0-zkvm that the server proves for; None where it does not report them."""
        return await self.client.versions()

    async def quotas(self) -> wire.Quotas | None:
        """Return the quotas of the API key; None where the server has none."""
        return await self.client.quotas()

    def _session(self, record: SessionRecord) -> RemoteSession:
        return RemoteSession(lambda: self.client, self.settings, self._polling, self.store, record)

    async def _own(
        self,
        env: ExecutorEnv,
        program: Program,
        opts: ProverOpts,
        on_progress: OnProgress | None,
        *,
        execute_only: bool,
        finish: Callable[[RemoteSession, ExecutorEnv, OnProgress | None], Awaitable[T]],
    ) -> T:
        """Run a session of this call's own: cancelling the call stops the session, a deadline lets it continue."""
        session: RemoteSession | None = None
        try:
            async with within(self.settings.deadline_s, lambda: session):
                _report(on_progress, Phase.UPLOAD)
                session = await self.submit(env, program, opts, execute_only=execute_only)
                return await finish(session, env, on_progress)
        except asyncio.CancelledError:
            if session is not None:
                await session.stop_quietly()
            raise

    async def _receive(self, session: RemoteSession, on_progress: OnProgress | None) -> ProveInfo:
        """Wait, download, verify."""
        started = asyncio.get_running_loop().time()
        on_stage = results.stage_callback(on_progress)
        status = await session.finish(on_stage)
        if session.record.receipt_kind == ReceiptKind.GROTH16:
            data = await session.snark(on_stage)
        else:
            _report(on_progress, Phase.DOWNLOAD)
            data = await session.receipt(status)
        _report(on_progress, Phase.VERIFY)
        receipt = await asyncio.to_thread(results.verified, data, session.record)
        return ProveInfo(
            receipt=receipt,
            stats=results.session_stats(status.stats),
            prover=Provenance("bonsai", self.settings.url, results.risc0_version(), self.reason),
            elapsed_s=asyncio.get_running_loop().time() - started,
        )

    async def _proved(self, session: RemoteSession, env: ExecutorEnv, on_progress: OnProgress | None) -> ProveInfo:
        info = await self._receive(session, on_progress)
        await self._show_output(session, env)
        return info

    async def _executed(self, session: RemoteSession, env: ExecutorEnv, on_progress: OnProgress | None) -> SessionInfo:
        """Wait, fetch the journal."""
        started = asyncio.get_running_loop().time()
        status = await session.finish(results.stage_callback(on_progress))
        await self._show_output(session, env)
        # First the receipt: r0vm proves what it is asked to execute, and panics when asked for the journal.
        receipt = await session.receipt_if_any()
        if receipt is not None:
            journal, exit_code = await asyncio.to_thread(results.unproved, receipt)
        elif (served := await session.journal()) is not None:
            journal, exit_code = served, ExitCode.halted()
        else:
            raise RemoteAnswerError(f"session {session.id} succeeded, but the server has no journal of it")
        return results.session_info(status, journal, exit_code, asyncio.get_running_loop().time() - started)

    async def _show_output(self, session: RemoteSession, env: ExecutorEnv) -> None:
        """Show what the guest printed, from a server that stores it. Ignores remote errors."""
        if not self._has_logs:
            return
        with contextlib.suppress(RemoteError):
            logs = await session.logs()
            self._has_logs = logs is not None
            if logs:
                await asyncio.to_thread(results.show_output, env, logs)


def _report(on_progress: OnProgress | None, phase: Phase) -> None:
    if on_progress is not None:
        on_progress(Progress(phase))


async def _together(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """Return all results, or raise the first error with the others cancelled."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
