"""What a guest is given: input, arguments, variables, file descriptors, limits, assumptions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from zkhost.environment import checked
from zkhost.environment.assumption import Assumption
from zkhost.environment.byte_words import MANY_BYTES, warn_of_bytes
from zkhost.environment.streams import (
    JOURNAL,
    STDERR,
    STDIN,
    STDOUT,
    InputStream,
    OutputStream,
    SliceHandler,
    TraceHandler,
)
from zkhost.errors import ConfigError
from zkhost.image_id import digest_bytes

if TYPE_CHECKING:
    from zkhost.codec import WireFormat
    from zkhost.receipt.receipt import Receipt

SEGMENT_PO2 = (13, 22)
"""The range of segment_limit_po2: what the executor and the verifier accept."""
KECCAK_PO2 = (14, 18)
"""The range of keccak_max_po2."""
MAX_TEXT = 1023
"""The most bytes of an argument, of a variable's name and of its value that risc0 3.0 hands to a guest."""

_U32, _U64 = 2**32, 2**64
_SYSCALL_PREFIX = "risc0_zkvm_platform::"


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
    readers: Mapping[int, InputStream] = field(default_factory=lambda: MappingProxyType({}))
    writers: Mapping[int, OutputStream] = field(default_factory=lambda: MappingProxyType({}))
    slice_io: Mapping[str, SliceHandler] = field(default_factory=lambda: MappingProxyType({}))
    trace: tuple[TraceHandler, ...] = ()
    assumptions: tuple[Receipt | Assumption, ...] = field(default=(), repr=False)

    @staticmethod
    def builder(format: WireFormat | str = "standard") -> ExecutorEnvBuilder:
        """Return a builder; every method returns it, so calls can be chained. `format`: what `write` encodes in.

        >>> env = ExecutorEnv.builder().write_slice(b"abc").args(["prog", "-v"]).segment_limit_po2(18).build()
        >>> env.input, env.args
        (b'abc', ('prog', '-v'))
        """
        return ExecutorEnvBuilder(format)


