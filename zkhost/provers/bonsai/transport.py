"""One HTTP request of the remote prover: the only module that touches httpx.

Whatever httpx raises is mapped here. What goes out and comes back is bounded: time, size, hosts.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import ssl
from dataclasses import dataclass, field

import httpx

from zkhost.errors import DeadlineError, RemoteAnswerError, RemoteError, RemoteRefusedError, RemoteUnavailableError
from zkhost.provers.bonsai import wire
from zkhost.provers.bonsai.origins import Origins, shown
from zkhost.provers.bonsai.remote_settings import RemoteSettings
from zkhost.provers.bonsai.retry import AttemptError, FailureKind
from zkhost.provers.bonsai.upload import Body

log = logging.getLogger("zkhost.bonsai")

KEY_HEADER = "x-api-key"
VERSION_HEADER = "x-risc0-version"
JSON_LIMIT = 1 << 20
R0VM_UPLOAD_LIMIT = 250 << 20
"""Where r0vm 3.0 ends the connection (its api.rs)."""
_TOO_LARGE = re.compile(r"length limit|too large|body limit", re.IGNORECASE)
_MAX_REDIRECTS = 3
_CONNECT_TIMEOUT_S = 10.0
_KEEPALIVE_S = 5.0


@dataclass(frozen=True)
class Request:
    """A request. `limit`: the most bytes the answer may have; `creates`: it must not reach the server twice."""

    method: str
    url: str
    body: Body | None = field(default=None, repr=False)
    content_type: str | None = None
    limit: int = JSON_LIMIT
    creates: bool = False
    transfer: bool = False
    """To or from a URL that the server named: redirects are followed, and only so many run at once."""
    retry_404: bool = False
    """The requested resource may be a moment late: HTTP 404 counts as a passing server error."""
    impatient: bool = False
    """One more try at most, for what servers often do not support."""


@dataclass(frozen=True)
class Reply:
    """An answer of HTTP 2xx."""

    status_code: int
    body: bytearray = field(repr=False)


@dataclass(frozen=True)
class _Redirect:
    status_code: int
    location: str


class Transport:
    """Sends requests, with retries where that is safe, for one event loop."""

    def __init__(
        self, settings: RemoteSettings, risc0_version: str, *, http: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.settings = settings
        self._risc0_version = risc0_version
        self._origins = Origins(settings.url)
        self._reached = False
        self._transfers = asyncio.Semaphore(max(1, settings.max_connections // 2))
        self._http = httpx.AsyncClient(
            transport=http,
            verify=_tls(),
            headers={"user-agent": "zkhost", "accept-encoding": "identity"},
            timeout=httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=settings.max_connections, keepalive_expiry=_KEEPALIVE_S),
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def url(self, path: str) -> str:
        """Return the API's URL of a path such as `sessions/create`."""
        return f"{self.settings.url}/{path}"

    async def send(self, request: Request) -> Reply:
        """Send a request, as many times as the retry policy allows, and return the answer.

        Raises RemoteUnavailableError, RemoteRefusedError, RemoteAnswerError or DeadlineError.
        """
        if not request.transfer:
            return await self._send(request)
        async with self._transfers:
            return await self._send(request)

    async def _send(self, request: Request) -> Reply:
        clock = asyncio.get_running_loop().time
        failures, first_failure = 0, 0.0
        while True:
            try:
                reply = await self._attempt(request)
            except AttemptError as exc:
                failures += 1
                first_failure = first_failure or clock()
                budget = self.settings.retry.budget_s(exc.kind, creates=request.creates, reached=self._reached)
                delay = self.settings.retry.delay_s(failures, exc.retry_after_s)
                if clock() - first_failure + delay > budget or (request.impatient and failures > 1):
                    raise exc.error from exc.__cause__
                log.info("%s; trying again in %.1f s", exc.error.message, delay)
                await asyncio.sleep(delay)
            else:
                self._reached = True
                return reply

    async def _attempt(self, request: Request) -> Reply:
        """Make one try, redirects followed."""
        try:
            url = self._origins.checked(request.url)
        except RemoteAnswerError as exc:
            raise AttemptError(FailureKind.FINAL, exc) from None
        for _ in range(_MAX_REDIRECTS + 1):
            answer = await self._exchange(request, url)
            if isinstance(answer, Reply):
                return answer
            url = self._redirected(request, url, answer)
        raise AttemptError(
            FailureKind.FINAL, RemoteAnswerError(f"{_said(request, url)} redirects more than {_MAX_REDIRECTS} times")
        )

    async def _exchange(self, request: Request, url: httpx.URL) -> Reply | _Redirect:
        """Send one request and return its answer."""
        message = self._http.build_request(
            request.method, url, content=request.body.chunks() if request.body else None, headers=self._headers(request)
        )
        if self._origins.is_api(url):
            message.headers[KEY_HEADER] = self.settings.key.reveal()
            message.headers[VERSION_HEADER] = self._risc0_version
        sent = request.body.size if request.body else 0
        clock = asyncio.timeout(self._allowed_s(sent))
        try:
            async with clock:
                response = await self._http.send(message, stream=True)
                try:
                    return await self._answer(request, url, response, clock, sent)
                finally:
                    await response.aclose()
        except TimeoutError as exc:
            if not clock.expired():
                raise
            error = DeadlineError(
                f"{_said(request, url)} was not answered within {self._allowed_s(sent):g} s",
                hint="raise BONSAI_TIMEOUT_MS if the network is slow",
            )
            raise AttemptError(FailureKind.BROKEN, error) from exc
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            raise self._unreachable(request, url, exc) from exc
        except (httpx.TransportError, httpx.DecodingError) as exc:
            why = str(exc) or type(exc).__name__
            raise AttemptError(
                FailureKind.BROKEN, _unavailable(request, url, f"the connection broke: {why}", None)
            ) from exc
        finally:
            message.headers.pop(KEY_HEADER, None)  # exceptions refer to the request, and those get logged

    async def _answer(
        self, request: Request, url: httpx.URL, response: httpx.Response, clock: asyncio.Timeout, sent: int
    ) -> Reply | _Redirect:
        if response.is_redirect:
            return _Redirect(response.status_code, response.headers["location"])
        if response.is_success:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise _nonsense(request, url, "is compressed, which we did not accept")
            return Reply(response.status_code, await self._read(request, url, response, clock, sent))
        said = self.settings.key.redact(wire.error_message(bytes(await _head(response))))
        raise self._failure(request, url, response, said)

    async def _read(
        self, request: Request, url: httpx.URL, response: httpx.Response, clock: asyncio.Timeout, sent: int
    ) -> bytearray:
        """Read the body, as long as it stays within its limit and comes fast enough."""
        announced = response.headers.get("content-length", "0")
        body = bytearray()
        started = asyncio.get_running_loop().time()
        too_large = f"is larger than {request.limit} bytes"
        if announced.isdigit() and int(announced) > request.limit:
            raise _nonsense(request, url, too_large)
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > request.limit:
                raise _nonsense(request, url, too_large)
            allowed = self._allowed_s(sent + len(body))
            clock.reschedule(None if allowed is None else started + allowed)
        return body

    def _failure(self, request: Request, url: httpx.URL, response: httpx.Response, said: str) -> AttemptError:
        """Return the error that an answer outside 2xx and 3xx means."""
        code = response.status_code
        what = f"{_said(request, url)}: HTTP {code}" + (f" ({said})" if said else "")
        if _is_too_large(request, code, said):
            size = 0 if request.body is None else request.body.size
            refused = RemoteRefusedError(
                f"{what}: the server does not take a body of {size:,} bytes",
                status_code=code,
                hint=f"r0vm takes {R0VM_UPLOAD_LIMIT >> 20} MiB at most, and a proxy in front of a server often less: give the "
                "guest less, raise the limit there, or use another prover",
            )
            return AttemptError(FailureKind.FINAL, refused)
        if code == 429:
            error: RemoteError = RemoteUnavailableError(f"{what}: too many requests", status_code=code)
            return AttemptError(FailureKind.REFUSED_FOR_NOW, error, _retry_after_s(response))
        if code >= 500 or (code == 404 and request.retry_404):
            kind = FailureKind.UNAVAILABLE if code in (502, 503, 504) else FailureKind.SERVER
            hint = (
                "the server may have started it all the same; look there before asking again"
                if request.creates
                else None
            )
            return AttemptError(
                kind, RemoteUnavailableError(what, status_code=code, hint=hint), _retry_after_s(response)
            )
        hint = "check BONSAI_API_KEY" if code in (401, 403) else None
        return AttemptError(FailureKind.FINAL, RemoteRefusedError(what, status_code=code, hint=hint))

    def _unreachable(self, request: Request, url: httpx.URL, exc: httpx.TransportError) -> AttemptError:
        lasting = _has_cause(exc, ssl.SSLCertVerificationError)
        error = _unavailable(request, url, f"cannot connect: {exc or type(exc).__name__}", "check BONSAI_API_URL")
        return AttemptError(FailureKind.FINAL if lasting else FailureKind.NOT_SENT, error)

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {}
        if request.body is not None:
            headers["content-length"] = str(request.body.size)
            headers["content-type"] = request.content_type or "application/octet-stream"
        return headers

    def _allowed_s(self, moved: int) -> float | None:
        """Return how long a request may take that sends or has received so many bytes."""
        timeout = self.settings.timeout_s
        return None if timeout is None else timeout + moved / self.settings.slowest_bps

    def _redirected(self, request: Request, url: httpx.URL, redirect: _Redirect) -> httpx.URL:
        """Return where a redirect leads. Only transfers follow one; the API itself must not move."""
        if not request.transfer or (request.method != "GET" and redirect.status_code not in (307, 308)):
            raise _nonsense(
                request, url, f"is a redirect (HTTP {redirect.status_code}), which this request does not follow"
            )
        try:
            return self._origins.checked(str(url.join(redirect.location)))
        except httpx.InvalidURL:
            raise _nonsense(request, url, "redirects to something that is no URL") from None
        except RemoteAnswerError as exc:
            raise AttemptError(FailureKind.FINAL, exc) from None


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return one context for all clients of the process: reading the certificates takes 50 ms and megabytes."""
    return httpx.create_ssl_context()


def _said(request: Request, url: httpx.URL) -> str:
    return f"{request.method} {shown(url)}"


def _nonsense(request: Request, url: httpx.URL, why: str) -> AttemptError:
    return AttemptError(FailureKind.FINAL, RemoteAnswerError(f"the answer to {_said(request, url)} {why}"))


def _unavailable(request: Request, url: httpx.URL, why: str, hint: str | None) -> RemoteUnavailableError:
    if request.body is not None and request.body.size > R0VM_UPLOAD_LIMIT:
        hint = f"r0vm takes no upload above {R0VM_UPLOAD_LIMIT >> 20} MiB: give the guest less, or use another server"
    if request.creates and hint is None:
        hint = "the server may have started it all the same; look there before asking again"
    return RemoteUnavailableError(f"{_said(request, url)}: {why}", status_code=None, hint=hint)


def _retry_after_s(response: httpx.Response) -> float | None:
    """Return the Retry-After header in its form of seconds, at most a minute."""
    text = response.headers.get("retry-after", "").strip()
    return min(float(text), 60.0) if text.isascii() and text.isdigit() else None


def _is_too_large(request: Request, code: int, said: str) -> bool:
    """Return whether the answer refuses the size of what was sent: sending it again changes nothing.

    HTTP 413 says so. Servers that read a body up to a limit answer it with a 500, as r0vm does.
    """
    if request.body is None or request.body.size == 0:
        return False
    if code == 413:
        return True
    return code == 500 and (request.body.size > R0VM_UPLOAD_LIMIT or _TOO_LARGE.search(said) is not None)


async def _head(response: httpx.Response, limit: int = 4096) -> bytearray:
    """Return the first bytes of an error's body, which may be endless or truncated."""
    body = bytearray()
    try:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) >= limit:
                break
    except httpx.TransportError:
        pass
    return body[:limit]


def _has_cause(exc: BaseException | None, kind: type[BaseException]) -> bool:
    while exc is not None:
        if isinstance(exc, kind):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
