"""Requests against a server that misbehaves: what is tried again, what is refused, who sees the key."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from tests.unit.bonsai import fake_bonsai as fake
from tests.unit.bonsai import waiting_loop
from tests.unit.bonsai.fake_bonsai import KEY, FakeBonsai, quick
from zkhost.errors import (
    DeadlineError,
    RemoteAnswerError,
    RemoteError,
    RemoteRefusedError,
    RemoteUnavailableError,
)
from zkhost.provers.bonsai.client import Client
from zkhost.provers.bonsai.origins import Origins
from zkhost.provers.bonsai.remote_settings import RemoteSettings
from zkhost.provers.bonsai.transport import Transport
from zkhost.provers.bonsai.upload import Body

T = TypeVar("T")
IMAGE = "ab" * 32
STATUS = "/sessions/status/.*"


def run(settings: RemoteSettings, use: Callable[[Client], Awaitable[T]]) -> T:
    """Use a client in an event loop of its own."""

    async def main() -> T:
        transport = Transport(settings, "3.0.6")
        try:
            return await use(Client(transport))
        finally:
            await transport.aclose()

    return waiting_loop.run(main())


def refused(settings: RemoteSettings, use: Callable[[Client], Awaitable[Any]], error: type[RemoteError]) -> RemoteError:
    """The error that using a client gives, with everything one would print of it free of the key."""
    with pytest.raises(error) as caught:
        run(settings, use)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(settings)
    assert KEY not in told
    return caught.value


def status_of(session_id: str) -> Callable[[Client], Awaitable[Any]]:
    return lambda client: client.session_status(session_id)


def create(client: Client) -> Awaitable[str]:
    return client.create_session(IMAGE, "input", [])


@pytest.fixture
def session(server: FakeBonsai, settings: RemoteSettings) -> str:
    return run(settings, create)


class TestHappy:
    def test_uploads_arrive_whole(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        data = bytes(range(256)) * 4096
        name = run(settings, lambda client: client.upload_input(Body(data)))
        assert server.inputs[name] == data
        put = server.found("PUT", "/inputs/upload/.*")[0]
        assert put.headers["content-length"] == str(len(data))
        assert "transfer-encoding" not in put.headers

    def test_empty_upload(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        name = run(settings, lambda client: client.upload_input(Body(b"")))
        assert server.inputs[name] == b""
        assert server.found("PUT", "/inputs/upload/.*")[0].headers["content-length"] == "0"

    def test_image_is_sent_once(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        async def many(client: Client) -> list[bool]:
            return await asyncio.gather(*(client.upload_image(IMAGE, Body(b"program")) for _ in range(20)))

        assert sum(run(settings, many)) == 1
        assert server.count("PUT", "/images/.*") == 1
        assert server.images == {IMAGE: b"program"}
        assert run(settings, lambda client: client.upload_image(IMAGE, Body(b"program"))) is False

    def test_key_and_version_go_to_the_api(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        run(settings, create)
        headers = server.found("POST", "/sessions/create")[0].headers
        assert (headers["x-api-key"], headers["x-risc0-version"]) == (KEY, "3.0.6")
        assert headers["content-type"] == "application/json"

    def test_what_is_not_served_is_none(self, server: FakeBonsai, settings: RemoteSettings, session: str) -> None:
        async def ask(client: Client) -> list[object]:
            return [await client.versions(), await client.quotas(), await client.session_logs(session)]

        assert run(settings, ask) == [None, None, None]

    def test_quotas_and_version(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.extra["/version"] = b'{"risc0_zkvm": ["3.0.6"]}'
        server.extra["/user/quotas"] = (
            b'{"exec_cycle_limit": 500, "concurrent_proofs": 10, "cycle_budget": 7, "cycle_usage": 9,'
            b' "dedicated_executor": 0, "dedicated_gpu": 0}'
        )
        assert run(settings, lambda client: client.versions()) == ("3.0.6",)
        quotas = run(settings, lambda client: client.quotas())
        assert quotas is not None
        assert (quotas.exec_cycle_limit, quotas.concurrent_proofs, quotas.cycle_usage) == (500, 10, 9)


class TestRetries:
    @pytest.mark.parametrize(
        "fault",
        [
            fake.respond(429, b"", retry_after="0"),
            fake.respond(500, b"oops"),
            fake.respond(503, b""),
            fake.drop,
            fake.truncated(b'{"status": "RUNNING"}'),
        ],
        ids=["429", "500", "503", "drop", "truncated"],
    )
    def test_passing_trouble(
        self, server: FakeBonsai, settings: RemoteSettings, session: str, fault: fake.Fault
    ) -> None:
        server.fault("GET", STATUS, fault, fault)
        assert run(settings, status_of(session)).status == "RUNNING"
        assert server.count("GET", STATUS) == 3

    def test_a_hanging_server_is_asked_again(self, server: FakeBonsai, session: str) -> None:
        server.fault("GET", STATUS, fake.hang)
        assert run(quick(server.url, timeout_s=0.2), status_of(session)).status == "RUNNING"

    def test_uploads_are_sent_again_whole(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.fault("PUT", "/inputs/.*", fake.drop, fake.respond(500, b""))
        data = bytes(300_000)
        name = run(settings, lambda client: client.upload_input(Body(data)))
        assert server.inputs[name] == data
        assert server.count("PUT", "/inputs/.*") == 3

    @pytest.mark.parametrize("larger", [True, False])
    def test_an_upload_that_r0vm_cuts_short(
        self, server: FakeBonsai, settings: RemoteSettings, larger: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("zkhost.provers.bonsai.transport.R0VM_UPLOAD_LIMIT", 2 << 20)
        server.fault("PUT", "/inputs/.*", fake.drop, forever=True)
        body = Body(bytes((3 if larger else 1) << 20))
        error = refused(settings, lambda client: client.upload_input(body), RemoteUnavailableError)
        assert ("no upload above 2 MiB" in str(error)) == larger

    def test_lasting_trouble_ends(self, server: FakeBonsai, settings: RemoteSettings, session: str) -> None:
        server.fault("GET", STATUS, fake.reply({"type": "InternalErr", "msg": "boom"}, 500), forever=True)
        error = refused(settings, status_of(session), RemoteUnavailableError)
        assert "HTTP 500 (InternalErr: boom)" in error.message
        assert getattr(error, "status_code") == 500  # noqa: B009
        assert server.count("GET", STATUS) > 3

    def test_no_server(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.close()
        error = refused(settings, status_of("a"), RemoteUnavailableError)
        assert "cannot connect" in error.message
        assert "BONSAI_API_URL" in str(error)

    def test_retry_after_is_kept_to(self, server: FakeBonsai, settings: RemoteSettings, session: str) -> None:
        server.fault("GET", STATUS, fake.respond(429, b"", retry_after="1"))

        async def timed(client: Client) -> float:
            started = asyncio.get_running_loop().time()
            await client.session_status(session)
            return asyncio.get_running_loop().time() - started

        assert run(settings, timed) >= 1.0

    def test_refusals_are_not_retried(self, server: FakeBonsai, settings: RemoteSettings, session: str) -> None:
        server.fault("GET", STATUS, fake.respond(401, b"who?"))
        error = refused(settings, status_of(session), RemoteRefusedError)
        assert "HTTP 401 (who?)" in error.message
        assert "BONSAI_API_KEY" in str(error)
        assert server.count("GET", STATUS) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            fake.respond(413, b"Payload Too Large"),
            fake.reply({"type": "InternalErr", "msg": "length limit exceeded"}, 500),
            fake.respond(500, b"request body too large"),
        ],
    )
    def test_a_body_that_is_too_large_is_not_sent_again(
        self, server: FakeBonsai, settings: RemoteSettings, answer: fake.Fault
    ) -> None:
        server.fault("PUT", "/inputs/.*", answer, forever=True)
        error = refused(settings, lambda client: client.upload_input(Body(bytes(12_345))), RemoteRefusedError)
        assert "does not take a body of 12,345 bytes" in error.message
        assert "give the guest less" in str(error.hint)
        assert server.count("PUT", "/inputs/.*") == 1

    def test_a_500_for_more_than_r0vm_takes_is_about_the_size(
        self, server: FakeBonsai, settings: RemoteSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It says no more than `internal error`."""
        monkeypatch.setattr("zkhost.provers.bonsai.transport.R0VM_UPLOAD_LIMIT", 1 << 20)
        answer = fake.reply({"type": "InternalErr", "msg": "internal error"}, 500)
        server.fault("PUT", "/inputs/.*", answer, forever=True)
        error = refused(settings, lambda client: client.upload_input(Body(bytes(2 << 20))), RemoteRefusedError)
        assert "2,097,152 bytes" in error.message
        assert server.count("PUT", "/inputs/.*") == 1
        refused(settings, lambda client: client.upload_input(Body(bytes(1000))), RemoteUnavailableError)
        assert server.count("PUT", "/inputs/.*") > 3


