"""The remote prover, for blocking callers and for asyncio."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from zkhost import _work
from zkhost.provers.arguments import Program, program_bytes
from zkhost.provers.bonsai import wire
from zkhost.provers.bonsai.remote_prover import RemoteProver
from zkhost.provers.bonsai.remote_session import RemoteSession
from zkhost.provers.bonsai.remote_settings import RemoteSettings
from zkhost.provers.bonsai.session_store import SessionStore
from zkhost.provers.features import Feature
from zkhost.provers.interface import Prover
from zkhost.provers.options import ProveInfo, ProverOpts

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.image_id import ImageIDLike
    from zkhost.provers.storage.receipt_cache import ReceiptCache
    from zkhost.receipt.receipt import Receipt
    from zkhost.session import OnProgress, SessionInfo


class BonsaiSession:
    """A session on the server. Its `id` is all that needs to be stored.

    Methods whose names begin with `a` are the asyncio versions.
    """

    def __init__(self, session: RemoteSession) -> None:
        self._session = session

    @property
    def id(self) -> str:
        """The server's id of the session."""
        return self._session.id

    def __repr__(self) -> str:
        return f"<BonsaiSession {self.id}>"

    def status(self) -> wire.SessionStatus:
        """Return its current status."""
        return _work.run_async(lambda _: self.astatus())

    async def astatus(self) -> wire.SessionStatus:
        """As `status`."""
        return await self._session.status()

    def stop(self) -> bool:
        """Ask the server to stop it; return whether the server supports that (r0vm and Bento do not)."""
        return _work.run_async(lambda _: self.astop())

    async def astop(self) -> bool:
        """As `stop`."""
        return await self._session.stop()

    def logs(self) -> str | None:
        """Return the guest's stdout and stderr, merged, once it ran; None where the server stores no logs."""
        return _work.run_async(lambda _: self.alogs())

    async def alogs(self) -> str | None:
        """As `logs`."""
        return await self._session.logs()


