"""The interface to the native library: a request frame in, a reply frame out. The only user of cffi and msgpack.

`call` runs long native work in a daemon thread and waits for it, so that Ctrl-C and `CancelToken.cancel` always return
control within a second; the work itself stops at its next segment boundary or host call.

After a fork the child has none of the threads that the library's thread pools need, and locks that another thread
held stay locked. So the child loads the library once more, from a copy, which has its own state: whatever the parent
was doing, the child can execute, verify, compress and prove.
"""

from __future__ import annotations

import atexit
import functools
import inspect
import itertools
import os
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgpack

from zkhost import _work, errors
from zkhost._cancel import CancelToken

if TYPE_CHECKING:
    import ctypes

try:
    from zkhost._native import ffi, lib
except (ImportError, OSError) as exc:
    raise errors.ShimError(
        f"the native library cannot be loaded: {exc}",
        hint="install zkhost from a wheel, or build it in a checkout with `make setup`; a build with CUDA needs NVIDIA's driver",
    ) from exc

# Kinds whose class is not found by adding "Error": none so far; all others must exist in zkhost.errors.
_CLASS_OF: dict[str, str] = {}

# Operations that take microseconds to milliseconds: not worth a thread.
_QUICK = frozenset(
    {"build_info", "serde_encode", "serde_decode", "receipt_inspect", "receipt_convert", "program_binary", "keccak256"}
)

_FAILED, _CANCELLED = -1, -2
_READ, _WRITE, _SLICE_IO, _FETCH, _TRACE, _PROGRESS, _SEGMENT = range(7)
_DESCRIPTORS = {0: "standard input", 1: "standard output", 2: "standard error"}

# How long the end of the process waits for native work to stop.
_GRACE_S = 0.5

_ids = itertools.count(1)
_active: dict[int, Host] = {}


class _Library:
    """The native library as this process may use it."""

    def __init__(self) -> None:
        self._functions = lib
        self._called = self._inherited = False
        self._lock = threading.Lock()

    def functions(self) -> Any:
        """Return the library's functions, of a fresh copy in a forked child whose parent has called the library."""
        if self._inherited:
            with self._lock:
                if self._inherited:
                    self._functions = _load_copy()
                    self._inherited = False
        self._called = True
        return self._functions

    def after_fork(self) -> None:
        """Prepare the child for a copy of its own."""
        self._lock = threading.Lock()
        self._inherited = self._called


def _load_copy() -> Any:
    """Load the library once more: the system identifies a file by its inode, so a copy counts as another library."""
    path = Path(__file__).with_name("_native") / "lib_native.so"
    try:
        with tempfile.NamedTemporaryFile(prefix="zkhost-", suffix=path.suffix) as copy:
            shutil.copyfile(path, copy.name)
            return ffi.dlopen(copy.name)
    except OSError as error:
        raise errors.ProverUnavailableError(
            f"the native library cannot be loaded again after a fork: {error}",
            hint='start worker processes with multiprocessing\'s "spawn" or "forkserver", or set TMPDIR to a folder that '
            "has room and allows executing",
        ) from error


_library = _Library()


def _after_fork() -> None:
    """Forget the parent's calls: none of them runs here."""
    _active.clear()
    _library.after_fork()


os.register_at_fork(after_in_child=_after_fork)


