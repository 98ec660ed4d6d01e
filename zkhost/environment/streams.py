"""What a guest's file descriptors and channels are served with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

STDIN, STDOUT, STDERR, JOURNAL = 0, 1, 2, 3

MAX_SLICE_ANSWER = 1024
"""Bytes of a slice_io answer that reach a guest of risc0 3.0, its kernel's largest transfer; the rest would be zeros."""


class InputStream(Protocol):
    """A binary stream to read: `read(n)` returns at most n bytes, none at its end."""

    def read(self, size: int, /) -> bytes: ...


class OutputStream(Protocol):
    """A binary stream to write."""

    def write(self, data: bytes, /) -> object: ...


SliceHandler: TypeAlias = Callable[[bytes], bytes]
"""Answers a guest's `env::send_recv_slice`."""
TraceHandler: TypeAlias = Callable[[list[list[Any]]], object]
"""Receives batches of the executor's trace."""
