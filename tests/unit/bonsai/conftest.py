"""A fake Bonsai, and clients that do not wait long."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from fake_bonsai import FakeBonsai, quick

from zkhost.provers.bonsai.settings import Settings


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
