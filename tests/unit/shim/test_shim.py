"""The narrow waist: kinds and classes, frames, panics, callbacks, cancelling, concurrency."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import msgpack
import pytest

from zkhost import _shim, errors
from zkhost._cancel import CancelToken
from zkhost._native import ffi, lib
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv


def test_every_kind_has_its_class() -> None:
    for kind in _shim.build_info()["error_kinds"]:
        assert _shim.error_class(kind).__name__ == f"{kind}Error"


def test_build_info_says_what_this_build_is() -> None:
    info = _shim.build_info()
    assert info["risc0_version"].startswith("3.0.")
    assert isinstance(info["recursion"], bool)
    assert {"execute", "verify", "ipc_execute"} <= set(info["operations"])
    assert all(len(digest) == 32 for digest in info["verifier_parameters"].values())


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(errors.ShimError, match='no operation "fly"'):
        _shim.call("fly", {})


def test_a_frame_with_missing_fields_is_an_error() -> None:
    with pytest.raises(errors.ShimError, match="bad request frame"):
        _shim.call("verify", {"receipt": b""})


def _raw_call(op: bytes, frame: bytes) -> tuple[int, bytes]:
    reply, size = ffi.new("uint8_t **"), ffi.new("uintptr_t *")
    status = lib.zkhost_call(op, ffi.from_buffer(frame), len(frame), ffi.NULL, 0, reply, size)
    answer = bytes(ffi.buffer(reply[0], size[0]))
    lib.zkhost_free(reply[0], size[0])
    return status, answer


def test_ten_thousand_random_frames_give_typed_errors() -> None:
    """Random bytes, mutated requests, and huge length words, to every operation that starts nothing."""
    rng = random.Random(7)
    kinds = set(_shim.build_info()["error_kinds"])
    skipped = {"build_guests", "build_toolchain", "toolchain_info", "build_info"}
    operations = [op.encode() for op in _shim.build_info()["operations"] if op not in skipped]
    valid = msgpack.packb({"receipt": b"abc", "image_id": bytes(32), "program": b"x", "env": {}, "session": b""})
    huge = [
        b"\xc6\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x91" * 100_000,
        b"\x81" * 9_999,
    ]
    for round_ in range(10_000):
        op = operations[round_ % len(operations)]
        if round_ % 3 == 0:
            frame = rng.randbytes(rng.randrange(64))
        elif round_ % 3 == 1:
            mutated = bytearray(valid)
            for _ in range(rng.randrange(1, 6)):
                mutated[rng.randrange(len(mutated))] = rng.randrange(256)
            frame = bytes(mutated)
        else:
            frame = huge[rng.randrange(len(huge))] if round_ % 300 == 2 else valid[: rng.randrange(len(valid))]
        status, answer = _raw_call(op, frame)
        if status == 1:
            assert msgpack.unpackb(answer)["kind"] in kinds


def test_an_error_in_a_handler_comes_back_as_the_cause(guests: Mapping[str, bytes]) -> None:
    class Broken:
        def write(self, data: bytes) -> None:
            raise RuntimeError("disk full")

    env = ExecutorEnv.builder().write_slice(b"\x05\0\0\0").stdout(Broken()).stderr(Broken()).build()
    with pytest.raises(errors.HostIOError) as caught:
        _shim.call("execute", {"env": serving.request(env), "program": guests["panic"]}, serving.host(env))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "disk full" in str(caught.value.__cause__)


def test_cancelling_before_a_call() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(errors.CancelledError):
        _shim.call("build_info", {}, _shim.Host(cancel=token))


def test_cancelling_from_another_thread_gives_control_back(guests: Mapping[str, bytes]) -> None:
    """While the guest's input is still being waited for."""
    token, over = CancelToken(), threading.Event()
    given: list[bytes] = []

    class Slow:
        def read(self, size: int) -> bytes:
            threading.Thread(target=token.cancel).start()
            over.wait(60)
            given.append(b"")
            return b""

    env = ExecutorEnv.builder().stdin(Slow()).build()
    with pytest.raises(errors.CancelledError):
        _shim.call("execute", {"env": serving.request(env), "program": guests["echo"]}, serving.host(env, cancel=token))
    assert given == []
    over.set()


def test_fifty_threads_at_once(guests: Mapping[str, bytes]) -> None:
    journals: dict[int, bytes] = {}

    def work(number: int) -> None:
        env = ExecutorEnv.builder().write_slice(str(number).encode()).build()
        reply = _shim.call("execute", {"env": serving.request(env), "program": guests["echo"]}, serving.host(env))
        journals[number] = reply["journal"]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journals == {n: str(n).encode() for n in range(50)}


CTRL_C = """
import sys, time
from zkhost.environment import serving
from zkhost.environment.executor_env import ExecutorEnv
from zkhost import _shim
class Slow:
    def read(self, size):
        print("reading", flush=True)
        time.sleep(600)
        return b""
env = ExecutorEnv.builder().stdin(Slow()).build()
_shim.call("execute", {"env": serving.request(env), "program": sys.stdin.buffer.read()}, serving.host(env))
"""


def test_ctrl_c_ends_the_process(guests: Mapping[str, bytes]) -> None:
    """While the guest's input is still being waited for."""
    child = subprocess.Popen(
        [sys.executable, "-c", CTRL_C], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin
    assert child.stdout
    assert child.stderr
    child.stdin.write(guests["echo"])
    child.stdin.close()
    assert child.stdout.readline() == b"reading\n"
    child.send_signal(signal.SIGINT)
    child.wait(60)
    stderr = child.stderr.read()
    assert b"KeyboardInterrupt" in stderr
    assert child.returncode in (130, -signal.SIGINT), stderr
    child.stdout.close()
    child.stderr.close()


def test_the_operations_are_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "shim.md").read_text()
    assert [op for op in _shim.build_info()["operations"] if f"`{op}`" not in text] == []


@pytest.mark.parametrize(
    "raised", ["OSError('libcuda.so.1: cannot open shared object file')", "ImportError('no module')"]
)
def test_a_library_that_cannot_be_loaded_is_a_shim_error(raised: str) -> None:
    code = f"""
import sys
class Finder:
    def find_spec(self, name, *_):
        if name == "zkhost._native":
            raise {raised}
sys.meta_path.insert(0, Finder())
from zkhost.errors import ShimError
try:
    import zkhost._shim
except ShimError as error:
    print(error.message, "|", error.hint)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    message, _, hinted = out.partition(" | ")
    words = raised.split("'")[1]
    assert message == f"the native library cannot be loaded: {words}"
    assert "NVIDIA's driver" in hinted
