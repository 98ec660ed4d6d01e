"""A Bonsai API on loopback that behaves, except where a test tells it not to.

It keeps what is uploaded, plays each session from a script of statuses and records every request. `fault` makes the
next requests that match misbehave in ways a healthy server never does. It speaks HTTP/1.1 itself, so that it can
break it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import socket
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from zkhost.provers.bonsai.remote_settings import ApiKey, RemoteSettings
from zkhost.provers.bonsai.retry import RetryPolicy

KEY = "s3cret-Key-0123456789"
Write = asyncio.StreamWriter
Fault = Callable[["Seen", Write], Awaitable[None]]


@dataclass
class Seen:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


@dataclass
class Session:
    """A session: what was asked, and the statuses still to be shown; the last one stays."""

    request: dict[str, Any]
    script: list[dict[str, Any]]
    receipt: bytes
    journal: bytes | None = None
    logs: str | None = None
    stopped: bool = False


class FakeBonsai:
    """The server, in a thread of its own. `url` is its API; `listener`, if given, a bound socket for it to listen at."""

    def __init__(self, listener: socket.socket | None = None) -> None:
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self.seen: list[Seen] = []
        self.images: dict[str, bytes] = {}
        self.inputs: dict[str, bytes] = {}
        self.receipts: dict[str, bytes] = {}
        self.sessions: dict[str, Session] = {}
        self.snarks: dict[str, Session] = {}
        self.script: list[dict[str, Any]] = [{"status": "RUNNING", "state": "Setup"}]
        self.stats: dict[str, int] | None = {"segments": 1, "cycles": 4242, "total_cycles": 32768}
        self.receipt = b"receipt"
        self.snark_receipt = b"snark"
        self.journal: bytes | None = None
        self.logs: str | None = None
        self.proves_executes = False
        self.upload_origin: str | None = None
        self.extra: dict[str, bytes] = {}
        self._faults: list[tuple[str, re.Pattern[str], Iterator[Fault]]] = []
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    # What tests use

    def fault(self, method: str, path: str, *faults: Fault, forever: bool = False) -> None:
        """Answer the next requests of this method and path (a regular expression) with these faults, one each."""
        self._faults.append((method, re.compile(path), itertools.cycle(faults) if forever else iter(faults)))

    def count(self, method: str, path: str) -> int:
        """How many requests of this method and path (a regular expression) came."""
        return len(self.found(method, path))

    def found(self, method: str, path: str) -> list[Seen]:
        """Those requests."""
        return [seen for seen in self.seen if seen.method == method and re.fullmatch(path, seen.path)]

    def close(self) -> None:
        """Stop serving."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    # The server

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, sock=self._listener)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def _connection(self, reader: asyncio.StreamReader, writer: Write) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing() and (request := await _read(reader)) is not None:
                self.seen.append(request)
                await self._handler(request)(request, writer)
                await writer.drain()
        writer.close()

    def _handler(self, request: Seen) -> Fault:
        for method, path, faults in self._faults:
            if method == request.method and path.fullmatch(request.path):
                with contextlib.suppress(StopIteration):
                    return next(faults)
        for pattern, method, handler in self._routes():
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return handler(request, *match.groups())
        if request.path in self.extra:
            return respond(200, self.extra[request.path])
        return respond(404, b"no such route")

    def _routes(self) -> list[tuple[str, str, Callable[..., Fault]]]:
        return [
            (r"/images/upload/(\w+)", "GET", self._image),
            (r"/images/upload/(\w+)", "PUT", lambda request, name: self._store(self.images, name, request)),
            (r"/inputs/upload", "GET", lambda _: self._upload("inputs")),
            (r"/inputs/upload/([\w-]+)", "PUT", lambda request, name: self._store(self.inputs, name, request)),
            (r"/receipts/upload", "GET", lambda _: self._upload("receipts")),
            (r"/receipts/upload/([\w-]+)", "PUT", lambda request, name: self._store(self.receipts, name, request)),
            (r"/sessions/create", "POST", self._create),
            (r"/sessions/status/([\w-]+)", "GET", self._status),
            (r"/sessions/stop/([\w-]+)", "GET", self._stop_session),
            (r"/sessions/logs/([\w-]+)", "GET", lambda _, name: _text(self._session(name).logs)),
            (r"/sessions/exec_only_journal/([\w-]+)", "GET", lambda _, name: _text(self._session(name).journal)),
            (r"/receipts/([\w-]+)", "GET", self._receipt),
            (r"/download/([\w-]+)", "GET", lambda _, name: respond(200, self._session(name).receipt)),
            (r"/snark/create", "POST", self._create_snark),
            (r"/snark/status/([\w-]+)", "GET", self._snark_status),
            (r"/download-snark/([\w-]+)", "GET", lambda _, name: respond(200, self.snarks[name].receipt)),
        ]

    def _image(self, request: Seen, name: str) -> Fault:
        if name in self.images:
            return respond(204, b"")
        return reply({"url": f"{self.upload_origin or self.url}/images/upload/{name}"})

    def _upload(self, kind: str) -> Fault:
        name = str(uuid.uuid4())
        return reply({"url": f"{self.upload_origin or self.url}/{kind}/upload/{name}", "uuid": name})

    def _store(self, where: dict[str, bytes], name: str, request: Seen) -> Fault:
        where[name] = request.body
        return respond(200, b"")

    def _create(self, request: Seen) -> Fault:
        name = str(uuid.uuid4())
        asked = json.loads(request.body)
        done = {"status": "SUCCEEDED", "stats": self.stats, "receipt_url": f"{self.url}/download/{name}"}
        script = [*self.script, done] if self.script and self.script[-1]["status"] == "RUNNING" else list(self.script)
        self.sessions[name] = Session(asked, script, self.receipt, self.journal, self.logs)
        return reply({"uuid": name})

    def _session(self, name: str) -> Session:
        return self.sessions.get(name) or Session({}, [{"status": "FAILED", "error_msg": "unknown"}], b"")

    def _status(self, request: Seen, name: str) -> Fault:
        if name not in self.sessions:
            return reply({"type": "InternalErr", "msg": "internal error"}, 500)
        script = self.sessions[name].script
        return reply(script.pop(0) if len(script) > 1 else script[0])

    def _stop_session(self, request: Seen, name: str) -> Fault:
        self.sessions[name].stopped = True
        self.sessions[name].script = [{"status": "ABORTED"}]
        return respond(200, b"")

    def _receipt(self, request: Seen, name: str) -> Fault:
        if name not in self.sessions or (self.sessions[name].request["execute_only"] and not self.proves_executes):
            return reply({"type": "ReceiptMissing", "msg": f"receipt does not exist: {name}"}, 404)
        return reply({"url": f"{self.url}/download/{name}"})

    def _create_snark(self, request: Seen) -> Fault:
        name = str(uuid.uuid4())
        done = {"status": "SUCCEEDED", "output": f"{self.url}/download-snark/{name}"}
        self.snarks[name] = Session(json.loads(request.body), [{"status": "RUNNING"}, done], self.snark_receipt)
        return reply({"uuid": name})

    def _snark_status(self, request: Seen, name: str) -> Fault:
        script = self.snarks[name].script
        return reply(script.pop(0) if len(script) > 1 else script[0])


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    line = await reader.readline()
    if not line:
        return None
    method, path, _ = line.decode().split(" ", 2)
    headers = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return Seen(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def _text(value: str | bytes | None) -> Fault:
    if value is None:
        return respond(404, b"")
    return respond(200, value.encode() if isinstance(value, str) else value)


# Answers, good and bad


def respond(code: int, body: bytes, **headers: str) -> Fault:
    """A plain answer; header names with `_` for `-`."""
    return _raw(code, body, headers, len(body))


def reply(value: object, code: int = 200) -> Fault:
    """An answer in JSON."""
    return respond(code, json.dumps(value).encode(), content_type="application/json")


def truncated(body: bytes) -> Fault:
    """Half the body, then the connection closes."""
    return _raw(200, body[: len(body) // 2], {}, len(body), close=True)


def without_length(body: bytes) -> Fault:
    """A body that ends where the connection does."""
    return _raw(200, body, {}, None, close=True)


def redirect(url: str, code: int = 307) -> Fault:
    """To another place."""
    return respond(code, b"", location=url)


def _raw(code: int, body: bytes, headers: dict[str, str], length: int | None, *, close: bool = False) -> Fault:
    async def answer(request: Seen, writer: Write) -> None:
        lines = [f"HTTP/1.1 {code} X"] + [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if length is not None and code != 204:
            lines.append(f"content-length: {length}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        if close:
            await writer.drain()
            writer.close()

    return answer


async def drop(request: Seen, writer: Write) -> None:
    """No answer at all: the connection closes, as where a handler panics."""
    writer.close()


async def hang(request: Seen, writer: Write) -> None:
    """No answer at all, and the connection stays."""
    await asyncio.sleep(3600)


def drip(body: bytes, every_s: float = 0.05) -> Fault:
    """The body, one byte at a time."""

    async def answer(request: Seen, writer: Write) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        for byte in body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every_s)

    return answer


def flood(chunk: bytes = bytes(65536)) -> Fault:
    """A body without end, in HTTP chunks, its size never said."""

    async def answer(request: Seen, writer: Write) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            await writer.drain()

    return answer


# A client for it


def quick(url: str, **changes: object) -> RemoteSettings:
    """RemoteSettings that are quick to retry and to give up."""
    values: dict[str, object] = {
        "timeout_s": 20.0,
        "deadline_s": 60.0,
        "poll_interval_s": 0.01,
        "retry": RetryPolicy(
            first_delay_s=0.01, max_delay_s=0.05, outage_s=3.0, server_error_s=0.3, first_contact_s=1.0
        ),
        "max_receipt_bytes": 1 << 20,
    }
    return RemoteSettings(url, ApiKey(KEY), **(values | changes))  # type: ignore[arg-type]
