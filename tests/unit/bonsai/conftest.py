"""A fake Bonsai, and clients that do not wait long."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.unit.bonsai.fake_bonsai import FakeBonsai, quick
from zkhost.provers.bonsai.remote_settings import RemoteSettings


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
def settings(server: FakeBonsai) -> RemoteSettings:
    """Quick to retry and to give up."""
    return quick(server.url)


class LateServer:
    """A port of its own where nothing listens yet, and the server that `start` starts there."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.server: FakeBonsai

    def start(self) -> None:
        self.server = FakeBonsai(self._listener)


@pytest.fixture
def late_server() -> Iterator[LateServer]:
    late = LateServer()
    yield late
    late.server.close()