class Host:
    """What native work may ask of Python while it runs: I/O of the guest, traces, progress, segments.

    Handlers run in the thread that does the native work, never two at a time for the guest's own I/O. What one raises
    ends the run; `call` raises HostIOError from it.
    """

    def __init__(
        self,
        *,
        readers: Mapping[int, Callable[[int], bytes]] | None = None,
        writers: Mapping[int, Callable[[bytes], object]] | None = None,
        slice_io: Mapping[str, Callable[[bytes], bytes]] | None = None,
        on_trace: Callable[[list[list[Any]]], object] | None = None,
        on_progress: Callable[[dict[str, Any]], object] | None = None,
        on_segment: Callable[[int, bytes], object] | None = None,
        on_end: Callable[[], object] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.readers = readers or {}
        self.writers = writers or {}
        self.slice_io = slice_io or {}
        self.on_trace = on_trace
        self.on_progress = on_progress
        self.on_segment = on_segment
        self.on_end = on_end
        """Called once the native work has ended, however it did."""
        self.cancel = cancel or CancelToken()
        self.error: BaseException | None = None
        self.failed = "the host's own code"
        """Where `error` was raised, for its message."""
        self.id = next(_ids)
        self._answer = b""

    def _name(self, event: int, arg: int, data: Any, size: int) -> str:
        """Return the name of what was called for an event, as the caller knows it."""
        if event == _READ:
            return f"the reader of {_DESCRIPTORS.get(arg, f'file descriptor {arg}')}"
        if event == _WRITE:
            return f"the writer of {_DESCRIPTORS.get(arg, f'file descriptor {arg}')}"
        if event == _SLICE_IO:
            return f"the slice_io handler of {msgpack.unpackb(ffi.buffer(data, size))[0]!r}"
        return {_TRACE: "the trace callback", _PROGRESS: "the progress callback"}.get(event, "the segment callback")

    def _handle(self, event: int, arg: int, data: Any, out: Any) -> int:
        """Handle one event; `data` and `out` are buffers valid during the call. Returns what the C contract says."""
        if event == _READ:
            got = self.readers[arg](len(out))
            if len(got) > len(out):
                raise ValueError(f"the reader of fd {arg} returned {len(got)} bytes where {len(out)} were asked for")
            if got:
                out[0 : len(got)] = got
            return len(got)
        if event == _WRITE:
            self.writers[arg](bytes(data))
        elif event == _SLICE_IO:
            channel, payload = msgpack.unpackb(data)
            self._answer = bytes(self.slice_io[channel](payload))
            return len(self._answer)
        elif event == _FETCH:
            answer, self._answer = self._answer, b""
            if answer:
                out[0 : len(answer)] = answer
            return len(answer)
        elif event == _TRACE and self.on_trace:
            self.on_trace(msgpack.unpackb(data))
        elif event == _PROGRESS and self.on_progress:
            self.on_progress(msgpack.unpackb(data))
        elif event == _SEGMENT and self.on_segment:
            self.on_segment(arg, bytes(data))
        return 0


@ffi.callback("HostCallback", error=_FAILED)  # type: ignore[untyped-decorator]
def _callback(host_id: int, event: int, arg: int, data: Any, size: int, out: Any, cap: int) -> int:
    host = _active.get(host_id)
    if host is None or host.cancel.cancelled:
        return _CANCELLED
    try:
        return host._handle(event, arg, ffi.buffer(data, size) if size else b"", ffi.buffer(out, cap) if cap else b"")
    except BaseException as exc:  # whatever the host's code raises is raised again from `call`
        host.error, host.failed = exc, host._name(event, arg, data, size)
        return _FAILED


def call(op: str, request: Mapping[str, Any], host: Host | None = None) -> dict[str, Any]:
    """Run operation `op`; docs/shim.md lists the operations and their frames.

    Raises the class of zkhost.errors that the error frame names, HostIOError from whatever a handler of `host` raised,
    and CancelledError when `host.cancel` was used.
    """
    if host is not None:
        host.cancel.check()
    if op in _QUICK:
        return _call(op, request, host)
    served = host or Host()
    return _work.run(lambda: _call(op, request, served), served.cancel, name=op)


def _call(op: str, request: Mapping[str, Any], host: Host | None) -> dict[str, Any]:
    packer = msgpack.Packer(use_bin_type=True, autoreset=False)
    packer.pack(request)
    frame = packer.getbuffer()  # where packb would copy a large input once more
    if host is None:
        status, answer = _call_library(op, frame, ffi.NULL, 0)
    else:
        host.error = None
        _active[host.id] = host
        try:
            with host.cancel.calling(functools.partial(_cancel, host.id)):
                status, answer = _call_library(op, frame, _callback, host.id)
        finally:
            _active.pop(host.id, None)
            if host.on_end:
                host.on_end()
    if status == 0:
        return cast("dict[str, Any]", answer)
    error = _error(answer)
    if host is None or host.error is None:
        raise error
    if isinstance(error, errors.HostIOError):
        # In the message itself, since logs, pickles and the results of map have nothing else.
        why = "".join(traceback.format_exception_only(host.error)).strip()
        error = error.with_message(f"{host.failed} failed while the guest ran: {why}")
    raise error from host.error


def _call_library(op: str, frame: Any, callback: Any, host_id: int) -> tuple[int, Any]:
    functions = _library.functions()
    reply, size = ffi.new("uint8_t **"), ffi.new("uintptr_t *")
    status = functions.zkhost_call(op.encode(), ffi.from_buffer(frame), len(frame), callback, host_id, reply, size)
    answer = msgpack.unpackb(ffi.buffer(reply[0], size[0]), strict_map_key=False, max_str_len=2**31)
    functions.zkhost_free(reply[0], size[0])
    return status, answer


def _cancel(host_id: int) -> None:
    _library.functions().zkhost_cancel(host_id)


def _error(frame: dict[str, Any]) -> errors.ZkhostError:
    data = dict(frame.get("data") or {})
    hint = data.pop("hint", None)
    cls = error_class(frame["kind"])
    declared = inspect.signature(cls).parameters
    # No error is lost because of a fact that its class does not declare.
    return cls(frame["message"], hint=hint, **{name: fact for name, fact in data.items() if name in declared})


def error_class(kind: str) -> type[errors.ZkhostError]:
    """Return the exception class of an error kind."""
    cls = getattr(errors, _CLASS_OF.get(kind, f"{kind}Error"), errors.ShimError)
    return cast("type[errors.ZkhostError]", cls)


def pack(value: Any) -> bytes:
    """Return plain data as msgpack."""
    return cast(bytes, msgpack.packb(value, use_bin_type=True))


def unpack(data: bytes) -> Any:
    """Return the plain data of a msgpack frame."""
    return msgpack.unpackb(data, strict_map_key=False)


def codec_library() -> ctypes.PyDLL:
    """Return the native library's second interface, for zkhost.codec: functions that hold the GIL and accept objects.

    Raises OSError where ctypes cannot load what cffi has.
    """
    import ctypes

    return ctypes.PyDLL(str(Path(__file__).with_name("_native") / "lib_native.so"))


@functools.cache
def build_info() -> Mapping[str, Any]:
    """Return versions, features and limits of the native library; queried once."""
    return call("build_info", {})


@atexit.register
def _stop_at_exit() -> None:
    """Cancel what still runs: a native thread must not call into an interpreter that is shutting down."""
    for host in tuple(_active.values()):
        host.cancel.cancel()
    deadline = time.monotonic() + _GRACE_S
    while _active and time.monotonic() < deadline:
        time.sleep(0.005)
