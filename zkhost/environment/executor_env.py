"""What a guest is given: input, arguments, variables, file descriptors, limits, assumptions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from zkhost.errors import ConfigError

if TYPE_CHECKING:
    from zkhost._shim import CancelToken, Host
    from zkhost.codec import WireFormat
    from zkhost.environment.builder import ExecutorEnvBuilder
    from zkhost.receipt.receipt import Receipt

STDIN, STDOUT, STDERR, JOURNAL = 0, 1, 2, 3

MAX_SLICE_ANSWER = 1024
"""Bytes of a slice_io answer that reach a guest of risc0 3.0, its kernel's largest transfer; the rest would be zeros."""


class Reader(Protocol):
    """A binary stream to read: `read(n)` gives at most n bytes, none at its end."""

    def read(self, size: int, /) -> bytes: ...


class Writer(Protocol):
    """A binary stream to write."""

    def write(self, data: bytes, /) -> object: ...


SliceHandler: TypeAlias = Callable[[bytes], bytes]
TraceHandler: TypeAlias = Callable[[list[list[Any]]], object]


@dataclass(frozen=True)
class Assumption:
    """A claim that a guest may assume without proof (`env::verify`): the receipt is then conditional on it."""

    claim: bytes
    """The digest of the assumed receipt's claim, 32 bytes."""
    control_root: bytes = bytes(32)
    """All zero for a receipt proved by the same programs, as one of zkhost's own."""

    def __post_init__(self) -> None:
        for name in ("claim", "control_root"):
            if len(getattr(self, name)) != 32:
                raise ConfigError(f"Assumption.{name} has {len(getattr(self, name))} bytes, not 32")


@dataclass(frozen=True)
class ExecutorEnv:
    """Built by `ExecutorEnv.builder()`; immutable. May be used for many runs where no streams are read."""

    input: bytes = field(default=b"", repr=False)
    args: tuple[str, ...] = ()
    env_vars: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    segment_limit_po2: int | None = None
    session_limit: int | None = None
    keccak_max_po2: int | None = None
    segment_path: Path | None = None
    pprof_out: Path | None = None
    input_digest: bytes | None = None
    readers: Mapping[int, Reader] = field(default_factory=lambda: MappingProxyType({}))
    writers: Mapping[int, Writer] = field(default_factory=lambda: MappingProxyType({}))
    slice_io: Mapping[str, SliceHandler] = field(default_factory=lambda: MappingProxyType({}))
    trace: tuple[TraceHandler, ...] = ()
    assumptions: tuple[Receipt | Assumption, ...] = field(default=(), repr=False)

    @staticmethod
    def builder(format: WireFormat | str = "standard") -> ExecutorEnvBuilder:
        """A builder; every method returns it, so calls can be chained. `format` is what `write` encodes in.

        >>> env = ExecutorEnv.builder().write_slice(b"abc").args(["prog", "-v"]).segment_limit_po2(18).build()
        >>> env.input, env.args
        (b'abc', ('prog', '-v'))
        """
        from zkhost.environment.builder import ExecutorEnvBuilder

        return ExecutorEnvBuilder(format)

    def request(self) -> dict[str, Any]:
        """The ENV of the shim's requests."""
        return {
            "input": self.input,
            "args": list(self.args),
            "vars": dict(self.env_vars),
            "segment_limit_po2": self.segment_limit_po2,
            "session_limit": self.session_limit,
            "keccak_max_po2": self.keccak_max_po2,
            "pprof_out": None if self.pprof_out is None else str(self.pprof_out),
            "input_digest": self.input_digest,
            "read_fds": list(self.readers),
            "write_fds": sorted({STDOUT, STDERR, *self.writers}),
            "slice_io": list(self.slice_io),
            "trace": bool(self.trace),
            "assumptions": [_assumption(item) for item in self.assumptions],
        }

    def host(
        self,
        *,
        cancel: CancelToken | None = None,
        on_progress: Callable[[dict[str, Any]], object] | None = None,
    ) -> Host:
        """What serves the guest's I/O while it runs; by default its stdout and stderr are this process's."""
        from zkhost._shim import Host

        writers = {fd: writer.write for fd, writer in self.writers.items()}
        writers.setdefault(STDOUT, lambda data: _write_text(sys.stdout, data))
        writers.setdefault(STDERR, lambda data: _write_text(sys.stderr, data))
        return Host(
            readers={fd: reader.read for fd, reader in self.readers.items()},
            writers=writers,
            slice_io={channel: _short(channel, handler) for channel, handler in self.slice_io.items()},
            on_trace=self._on_trace if self.trace else None,
            on_progress=on_progress,
            cancel=cancel,
        )

    def _on_trace(self, batch: list[list[Any]]) -> None:
        for handler in self.trace:
            handler(batch)


def _assumption(item: Receipt | Assumption) -> dict[str, bytes]:
    if isinstance(item, Assumption):
        return {"claim": item.claim, "control_root": item.control_root}
    return {"receipt": item.to_bytes()}


def _short(channel: str, handler: SliceHandler) -> SliceHandler:
    """The handler, with answers that would not arrive whole refused."""

    def answer(data: bytes) -> bytes:
        reply = bytes(handler(data))
        if len(reply) > MAX_SLICE_ANSWER:
            raise ValueError(
                f"slice_io handler of {channel!r} answered {len(reply)} bytes; a guest gets at most {MAX_SLICE_ANSWER}"
            )
        return reply

    return answer


def _write_text(stream: Any, data: bytes) -> None:
    """To the text stream that Python has there now, which a test or a notebook may have replaced."""
    stream.write(data.decode("utf-8", "replace"))
    stream.flush()
