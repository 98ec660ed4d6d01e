"""Waiting for sessions: how they end, what is told on the way, what survives a server that restarts."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.unit.bonsai import fake_bonsai as fake
from tests.unit.bonsai import waiting_loop
from tests.unit.bonsai.fake_bonsai import FakeBonsai
from zkhost.errors import (
    DeadlineError,
    GuestPanicError,
    RemoteAnswerError,
    RemoteSessionError,
    RemoteUnavailableError,
    SessionLimitError,
)
from zkhost.provers.bonsai.client import Client
from zkhost.provers.bonsai.polling import Polling
from zkhost.provers.bonsai.remote_session import RemoteSession, Stage, _r0vm_interval_s, within
from zkhost.provers.bonsai.remote_settings import RemoteSettings
from zkhost.provers.bonsai.session_store import SessionRecord, SessionStore
from zkhost.provers.bonsai.transport import Transport

T = TypeVar("T")
STATUS = "/sessions/status/.*"
IMAGE = "ab" * 32
Use = Callable[[RemoteSession], Awaitable[T]]


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path)


@pytest.fixture
def run(settings: RemoteSettings, store: SessionStore) -> Callable[[Use[Any]], Any]:
    """Use a session that was just started, as `prove` does."""

    def run(use: Use[T], **record: Any) -> T:
        async def main() -> T:
            transport = Transport(settings, "3.0.6")
            client = Client(transport)
            try:
                session_id = await client.create_session(IMAGE, "input", [])
                fields = SessionRecord(session_id, settings.url, IMAGE)
                return await use(
                    RemoteSession(lambda: client, settings, Polling(0.01), store, dataclasses.replace(fields, **record))
                )
            finally:
                await transport.aclose()

        return waiting_loop.run(main())

    return run


async def fetch(session: RemoteSession) -> bytes:
    return bytes(await session.receipt(await session.finish()))


def test_success_and_stages(server: FakeBonsai, run: Callable[..., Any]) -> None:
    server.script = [
        {"status": "RUNNING", "state": "Setup"},
        {"status": "RUNNING", "state": "ProveSegments: 3/10"},
        {"status": "RUNNING", "state": "RecursionJoin: 1/2"},
        {"status": "RUNNING", "state": ""},
        {"status": "RUNNING", "state": "\x1b[31mred"},
        {"status": "RUNNING"},
    ]
    stages: list[Stage] = []

    async def watched(session: RemoteSession) -> bytes:
        return bytes(await session.receipt(await session.finish(stages.append)))

    assert run(watched) == b"receipt"
    told = [(stage.state.name, stage.state.done, stage.state.total) if stage.state else None for stage in stages]
    assert told == [("Setup", None, None), ("ProveSegments", 3, 10), ("RecursionJoin", 1, 2), None, None, None]
    assert all(stage.name == "session" and 0 <= stage.elapsed_s < 5 for stage in stages)


class TestBadEnds:
    @pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
    def test_statuses(self, server: FakeBonsai, run: Callable[..., Any], status: str) -> None:
        server.script = [{"status": "RUNNING"}, {"status": status, "error_msg": "no luck"}]
        with pytest.raises(RemoteSessionError, match=f"ended with {status}: no luck") as caught:
            run(fetch)
        assert caught.value.status == status
        assert caught.value.session_id in server.sessions

    def test_without_a_reason(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "FAILED"}]
        with pytest.raises(RemoteSessionError, match="gave no reason"):
            run(fetch)

    def test_guest_panic(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "FAILED", "error_msg": "Guest panicked: at src/main.rs:7:\ntoo small"}]
        with pytest.raises(GuestPanicError, match="too small") as caught:
            run(fetch)
        assert caught.value.panic == "at src/main.rs:7:\ntoo small"

    def test_session_limit_by_the_server(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "FAILED", "error_msg": "Session limit exceeded: 7000 >= 5000"}]
        with pytest.raises(SessionLimitError, match="7000 >= 5000"):
            run(fetch)

    def test_session_limit_the_server_ignores(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        """The fake takes 4242 user cycles, as a real server may that knows no limit."""
        with pytest.raises(SessionLimitError, match="4242 cycles, over the limit of 4241"):
            run(fetch, session_limit=4241)
        assert run(fetch, session_limit=4242) == b"receipt"

    def test_a_server_without_recursion_programs(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "FAILED", "error_msg": "invalid Zip archive: Could not find EOCD"}]
        with pytest.raises(RemoteSessionError) as caught:
            run(fetch)
        assert "recursion programs" in (caught.value.hint or "")


class TestReceipts:
    def test_a_moment_late(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.fault("GET", "/download/.*", fake.respond(404, b""), fake.respond(404, b""))
        assert run(fetch) == b"receipt"

    def test_cut_short(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.fault("GET", "/download/.*", fake.truncated(bytes(1000)))
        assert run(fetch) == b"receipt"

    def test_no_url_in_the_status(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "SUCCEEDED"}]
        assert run(fetch) == b"receipt"

    def test_none_anywhere(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "SUCCEEDED"}]
        server.fault("GET", "/receipts/.*", fake.respond(404, b""))
        with pytest.raises(RemoteAnswerError, match="names no receipt"):
            run(fetch)


class TestR0vm:
    """Its manager dies when asked for a session that is just ending: it is asked rarely, its storage often."""

    def test_asks_for_the_receipt_in_between(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "RUNNING", "state": "init"}]
        server.fault("GET", "/receipts/.*", *[fake.respond(404, b"")] * 3)
        assert run(fetch) == b"receipt"
        assert server.count("GET", STATUS) == 2
        assert server.count("GET", "/receipts/.*") in (1, 2, 3, 4)  # fewer where a busy machine made 0.25 s pass

    def test_a_session_that_fails_has_none(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "RUNNING", "state": "init"}, {"status": "FAILED", "error_msg": "no luck"}]
        server.fault("GET", "/receipts/.*", fake.respond(404, b""), forever=True)
        with pytest.raises(RemoteSessionError, match="no luck"):
            run(fetch)
        assert server.count("GET", STATUS) == 2

    def test_how_long_its_status_is_not_asked_for_again(self) -> None:
        assert [_r0vm_interval_s(age) for age in (0, 0.5, 1, 10, 100)] == [0.25, 0.5, 1, 2, 5]

    def test_an_outage_in_between(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "RUNNING", "state": "init"}]
        server.fault("GET", "/receipts/.*", *[fake.drop] * 4)
        server.fault("GET", STATUS, fake.reply({"status": "RUNNING", "state": "init"}), fake.drop, fake.drop)
        assert run(fetch) == b"receipt"


class TestRestarts:
    def test_forgotten_but_finished(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        """As r0vm after a restart: the status is HTTP 500 for good, the receipt is there."""
        server.fault("GET", STATUS, fake.reply({"type": "InternalErr", "msg": "internal error"}, 500), forever=True)
        assert run(fetch) == b"receipt"

    def test_forgotten(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.fault("GET", STATUS, fake.respond(404, b""), forever=True)
        server.fault("GET", "/receipts/.*", fake.respond(404, b""), forever=True)
        with pytest.raises(RemoteSessionError, match="does not know session") as caught:
            run(fetch)
        assert caught.value.status == "UNKNOWN"

    def test_an_outage_is_waited_out(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.fault("GET", STATUS, *[fake.drop] * 8)
        assert run(fetch) == b"receipt"

    def test_gone_for_good(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        async def outage(session: RemoteSession) -> bytes:
            server.close()
            return await fetch(session)

        with pytest.raises(RemoteUnavailableError, match="cannot connect") as caught:
            run(outage)
        assert caught.value.session_id in server.sessions
        assert f"attach({caught.value.session_id!r})" in str(caught.value)


class TestDeadline:
    def test_a_session_that_never_ends(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.script = [{"status": "RUNNING"}, {"status": "RUNNING"}]
        server.fault("GET", STATUS, fake.reply({"status": "RUNNING"}), forever=True)

        async def limited(session: RemoteSession) -> bytes:
            async with within(0.3, lambda: session):
                return await fetch(session)

        with pytest.raises(DeadlineError, match=r"not done within 0\.3 s") as caught:
            run(limited)
        assert caught.value.session_id in server.sessions
        assert isinstance(caught.value, TimeoutError)

    def test_the_callers_own_timeout_is_its_own(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.fault("GET", STATUS, fake.reply({"status": "RUNNING"}), forever=True)

        async def limited(session: RemoteSession) -> bytes:
            async with asyncio.timeout(0.1), within(10, lambda: session):
                return await fetch(session)

        with pytest.raises(TimeoutError) as caught:
            run(limited)
        assert not isinstance(caught.value, DeadlineError)


class TestSnark:
    def test_receipt(self, server: FakeBonsai, run: Callable[..., Any], store: SessionStore) -> None:
        stages: list[Stage] = []

        async def snark(session: RemoteSession) -> bytes:
            await session.finish()
            return bytes(await session.snark(stages.append))

        assert run(snark) == b"snark"
        assert [stage.name for stage in stages] == ["snark"]
        (snark_id,) = server.snarks
        (session_id,) = server.sessions
        record = store.load(session_id)
        assert record is not None
        assert record.snark_id == snark_id

    def test_started_once(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        async def twice(session: RemoteSession) -> bytes:
            await session.finish()
            await session.snark()
            return bytes(await session.snark())

        assert run(twice) == b"snark"
        assert server.count("POST", "/snark/create") == 1

    def test_failed(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.fault("GET", "/snark/status/.*", fake.reply({"status": "FAILED", "error_msg": "no GPU"}))
        with pytest.raises(RemoteSessionError, match="no GPU"):
            run(lambda session: session.snark())

    def test_no_url(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.fault("GET", "/snark/status/.*", fake.reply({"status": "SUCCEEDED"}))
        with pytest.raises(RemoteAnswerError, match="names no receipt"):
            run(lambda session: session.snark())


class TestJournalAndLogs:
    async def both(self, session: RemoteSession) -> tuple[bytes | None, str | None]:
        await session.finish()
        return await session.journal(), await session.logs()

    def test_served(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        server.journal, server.logs = b"\x01\x02", "hello\n"
        assert run(self.both) == (b"\x01\x02", "hello\n")

    def test_not_served(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        assert run(self.both) == (None, None)

    def test_stop(self, server: FakeBonsai, run: Callable[..., Any]) -> None:
        async def stop(session: RemoteSession) -> tuple[bool, str]:
            return await session.stop(), (await session.status()).status

        assert run(stop) == (True, "ABORTED")
