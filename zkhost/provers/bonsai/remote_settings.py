"""RemoteSettings of the remote prover: URL, key, time limits, size limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import urlsplit

from zkhost import _config
from zkhost.errors import ConfigError
from zkhost.provers.bonsai.retry import RetryPolicy

DEFAULT_TIMEOUT_S = 30.0  # as bonsai-sdk
DEFAULT_DEADLINE_S = 4 * 3600.0  # what Bento allows a session by default
MIB = 1 << 20

_VISIBLE = re.compile(r"[\x21-\x7e]{1,4096}")


class ApiKey:
    """The secret. It appears in no repr, string, format or pickle; `reveal` is for the one place that sends it."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        if not _VISIBLE.fullmatch(value):
            raise ConfigError(
                "the API key (BONSAI_API_KEY) is empty or holds characters an HTTP header cannot carry",
                hint="set it to the key alone: visible ASCII, no spaces or line breaks",
            )
        self.__value = value

    def reveal(self) -> str:
        """Return the key itself."""
        return self.__value

    def redact(self, text: str) -> str:
        """Return the text with every occurrence of the key masked: for what a server wrote."""
        return text.replace(self.__value, "***")

    def __repr__(self) -> str:
        return "ApiKey(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not pickled or copied; read it from the environment where it is used")


@dataclass(frozen=True)
class RemoteSettings:
    """Where the remote prover is, and limits and retries for its requests. Times in seconds, sizes in bytes."""

    url: str
    key: ApiKey = field(repr=False)
    timeout_s: float | None = DEFAULT_TIMEOUT_S
    """How long one request may take, plus a second for each `slowest_bps` bytes it moves. None: no limit of its own."""
    slowest_bps: int = 64 * 1024
    """A transfer slower than this, in bytes per second, counts as stuck."""
    deadline_s: float = DEFAULT_DEADLINE_S
    """How long a session is waited for, all requests included."""
    poll_interval_s: float | None = None
    """A fixed time between two status requests for a session; None: 50 ms, growing with the session's age."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_receipt_bytes: int = 256 * MIB
    max_journal_bytes: int = 64 * MIB
    max_log_bytes: int = 16 * MIB
    max_connections: int = 32

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", check_url(self.url))
        for name in (
            "deadline_s",
            "slowest_bps",
            "max_receipt_bytes",
            "max_journal_bytes",
            "max_log_bytes",
            "max_connections",
        ):
            self._positive(name)
        for name in ("timeout_s", "poll_interval_s"):
            if getattr(self, name) is not None:
                self._positive(name)

    def _positive(self, name: str) -> None:
        value = getattr(self, name)
        if not value > 0:
            raise ConfigError(f"{name} is {value!r}, which is not greater than 0")

    @classmethod
    def from_env(cls, url: str | None = None, key: str | None = None) -> RemoteSettings:
        """Read settings from BONSAI_API_URL, BONSAI_API_KEY, BONSAI_TIMEOUT_MS and BONSAI_POLL_INTERVAL_MS.

        `url` and `key`, where given, replace their variables. Raises ConfigError, naming the variable.
        """
        if url is None or key is None:
            api = _config.bonsai_api()
            if api is None:
                raise ConfigError(
                    "BONSAI_API_URL and BONSAI_API_KEY are not set, so there is no remote prover to talk to",
                    hint="set both, or pass url= and key=",
                )
            url, key = url or api[0], key or api[1]
        return cls(
            url,
            ApiKey(key),
            timeout_s=_config.bonsai_timeout_s(DEFAULT_TIMEOUT_S),
            poll_interval_s=_config.bonsai_poll_interval_s(),
        )


def check_url(url: str) -> str:
    """Return the base URL without trailing slash. Raises ConfigError unless it is plain http(s)://host[:port][/path]."""
    try:
        parts = urlsplit(url)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigError("the API URL (BONSAI_API_URL) is not a URL", hint="use https://host[:port]") from None
    if parts.username is not None or parts.password is not None:  # not shown: it may hold a secret
        raise ConfigError(
            "the API URL (BONSAI_API_URL) holds a user name or password", hint="put the key in BONSAI_API_KEY"
        )
    plain = _VISIBLE.fullmatch(url) and parts.scheme in ("http", "https") and parts.hostname and port_ok
    if not plain or parts.query or parts.fragment:
        raise ConfigError(
            f"the API URL (BONSAI_API_URL) is {url!r}", hint="use https://host[:port], without query or fragment"
        )
    return url.rstrip("/")