class ExecutorEnvBuilder:
    """Collects what a guest is given. Limits are checked when set; a bad one raises ConfigError, naming it.

    `format` is the default wire format of `write`.
    """

    def __init__(self, format: WireFormat | str = "standard") -> None:
        self._format = format
        self._input: list[bytes] = []
        self._set: dict[str, Any] = {}
        self._args: list[str] = []
        self._vars: dict[str, str] = {}
        self._readers: dict[int, InputStream] = {}
        self._writers: dict[int, OutputStream] = {}
        self._slice_io: dict[str, SliceHandler] = {}
        self._trace: list[TraceHandler] = []
        self._assumptions: list[Receipt | Assumption] = []

    def write(self, value: Any, type: Any = None, format: WireFormat | str | None = None) -> Self:
        """Append a value, encoded as `type` (default: the value's own class), in the builder's format or another.

        The guest reads the standard format with `env::read` or `zkhost_guest::read`, the packed one with
        `zkhost_guest::packed::read`. More than 4 KiB of bytes in the standard format, where each takes a word, cause a
        WordPerByteWarning. Raises EncodeError, naming the field, for a value that does not fit its type.
        """
        from zkhost.codec import WireFormat, codec

        compiled = codec(value.__class__ if type is None else type, format or self._format)
        written = compiled.encode(value)
        if compiled.format is WireFormat.STANDARD and len(written) > 4 * MANY_BYTES:
            warn_of_bytes(compiled.schema, value)
        self._input.append(written)
        return self

    def write_slice(self, data: Any) -> Self:
        """Append raw bytes (any buffer: bytes, numpy array; an ImageID, a Journal), which `env::read_slice` reads."""
        self._input.append(checked.buffer(data))
        return self

    def write_frame(self, payload: Any) -> Self:
        """Append a length (u32) and the payload's bytes, which the guest reads with `env::read_frame`."""
        data = checked.buffer(payload)
        if len(data) >= _U32:
            raise ConfigError(f"a frame of {len(data)} bytes is too long: its length is a u32")
        self._input += [len(data).to_bytes(4, "little"), data]
        return self

    def args(self, args: Sequence[str]) -> Self:
        """Append command line arguments, of at most 1023 bytes each as UTF-8."""
        if isinstance(args, str):
            raise ConfigError(f"Expected a list of arguments but got args={args!r} (type=str)")
        self._args += [
            checked.text(f"argument {number}", arg, MAX_TEXT) for number, arg in enumerate(args, len(self._args))
        ]
        return self

    def env_var(self, name: str, value: str) -> Self:
        """Set one environment variable of the guest: a name and a value of at most 1023 bytes each as UTF-8."""
        if not name:
            raise ConfigError("an environment variable needs a name")
        variable = checked.text("the name of an environment variable", name, MAX_TEXT)
        self._vars[variable] = checked.text(f"environment variable {name}", value, MAX_TEXT)
        return self

    def env_vars(self, variables: Mapping[str, str]) -> Self:
        """Set environment variables of the guest."""
        for name, value in variables.items():
            self.env_var(name, value)
        return self

    def stdin(self, reader: InputStream) -> Self:
        """Serve the guest's standard input from a binary stream, in place of what `write` collects."""
        return self.read_fd(STDIN, reader)

    def stdout(self, writer: OutputStream) -> Self:
        """Send the guest's standard output to a binary stream (default: sys.stdout)."""
        return self.write_fd(STDOUT, writer)

    def stderr(self, writer: OutputStream) -> Self:
        """Send the guest's standard error to a binary stream (default: sys.stderr)."""
        return self.write_fd(STDERR, writer)

    def read_fd(self, fd: int, reader: InputStream) -> Self:
        """Serve file descriptor `fd` from a binary stream."""
        self._readers[checked.number("file descriptor", fd, 0, _U32 - 1)] = checked.stream(reader, "read")
        return self

    def write_fd(self, fd: int, writer: OutputStream) -> Self:
        """Send what the guest writes to `fd` to a binary stream. 3 is the journal and is refused."""
        if fd == JOURNAL:
            raise ConfigError("file descriptor 3 is the journal", hint="read it from the session or the receipt")
        self._writers[checked.number("file descriptor", fd, 0, _U32 - 1)] = checked.stream(writer, "write")
        return self

    def slice_io(self, channel: str, handler: SliceHandler) -> Self:
        """Answer the guest's `env::send_recv_slice` on a channel: handler(bytes) -> bytes.

        An answer has at most 1024 bytes; a longer one ends the run with HostIOError.
        """
        if not channel or "\0" in channel or channel.startswith(_SYSCALL_PREFIX):
            raise ConfigError(f"{channel!r} is not a name for a channel: it is empty, has a NUL, or is a system call's")
        if not callable(handler):
            raise ConfigError(f"Expected a function but got handler={handler!r} (type={type(handler).__name__})")
        self._slice_io[checked.text("channel", channel)] = handler
        return self

    def segment_limit_po2(self, po2: int) -> Self:
        """Limit segments to 2**po2 rows, from 13 to 22 (default 20). Memory to prove is linear in it, 10 GB at 20."""
        self._set["segment_limit_po2"] = checked.number("segment_limit_po2", po2, *SEGMENT_PO2)
        return self

    def session_limit(self, cycles: int | None) -> Self:
        """Stop a guest that needs more user cycles; None for no limit."""
        self._set["session_limit"] = None if cycles is None else checked.number("session_limit", cycles, 1, _U64 - 1)
        return self

    def keccak_max_po2(self, po2: int) -> Self:
        """Limit keccak proofs to 2**po2 rows, from 14 to 18."""
        self._set["keccak_max_po2"] = checked.number("keccak_max_po2", po2, *KECCAK_PO2)
        return self

    def segment_path(self, path: str | os.PathLike[str]) -> Self:
        """Keep the segments in this folder, one `<n>.bincode` each, as risc0 writes them. It is created where missing."""
        folder = Path(path)
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"segment_path {folder} is not a folder")
        self._set["segment_path"] = folder
        return self

    def pprof_out(self, path: str | os.PathLike[str]) -> Self:
        """Profile the guest and write a pprof file there."""
        file = Path(path)
        if not file.parent.is_dir():
            raise ConfigError(f"pprof_out {file}: there is no folder {file.parent}")
        self._set["pprof_out"] = file
        return self

    def input_digest(self, digest: str | bytes | Sequence[int]) -> Self:
        """Set the claim's input digest: 64 hex digits, 32 bytes or eight words."""
        self._set["input_digest"] = digest_bytes(digest, "input digest")
        return self

    def add_assumption(self, assumption: Receipt | Assumption) -> Self:
        """Add what the guest may assume (`env::verify`): a receipt that proves it, or a bare claim."""
        if not isinstance(assumption, Assumption) and not hasattr(assumption, "to_bytes"):
            raise ConfigError(f"Expected a Receipt or an Assumption but got {assumption!r}")
        self._assumptions.append(assumption)
        return self

    def trace_callback(self, handler: TraceHandler) -> Self:
        """Pass the executor's trace to `handler` in batches: lists of [0, cycle, pc, instruction], [1, register, value],
        [2, address, bytes], [3, cycles] (page in) and [4, cycles] (page out). It makes a run far slower.
        """
        self._trace.append(handler)
        return self

    def build(self) -> ExecutorEnv:
        """Return the environment. The builder stays usable."""
        if self._input and STDIN in self._readers:
            raise ConfigError(
                "standard input is set twice: written values and a stream",
                hint="use write, write_slice and write_frame, or stdin, not both",
            )
        return ExecutorEnv(
            input=b"".join(self._input),
            args=tuple(self._args),
            env_vars=MappingProxyType(dict(self._vars)),
            readers=MappingProxyType(dict(self._readers)),
            writers=MappingProxyType(dict(self._writers)),
            slice_io=MappingProxyType(dict(self._slice_io)),
            trace=tuple(self._trace),
            assumptions=tuple(self._assumptions),
            **self._set,
        )