class TestNeverTwoSessions:
    @pytest.mark.parametrize(
        "fault",
        [fake.drop, fake.respond(500, b""), fake.respond(503, b""), fake.truncated(b'{"uuid": "a"}'), fake.hang],
        ids=["drop", "500", "503", "truncated", "hang"],
    )
    @pytest.mark.parametrize("what", ["session", "snark"])
    def test_not_sent_again_once_it_may_have_arrived(self, server: FakeBonsai, fault: fake.Fault, what: str) -> None:
        settings = quick(server.url, timeout_s=0.3)
        path = "/sessions/create" if what == "session" else "/snark/create"
        server.fault("POST", path, fault)
        error = refused(settings, create if what == "session" else lambda client: client.create_snark("a"), RemoteError)
        assert server.count("POST", path) == 1
        if not isinstance(error, DeadlineError):
            assert "may have started it" in str(error)

    def test_sent_again_after_429(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.fault("POST", "/sessions/create", fake.respond(429, b""), fake.respond(429, b""))
        assert run(settings, create) in server.sessions
        assert len(server.sessions) == 1

    def test_sent_again_where_nothing_listened(self, late_server: Any) -> None:
        """The server comes up while the client tries."""

        async def main(client: Client) -> str:
            asyncio.get_running_loop().call_later(0.2, late_server.start)
            return await create(client)

        assert run(quick(late_server.url), main) in late_server.server.sessions


class TestBounds:
    def test_huge_receipt_that_says_so(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.extra["/r"] = bytes(2 << 20)
        error = refused(settings, lambda client: client.download_receipt(f"{server.url}/r"), RemoteAnswerError)
        assert "larger than 1048576 bytes" in error.message

    def test_huge_receipt_that_does_not(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.fault("GET", "/r", fake.flood())
        refused(settings, lambda client: client.download_receipt(f"{server.url}/r"), RemoteAnswerError)

    def test_endless_json(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.fault("GET", STATUS, fake.flood())
        refused(settings, status_of("a"), RemoteAnswerError)

    def test_endless_error(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        async def flooded(request: fake.Seen, writer: fake.Write) -> None:
            writer.write(b"HTTP/1.1 400 no\r\ntransfer-encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"5\r\nspam \r\n")
                await writer.drain()

        server.fault("GET", STATUS, flooded)
        error = refused(settings, status_of("a"), RemoteRefusedError)
        assert len(error.message) < 700

    def test_slow_body(self, server: FakeBonsai) -> None:
        """One byte in 20 ms never ends a wait for 0.3 s."""
        server.fault("GET", STATUS, fake.drip(b'{"status": "RUNNING"' + b" " * 500 + b"}", 0.02), forever=True)
        error = refused(quick(server.url, timeout_s=0.3, retry=quick("http://x").retry), status_of("a"), DeadlineError)
        assert "was not answered within" in error.message

    def test_large_and_steady_is_not_slow(self, server: FakeBonsai) -> None:
        """1 MiB in 1.6 s, though a request may take 0.3 s: each 64 KiB that arrive give a second more."""

        async def steady(request: fake.Seen, writer: fake.Write) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1048576\r\n\r\n")
            for _ in range(16):
                writer.write(bytes(65536))
                await asyncio.sleep(0.1)

        server.fault("GET", "/r", steady, forever=True)
        settings = quick(server.url, timeout_s=0.3)
        assert len(run(settings, lambda client: client.download_receipt(f"{server.url}/r"))) == 1 << 20

    def test_compressed_answer(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.fault("GET", STATUS, fake.respond(200, b"\x1f\x8b", content_encoding="gzip"))
        assert "compressed" in refused(settings, status_of("a"), RemoteAnswerError).message

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"[]",
            b"null",
            b"{}",
            b'{"status": 1}',
            b'{"status": "DONE"}',
            b'{"status": "RUNNING", "stats": []}',
            b'{"status": "RUNNING", "stats": {"segments": -1, "cycles": 1, "total_cycles": 1}}',
            b'{"status": "RUNNING", "elapsed_time": "x"}',
            b'{"status": "RUNNING", "elapsed_time": NaN}',
            b'{"status": "SUCCEEDED", "receipt_url": 5}',
            b"[" * 100_000,
            b"\xff\xfe",
        ],
    )
    def test_bad_json(self, server: FakeBonsai, settings: RemoteSettings, body: bytes) -> None:
        server.fault("GET", STATUS, fake.respond(200, body))
        assert "session status" in refused(settings, status_of("a"), RemoteAnswerError).message

    @pytest.mark.parametrize("name", ["../../etc", "a/b", "a?b", "", "a" * 200, "a\nb"])
    def test_id_that_would_change_the_path(self, server: FakeBonsai, settings: RemoteSettings, name: str) -> None:
        server.fault("POST", "/sessions/create", fake.reply({"uuid": name}))
        assert "'uuid'" in refused(settings, create, RemoteAnswerError).message


class TestTheKeyStaysHome:
    def test_upload_url_of_another_host(
        self, server: FakeBonsai, other_server: FakeBonsai, settings: RemoteSettings
    ) -> None:
        server.upload_origin = other_server.url
        name = run(settings, lambda client: client.upload_input(Body(b"data")))
        assert other_server.inputs[name] == b"data"
        headers = other_server.seen[0].headers
        assert "x-api-key" not in headers
        assert "x-risc0-version" not in headers
        assert KEY not in str(other_server.seen)

    def test_download_url_of_another_host(
        self, server: FakeBonsai, other_server: FakeBonsai, settings: RemoteSettings
    ) -> None:
        other_server.extra["/r"] = b"receipt"
        assert run(settings, lambda client: client.download_receipt(f"{other_server.url}/r")) == b"receipt"
        assert KEY not in str([seen.headers for seen in other_server.seen])

    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_redirect_of_a_download(
        self, server: FakeBonsai, other_server: FakeBonsai, settings: RemoteSettings, code: int
    ) -> None:
        other_server.extra["/r"] = b"receipt"
        server.fault("GET", "/r", fake.redirect(f"{other_server.url}/r", code))
        assert run(settings, lambda client: client.download_receipt(f"{server.url}/r")) == b"receipt"
        assert server.seen[0].headers["x-api-key"] == KEY
        assert KEY not in str([seen.headers for seen in other_server.seen])

    def test_redirect_of_an_upload(
        self, server: FakeBonsai, other_server: FakeBonsai, settings: RemoteSettings
    ) -> None:
        server.fault("PUT", "/inputs/.*", fake.redirect(f"{other_server.url}/inputs/upload/x"))
        run(settings, lambda client: client.upload_input(Body(b"data")))
        assert other_server.inputs == {"x": b"data"}
        assert KEY not in str([seen.headers for seen in other_server.seen])

    @pytest.mark.parametrize("code", [301, 302, 303])
    def test_an_upload_does_not_turn_into_a_get(self, server: FakeBonsai, settings: RemoteSettings, code: int) -> None:
        server.fault("PUT", "/inputs/.*", fake.redirect(f"{server.url}/x", code))
        refused(settings, lambda client: client.upload_input(Body(b"data")), RemoteAnswerError)

    @pytest.mark.parametrize("what", [create, status_of("a")], ids=["create", "status"])
    def test_the_api_itself_does_not_move(
        self,
        server: FakeBonsai,
        other_server: FakeBonsai,
        settings: RemoteSettings,
        what: Callable[[Client], Awaitable[Any]],
    ) -> None:
        server.fault("POST", ".*", fake.redirect(f"{other_server.url}/sessions/create"))
        server.fault("GET", ".*", fake.redirect(f"{other_server.url}/sessions/status/a"))
        assert "redirect" in refused(settings, what, RemoteAnswerError).message
        assert other_server.seen == []

    def test_redirect_circle(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.fault("GET", "/r", fake.redirect(f"{server.url}/r"), forever=True)
        refused(settings, lambda client: client.download_receipt(f"{server.url}/r"), RemoteAnswerError)
        assert server.count("GET", "/r") == 4

    @pytest.mark.parametrize(
        "url", ["file:///etc/passwd", "ftp://h/x", "http://u:p@127.0.0.1/x", "//x", "x", "http://", "a:b:c"]
    )
    def test_urls_we_do_not_go_to(self, server: FakeBonsai, settings: RemoteSettings, url: str) -> None:
        refused(settings, lambda client: client.download_receipt(url), RemoteAnswerError)
        assert server.seen == []

    def test_key_echoed_by_the_server_is_masked(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        server.fault("GET", STATUS, fake.respond(403, f"unknown key {KEY}!".encode()))
        assert "unknown key ***!" in refused(settings, status_of("a"), RemoteRefusedError).message

    def test_signed_urls_are_not_shown(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        url = f"{server.url}/nothing?X-Amz-Signature=topsecret"
        error = refused(settings, lambda client: client.download_receipt(url), RemoteUnavailableError)
        assert "/nothing" in error.message
        assert "topsecret" not in str(error)

    def test_nothing_logged_has_the_key(
        self, server: FakeBonsai, settings: RemoteSettings, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        server.fault("GET", STATUS, fake.drop, fake.respond(500, KEY.encode()))
        run(settings, lambda client: client.upload_input(Body(b"data")))
        session = run(settings, create)
        run(settings, status_of(session))
        assert len(caplog.records) > 10
        assert "trying again" in caplog.text
        assert KEY not in "".join(f"{record.getMessage()}{record.args}" for record in caplog.records)

    def test_no_key_hangs_on_what_is_raised(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        """The httpx error behind ours carries its request, and tools that report errors look inside."""
        server.fault("GET", STATUS, fake.drop, forever=True)
        error: BaseException | None = refused(settings, status_of("a"), RemoteUnavailableError)
        seen = 0
        while error is not None:
            if hasattr(error, "request"):
                seen += 1
                assert KEY not in str(dict(error.request.headers))
            error = error.__cause__
        assert seen


class TestHttps:
    """What an https API may name, without a TLS server: the check of URLs on its own."""

    @staticmethod
    def goes_to(base: str, url: str) -> str:
        return str(Origins(base).checked(url))

    def test_a_server_behind_tls_calls_itself_http(self) -> None:
        assert (
            self.goes_to("https://api.test/v1", "http://api.test/inputs/upload/a") == "https://api.test/inputs/upload/a"
        )
        assert self.goes_to("https://api.test:8443", "http://api.test:8081/x") == "https://api.test:8443/x"

    def test_other_https_hosts_are_fine(self) -> None:
        assert self.goes_to("https://api.test", "https://s3.test/x?sig=1") == "https://s3.test/x?sig=1"

    def test_never_down_to_plain_http(self) -> None:
        with pytest.raises(RemoteAnswerError, match=r"sends us to http://s3\.test"):
            self.goes_to("https://api.test", "http://s3.test/x")