class BonsaiProver(Prover):
    """Proves on a server that speaks the Bonsai REST API: Bonsai, Bento, an r0vm cluster.

    May be used from many threads and event loops at once, and in a `with` or `async with` block. Methods raise RemoteErrors
    for the server, GuestErrors for the guest and VerificationErrors for a receipt that does not prove what was asked; no
    such receipt is ever returned. Methods whose names begin with `a` are the asyncio versions, without a thread each: one
    process holds hundreds of sessions.
    """

    name = "bonsai"
    # The API has an input, assumptions and a session limit. Some servers store what a guest prints, stdout and stderr
    # merged, and some have receipts of runs that were only executed, which hold the exit code.
    lacks = frozenset(Feature) - {Feature.CACHE}

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
        self._remote = RemoteProver(settings, url=url, key=key, reason=reason, store=store)
        self._finalizer = weakref.finalize(self, _close, self._remote, os.getpid())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.settings.url}>"

    @property
    def settings(self) -> RemoteSettings:
        """Where the server is, and time limits and retries."""
        return self._remote.settings

    @property
    def instead(self) -> str:
        """The hint for what the API cannot carry."""
        return "put it into the guest's input, or use the local or ipc prover"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def close(self) -> None:
        """Close all connections of blocking calls. Sessions on the server continue."""
        _work.run_async(lambda _: self._remote.aclose())

    async def aclose(self) -> None:
        """Close all connections of the running event loop. Sessions on the server continue."""
        await self._remote.aclose()

    def execute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> SessionInfo:
        """Run without a proof: an execute-only session. Its journal is what the server reports, unverified."""
        self.refuse(env)
        return _work.run_async(
            lambda emit: self._remote.execute(env, program, on_progress=emit, cancel=cancel), on_progress
        )

    async def aexecute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> SessionInfo:
        """As `execute`."""
        self.refuse(env)
        return await self._remote.execute(env, program, on_progress=on_progress, cancel=cancel)

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
        """Prove a run: upload, start a session, wait, download, verify.

        The server decides on succinct receipts; GROTH16 adds its snark stage. Cancelling, by Ctrl-C too, stops the
        session. Raises UnsupportedError for a checkpoint: a session outlives this process, and `attach` resumes it.
        """
        opts = opts or ProverOpts()
        self._refuse_options(env, opts, checkpoint)

        def remotely() -> ProveInfo:
            return _work.run_async(
                lambda emit: self._remote.prove(env, program, opts, on_progress=emit, cancel=cancel), on_progress
            )

        if cache is None:
            return remotely()
        from zkhost.provers.storage.receipt_cache import proved_once  # SQLite, only where a cache is used

        return proved_once(cache, env, program_bytes(program), opts, remotely)

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
        """As `prove`; in a thread where a cache is used."""
        opts = opts or ProverOpts()
        self._refuse_options(env, opts, checkpoint)
        if cache is not None:
            return await super().aprove(env, program, opts, on_progress=on_progress, cancel=cancel, cache=cache)
        return await self._remote.prove(env, program, opts, on_progress=on_progress, cancel=cancel)

    def submit(
        self, env: ExecutorEnv, program: Program, opts: ProverOpts | None = None, *, execute_only: bool = False
    ) -> BonsaiSession:
        """Start a session and return at once; store its `id`, and `attach` to it later."""
        return _work.run_async(lambda _: self.asubmit(env, program, opts, execute_only=execute_only))

    async def asubmit(
        self, env: ExecutorEnv, program: Program, opts: ProverOpts | None = None, *, execute_only: bool = False
    ) -> BonsaiSession:
        """As `submit`."""
        opts = opts or ProverOpts()
        self._refuse_options(env, opts, None)
        return BonsaiSession(await self._remote.submit(env, program, opts, execute_only=execute_only))

    def session(
        self, session_id: str, *, image_id: ImageIDLike | None = None, opts: ProverOpts | None = None
    ) -> BonsaiSession:
        """Return a session that was started earlier, here or elsewhere, without a request to the server.

        What its receipt must prove comes from the store, or from `image_id` and `opts`. Raises ConfigError where neither
        names the image ID, or they differ.
        """
        return BonsaiSession(self._remote.session(session_id, image_id=image_id, opts=opts))

    def attach(
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
        return _work.run_async(
            lambda emit: self._remote.attach(session_id, image_id=image_id, opts=opts, on_progress=emit, cancel=cancel),
            on_progress,
        )

    async def aattach(
        self,
        session_id: str,
        *,
        image_id: ImageIDLike | None = None,
        opts: ProverOpts | None = None,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> ProveInfo:
        """As `attach`."""
        return await self._remote.attach(
            session_id, image_id=image_id, opts=opts, on_progress=on_progress, cancel=cancel
        )

    def compress(self, receipt: Receipt, opts: ProverOpts, *, cancel: CancelToken | None = None) -> Receipt:
        """Return the receipt where it is already as small as requested. The API compresses no receipt it did not make."""
        return self._remote.compress(receipt, opts)

    def versions(self) -> tuple[str, ...] | None:
        """Return the versions of risc0-zkvm that the server proves for; None where it does not report them."""
        return _work.run_async(lambda _: self._remote.versions())

    def quotas(self) -> wire.Quotas | None:
        """Return the quotas of the API key; None where the server has none."""
        return _work.run_async(lambda _: self._remote.quotas())

    def _refuse_options(self, env: ExecutorEnv, opts: ProverOpts, checkpoint: Path | str | None) -> None:
        asked = {Feature.CHECKPOINT: checkpoint is not None, Feature.PREFLIGHT: opts.preflight}
        self.refuse(env, [feature for feature, is_asked in asked.items() if is_asked])


def _close(remote: RemoteProver, pid: int) -> None:
    """Close connections that were left open, in the process that opened them."""
    if os.getpid() == pid:
        _work.start_async(remote.aclose())
