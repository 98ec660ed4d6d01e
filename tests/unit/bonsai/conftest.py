"""A fake Bonsai, and clients that do not wait long."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from fake_bonsai import FakeBonsai

from zkhost.provers.bonsai.retry import RetryPolicy
from zkhost.provers.bonsai.settings import ApiKey, Settings

KEY = "s3cret-Key-0123456789"


@pytest.fixture
def server() -> Iterator[FakeBonsai]:
    server = FakeBonsai()
    yield server
    server.close()


@pytest.fixture
def other_server() -> Iterator[FakeBonsai]:
    """Another origin."""
    server = FakeBonsai()
    yield server
    server.close()


@pytest.fixture
def settings(server: FakeBonsai) -> Settings:
    """Quick to retry and to give up."""
    return quick(server.url)


def quick(url: str, **changes: object) -> Settings:
    values: dict[str, object] = {
        "timeout_s": 2.0,
        "deadline_s": 20.0,
        "poll_interval_s": 0.01,
        "retry": RetryPolicy(
            first_delay_s=0.01, max_delay_s=0.05, outage_s=3.0, server_error_s=0.3, first_contact_s=1.0
        ),
        "max_receipt_bytes": 1 << 20,
    }
    return Settings(url, ApiKey(KEY), **(values | changes))  # type: ignore[arg-type]


class _Starter:
    """Starts a fake Bonsai on a port that was free, when called."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.server: FakeBonsai

    def __call__(self) -> None:
        self.server = FakeBonsai(self.port)


@pytest.fixture
def unused_tcp_port_server() -> Iterator[tuple[int, _Starter]]:
    """A port where nothing listens yet, and what starts a server there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = _Starter(port)
    yield port, start
    start.server.close()
