"""An environment as the native library expects it: a request frame, and a host that serves the guest's I/O."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from zkhost.environment.assumption import Assumption
from zkhost.environment.streams import MAX_SLICE_ANSWER, STDERR, STDOUT, SliceHandler

if TYPE_CHECKING:
    from zkhost._cancel import CancelToken
    from zkhost._shim import Host
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.receipt.receipt import Receipt


def request(env: ExecutorEnv) -> dict[str, Any]:
    """Return the ENV of the shim's requests (docs/shim.md)."""
    return {
        "input": env.input,
        "args": list(env.args),
        "vars": dict(env.env_vars),
        "segment_limit_po2": env.segment_limit_po2,
        "session_limit": env.session_limit,
        "keccak_max_po2": env.keccak_max_po2,
        "pprof_out": None if env.pprof_out is None else str(env.pprof_out),
        "input_digest": env.input_digest,
        "read_fds": list(env.readers),
        "write_fds": sorted({STDOUT, STDERR, *env.writers}),
        "slice_io": list(env.slice_io),
        "trace": bool(env.trace),
        "assumptions": [_assumption(item) for item in env.assumptions],
    }


def host(
    env: ExecutorEnv,
    *,
    cancel: CancelToken | None = None,
    on_progress: Callable[[dict[str, Any]], object] | None = None,
) -> Host:
    """Return what serves the guest's I/O while it runs."""
    from zkhost._shim import Host

    def on_trace(batch: list[list[Any]]) -> None:
        for handler in env.trace:
            handler(batch)

    served = writers(env)
    texts = [writer for writer in served.values() if isinstance(writer, _Text)]

    def on_end() -> None:
        for text in texts:
            text.end()

    return Host(
        readers={fd: reader.read for fd, reader in env.readers.items()},
        writers=served,
        slice_io={channel: _checked(channel, handler) for channel, handler in env.slice_io.items()},
        on_trace=on_trace if env.trace else None,
        on_progress=on_progress,
        on_end=on_end,
        cancel=cancel,
    )


def writers(env: ExecutorEnv) -> dict[int, Callable[[bytes], object]]:
    """Return what receives the guest's output, by file descriptor; by default its stdout and stderr are this process's."""
    return {
        STDOUT: _Text(lambda: sys.stdout),
        STDERR: _Text(lambda: sys.stderr),
        **{fd: writer.write for fd, writer in env.writers.items()},
    }


def _assumption(item: Receipt | Assumption) -> dict[str, bytes]:
    if isinstance(item, Assumption):
        return {"claim": item.claim, "control_root": item.control_root}
    return {"receipt": item.to_bytes()}


def _checked(channel: str, handler: SliceHandler) -> SliceHandler:
    """Return the handler, with answers refused that would not arrive whole."""

    def answer(data: bytes) -> bytes:
        reply = bytes(handler(data))
        if len(reply) > MAX_SLICE_ANSWER:
            raise ValueError(
                f"slice_io handler of {channel!r} answered {len(reply)} bytes; a guest gets at most {MAX_SLICE_ANSWER}"
            )
        return reply

    return answer


class _Text:
    """Writes a guest's bytes as text to the stream that Python has there now, which a test or a notebook may replace.

    A guest's output arrives in pieces of at most 1024 bytes, whose edges may go through a character.
    """

    def __init__(self, stream: Callable[[], TextIO]) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __call__(self, data: bytes) -> None:
        self._write(self._decoder.decode(data))

    def end(self) -> None:
        """Write what the guest has left unfinished."""
        self._write(self._decoder.decode(b"", final=True))

    def _write(self, text: str) -> None:
        if text:
            stream = self._stream()
            stream.write(text)
            stream.flush()
