"""A guest's inputs and outputs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from zkhost.environment.executor_env import ExecutorEnv
from zkhost.environment.streams import MAX_SLICE_ANSWER
from zkhost.errors import GuestPanicError, HostIOError
from zkhost.provers import features
from zkhost.provers.features import Feature
from zkhost.provers.interface import Executor
from zkhost.testing.prover_suite.common import Guests, Suite, run, u32

CHANNEL = "slice_io::zkhost_test::SYS_DOUBLE"
UNICODE = ["", "plain", "two words", "ü ß 日本語 🦀", 'quo"te\\back\nline', "-" * 500]


class Trickle(io.RawIOBase):
    """A stream that returns its content in pieces of odd sizes."""

    def __init__(self, data: bytes) -> None:
        self.rest, self.reads = data, 0

    def read(self, size: int = -1, /) -> bytes:
        self.reads += 1
        size = min(size, 1 + self.reads * 37 % 101)
        given, self.rest = self.rest[:size], self.rest[size:]
        return given


class Broken:
    """A stream that fails on reads and on writes."""

    def read(self, size: int, /) -> bytes:
        raise RuntimeError("broken on purpose")

    def write(self, data: bytes, /) -> None:
        raise RuntimeError("broken on purpose")


def broken_handler(data: bytes) -> bytes:
    raise RuntimeError("broken on purpose")


class InputOutput(Suite):
    """Streams, descriptors, slice_io, frames, arguments, variables."""

    @pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 1023, 1024, 1025, 40_000])
    def test_input_comes_whole(self, prover: Executor, guests: Guests, size: int) -> None:
        data = bytes(index * 31 % 251 for index in range(size))
        session = prover.execute(ExecutorEnv.builder().write_slice(data).build(), guests["echo"])
        assert session.journal.bytes == data
        assert session.exit_code.ok
        assert session.user_cycles > 0

    def test_written_values_are_one_input(self, prover: Executor, guests: Guests) -> None:
        env = ExecutorEnv.builder().write(["a", "bc"], list[str]).write_slice(b"xyz").write_frame(b"frame").build()
        expected = u32(2) + u32(1) + b"a\0\0\0" + u32(2) + b"bc\0\0" + b"xyz" + u32(5) + b"frame"
        assert prover.execute(env, guests["echo"]).journal.bytes == expected

    def test_a_stream_is_read_to_its_end(self, prover: Executor, guests: Guests) -> None:
        data = bytes(index % 256 for index in range(5000))
        env = ExecutorEnv.builder().stdin(Trickle(data)).build()
        assert prover.execute(env, guests["echo"]).journal.bytes == data

    def test_an_environment_serves_many_runs(self, prover: Executor, guests: Guests) -> None:
        env = ExecutorEnv.builder().write_slice(b"again").build()
        assert {prover.execute(env, guests["echo"]).journal.bytes for _ in range(3)} == {b"again"}

    def test_a_frame(self, prover: Executor, guests: Guests) -> None:
        payload = bytes(range(256)) * 2
        builder = ExecutorEnv.builder().write_frame(payload).slice_io(CHANNEL, lambda data: data[::-1])
        session = run(prover, builder.build(), guests["slice_io"])
        assert session is None or session.journal.bytes == payload[::-1]

    def test_standard_output_and_error(self, prover: Executor, guests: Guests) -> None:
        out, err = io.BytesIO(), io.BytesIO()
        env = ExecutorEnv.builder().write_slice(u32(7)).stdout(out).stderr(err).build()
        with pytest.raises(GuestPanicError, match="on purpose with 7"):
            prover.execute(env, guests["panic"])
        if Feature.OUTPUT not in prover.lacks:
            assert out.getvalue() == b"about to panic\n"
            assert err.getvalue().startswith(b"last words: 7\n")

    def test_further_file_descriptors(self, prover: Executor, guests: Guests) -> None:
        ten, eleven, out = io.BytesIO(b"ten " * 5000), io.BytesIO(), io.BytesIO()
        builder = ExecutorEnv.builder().write_slice(b"in").stdout(out).read_fd(10, ten).write_fd(11, eleven)
        session = run(prover, builder.build(), guests["streams"])
        if session is None:
            assert ten.tell() == 0, "a stream was read for a run that was refused"
        else:
            assert (eleven.getvalue(), out.getvalue()) == (b"ten " * 5000, b"in")

    @pytest.mark.parametrize("size", [0, 1, 3, 4, MAX_SLICE_ANSWER])
    def test_slice_io(self, prover: Executor, guests: Guests, size: int) -> None:
        asked: list[bytes] = []
        answer = bytes(index % 251 for index in range(size))

        def handler(data: bytes) -> bytes:
            asked.append(data)
            return answer

        env = ExecutorEnv.builder().write_frame(b"question").slice_io(CHANNEL, handler).build()
        session = run(prover, env, guests["slice_io"])
        if session is None:
            assert asked == []
        else:
            assert (asked, session.journal.bytes) == ([b"question"], answer)

    def test_an_answer_too_long_to_arrive_whole_is_refused(self, prover: Executor, guests: Guests) -> None:
        builder = ExecutorEnv.builder().write_frame(b"").slice_io(CHANNEL, lambda _: bytes(MAX_SLICE_ANSWER + 1))
        if Feature.SLICE_IO in prover.lacks:
            assert run(prover, builder.build(), guests["slice_io"]) is None
            return
        with pytest.raises(HostIOError) as caught:
            prover.execute(builder.build(), guests["slice_io"])
        assert "at most 1024" in str(caught.value.__cause__)

    def test_arguments_and_variables(self, prover: Executor, guests: Guests) -> None:
        builder = ExecutorEnv.builder().args(UNICODE)
        names = [f"NAME{index}" for index in range(len(UNICODE))] + ["ÄÖ"]
        for name, value in zip(names, [*UNICODE, "last"], strict=True):
            builder.env_var(name, value)
        session = run(prover, builder.write([*names, "NONE"], list[str]).build(), guests["environment"])
        expected = "".join(f"arg {index}: {text}\n" for index, text in enumerate(UNICODE))
        expected += "".join(f"{name}={value}\n" for name, value in zip(names, [*UNICODE, "last"], strict=True))
        assert session is None or session.journal.bytes.decode() == expected + "NONE=(not set)\n"

    def test_segments_in_a_folder(self, prover: Executor, guests: Guests, tmp_path: Path) -> None:
        builder = ExecutorEnv.builder().write_slice(bytes(100_000)).segment_limit_po2(17)
        session = run(prover, builder.segment_path(tmp_path / "new").build(), guests["echo"])
        if session is not None:
            files = sorted(path.name for path in (tmp_path / "new").iterdir())
            assert files == sorted(f"{segment.index}.bincode" for segment in session.segments)
            assert len(files) > 1

    @pytest.mark.parametrize("which", ["stdin", "stdout", "slice_io"])
    def test_a_failing_stream_or_handler_ends_the_run(self, prover: Executor, guests: Guests, which: str) -> None:
        builder, program = ExecutorEnv.builder(), guests["slice_io" if which == "slice_io" else "panic"]
        if which == "stdin":
            builder.stdin(Broken())
        elif which == "stdout":
            builder.write_slice(u32(1)).stdout(Broken())
        else:
            builder.write_frame(b"?").slice_io(CHANNEL, broken_handler)
        if run_is_refused(prover, builder.build()):
            assert run(prover, builder.build(), program) is None
            return
        unheard = which == "stdout" and Feature.OUTPUT in prover.lacks
        with pytest.raises(GuestPanicError if unheard else HostIOError) as caught:
            prover.execute(builder.build(), program)
        assert unheard or "broken on purpose" in str(caught.value.__cause__)


def run_is_refused(prover: Executor, env: ExecutorEnv) -> bool:
    """Return whether the prover lacks what the environment needs."""
    return bool(features.used_by(env) & prover.lacks)
