"""The remote prover for blocking code: the asyncio one, run in a thread that the process has one of."""

from __future__ import annotations

import os
import weakref
from types import TracebackType
from typing import TYPE_CHECKING, Self

from zkhost.provers.batch import Bulk
from zkhost.provers.bonsai import portal, results, wire
from zkhost.provers.bonsai.aprover import AsyncBonsaiProver
from zkhost.provers.bonsai.portal import Token
from zkhost.provers.bonsai.session import RemoteSession
from zkhost.provers.bonsai.settings import Settings
from zkhost.provers.bonsai.store import SessionStore
from zkhost.provers.interface import ProveInfo, ProverOpts

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.image_id import ImageIDLike
    from zkhost.provers.interface import OnProgress, Program
    from zkhost.receipt.receipt import Receipt
    from zkhost.session import SessionInfo

_DEFAULT_OPTS = ProverOpts()


class BonsaiSession:
    """A session on the server, for blocking code. Its `id` is all one has to keep."""

    def __init__(self, session: RemoteSession) -> None:
        self._session = session

    @property
    def id(self) -> str:
        """The server's id of the session."""
        return self._session.id

    def __repr__(self) -> str:
        return repr(self._session)

    def status(self) -> wire.SessionStatus:
        """How it stands now."""
        return portal.run(lambda _: self._session.status())

    def stop(self) -> bool:
        """Ask the server to stop it. Whether the server serves that (r0vm and Bento do not)."""
        return portal.run(lambda _: self._session.stop())

    def logs(self) -> str | None:
        """What the guest wrote to stdout and stderr, merged, once it ran; None where the server keeps no logs."""
        return portal.run(lambda _: self._session.logs())


class BonsaiProver(Bulk):
    """Proves on a server that speaks the Bonsai REST API: Bonsai, Bento, an r0vm cluster.

    May be used from many threads at once. What each method does and raises: see AsyncBonsaiProver. Ctrl-C does what the
    cancel token does.
    """

    name = "bonsai"
    lacks = results.LACKS

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        url: str | None = None,
        key: str | None = None,
        reason: str = "asked for in code",
        store: SessionStore | None = None,
    ) -> None:
        """Without settings: the environment's (see `Settings.from_env`), with `url` and `key` where given."""
        self._core = AsyncBonsaiProver(settings, url=url, key=key, reason=reason, store=store)
        self._finalizer = weakref.finalize(self, _close, self._core, os.getpid())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.settings.url}>"

    @property
    def settings(self) -> Settings:
        """Where the server is and how it is dealt with."""
        return self._core.settings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Sessions on the server go on."""
        portal.run(lambda _: self._core.aclose())

    def prove(
        self,
        env: ExecutorEnv,
        program: Program,
        opts: ProverOpts = _DEFAULT_OPTS,
        *,
        on_progress: OnProgress | None = None,
        cancel: Token | None = None,
    ) -> ProveInfo:
        """Prove a run: upload, start a session, wait, download, verify."""
        return portal.run(
            lambda emit: self._core.prove(env, program, opts, on_progress=emit, cancel=cancel), on_progress
        )

    def execute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: Token | None = None,
    ) -> SessionInfo:
        """Run without a proof: an execute-only session."""
        return portal.run(lambda emit: self._core.execute(env, program, on_progress=emit, cancel=cancel), on_progress)

    def submit(
        self, env: ExecutorEnv, program: Program, opts: ProverOpts = _DEFAULT_OPTS, *, execute_only: bool = False
    ) -> BonsaiSession:
        """Start a session and return at once; keep its `id`, and `attach` to it later."""
        return BonsaiSession(portal.run(lambda _: self._core.submit(env, program, opts, execute_only=execute_only)))

    def session(
        self, session_id: str, *, image_id: ImageIDLike | None = None, opts: ProverOpts | None = None
    ) -> BonsaiSession:
        """A session that was started before, here or elsewhere, without asking the server."""

        async def work() -> RemoteSession:
            return self._core.session(session_id, image_id=image_id, opts=opts)

        return BonsaiSession(portal.run(lambda _: work()))

    def attach(
        self,
        session_id: str,
        *,
        image_id: ImageIDLike | None = None,
        opts: ProverOpts | None = None,
        on_progress: OnProgress | None = None,
        cancel: Token | None = None,
    ) -> ProveInfo:
        """Wait for a session that was started before, its snark stage included, and verify its receipt."""
        return portal.run(
            lambda emit: self._core.attach(session_id, image_id=image_id, opts=opts, on_progress=emit, cancel=cancel),
            on_progress,
        )

    def compress(self, receipt: Receipt, opts: ProverOpts, *, cancel: Token | None = None) -> Receipt:
        """The receipt, where it is as small as asked for. The API compresses no receipt it did not make."""
        return portal.run(lambda _: self._core.compress(receipt, opts))

    def versions(self) -> tuple[str, ...] | None:
        """The versions of risc0-zkvm the server proves for; None where it does not say."""
        return portal.run(lambda _: self._core.versions())

    def quotas(self) -> wire.Quotas | None:
        """What the API key may use; None where the server has no quotas."""
        return portal.run(lambda _: self._core.quotas())


def _close(core: AsyncBonsaiProver, pid: int) -> None:
    """Close connections that nobody closed, in the process that opened them."""
    if os.getpid() == pid:
        portal.start(core.aclose())
