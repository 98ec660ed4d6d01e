"""What a guest is given: every limit checked when set, every stream served."""

from __future__ import annotations

import array
import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from zkhost import _shim
from zkhost.codec import U32, U64, SerdeBytes, codec
from zkhost.environment.assumption import Assumption
from zkhost.environment.byte_words import WordPerByteWarning
from zkhost.environment.executor_env import KECCAK_PO2, SEGMENT_PO2, ExecutorEnv
from zkhost.errors import ConfigError, GuestFaultError, GuestPanicError, HostIOError, SessionLimitError
from zkhost.image_id import ImageID
from zkhost.provers.local import LocalProver
from zkhost.session import Journal


def test_the_ranges_are_those_of_the_native_library() -> None:
    info = _shim.build_info()
    assert list(SEGMENT_PO2) == info["segment_po2_range"]
    assert list(KECCAK_PO2) == info["keccak_po2_range"]


BAD: list[tuple[Callable[[Any], Any], str]] = [
    (lambda b: b.segment_limit_po2(12), "segment_limit_po2=12"),
    (lambda b: b.segment_limit_po2(23), "from 13 to 22"),
    (lambda b: b.segment_limit_po2(True), "type=bool"),
    (lambda b: b.session_limit(0), "session_limit=0"),
    (lambda b: b.session_limit(2**64), "session_limit"),
    (lambda b: b.keccak_max_po2(19), "keccak_max_po2=19"),
    (lambda b: b.write_fd(3, io.BytesIO()), "journal"),
    (lambda b: b.read_fd(-1, io.BytesIO()), "file descriptor=-1"),
    (lambda b: b.read_fd(2**32, io.BytesIO()), "file descriptor"),
    (lambda b: b.stdin("text"), "binary stream with read"),
    (lambda b: b.args("one"), "list of arguments"),
    (lambda b: b.args(["a", 1]), "argument"),
    (lambda b: b.args(["a", "x" * 1024]), "argument 1 has 1024 bytes; risc0 hands at most 1023"),
    (lambda b: b.args(["é" * 512]), "argument 0 has 1024 bytes"),
    (lambda b: b.env_var("x" * 1024, ""), "the name of an environment variable has 1024 bytes"),
    (lambda b: b.env_var("KEY", "x" * 1024), "environment variable KEY has 1024 bytes"),
    (lambda b: b.env_var("", "x"), "needs a name"),
    (lambda b: b.env_var("A", "\ud800"), "lone surrogates"),
    (lambda b: b.slice_io("", lambda data: data), "not a name for a channel"),
    (lambda b: b.slice_io("risc0_zkvm_platform::syscall::nr::SYS_READ", lambda data: data), "system call"),
    (lambda b: b.slice_io("x", 3), "handler=3"),
    (lambda b: b.write_slice("text"), "encode it"),
    (lambda b: b.write_slice([1, 2]), "contiguous buffer"),
    (lambda b: b.input_digest(b"short"), "32"),
    (lambda b: b.pprof_out("/no/such/folder/out.pb"), "there is no folder"),
    (lambda b: b.segment_path(__file__), "not a folder"),
    (lambda b: b.add_assumption("receipt"), "Expected a Receipt"),
    (lambda b: b.write_slice(b"x").stdin(io.BytesIO()).build(), "set twice"),
    (lambda b: Assumption(b"short"), "Assumption.claim"),
]


@pytest.mark.parametrize(("set_it", "said"), BAD, ids=[said for _, said in BAD])
def test_a_bad_setting_is_refused_when_set(set_it: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        set_it(ExecutorEnv.builder())
    assert said in str(caught.value)


def test_what_is_written_is_the_input() -> None:
    builder = ExecutorEnv.builder().write_slice(b"ab").write_frame(b"cde").write_slice(array.array("I", [1]))
    builder.write_slice(ImageID([7] * 8)).write_frame(Journal(b"j"))
    assert builder.build().input == b"ab\x03\0\0\0cde\x01\0\0\0" + b"\x07\0\0\0" * 8 + b"\x01\0\0\0j"


def test_an_environment_is_not_changed_by_its_builder() -> None:
    builder = ExecutorEnv.builder().write_slice(b"a").env_var("A", "1")
    env = builder.build()
    builder.write_slice(b"b").env_var("A", "2")
    assert (env.input, dict(env.env_vars)) == (b"a", {"A": "1"})


def test_arguments_and_variables_reach_the_guest(guests: Mapping[str, bytes]) -> None:
    env = (
        ExecutorEnv.builder()
        .args(["first", "zweites \N{SNOWMAN}"])
        .env_vars({"COLOUR": "grün", "OTHER": "x"})
        .write(["COLOUR", "ABSENT"], list[str])
        .build()
    )
    journal = LocalProver().execute(env, guests["environment"]).journal.bytes.decode()
    assert journal == "arg 0: first\narg 1: zweites \N{SNOWMAN}\nCOLOUR=grün\nABSENT=(not set)\n"


def test_streams_are_served_and_taken(guests: Mapping[str, bytes]) -> None:
    out, eleven = io.BytesIO(), io.BytesIO()
    env = (
        ExecutorEnv.builder()
        .stdin(io.BytesIO(b"to stdout"))
        .stdout(out)
        .read_fd(10, io.BytesIO(b"ten " * 5000))
        .write_fd(11, eleven)
        .build()
    )
    LocalProver().execute(env, guests["streams"])
    assert (out.getvalue(), eleven.getvalue()) == (b"to stdout", b"ten " * 5000)


def test_output_goes_to_this_process_by_default(
    guests: Mapping[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    env = ExecutorEnv.builder().read_fd(10, io.BytesIO()).write_fd(11, io.BytesIO()).write_slice(b"hello\n").build()
    LocalProver().execute(env, guests["streams"])
    assert capsys.readouterr().out == "hello\n"


def test_slice_io(guests: Mapping[str, bytes]) -> None:
    channel = "slice_io::zkhost_test::SYS_DOUBLE"
    for size in (0, 1, 3, 512):
        env = ExecutorEnv.builder().write_frame(b"q" * size).slice_io(channel, lambda data: data * 2).build()
        assert LocalProver().execute(env, guests["slice_io"]).journal.bytes == b"q" * (2 * size)


def test_a_slice_io_answer_that_would_not_arrive_whole_is_refused(guests: Mapping[str, bytes]) -> None:
    env = ExecutorEnv.builder().write_frame(b"q").slice_io("slice_io::zkhost_test::SYS_DOUBLE", lambda _: bytes(1025))
    with pytest.raises(HostIOError) as caught:
        LocalProver().execute(env.build(), guests["slice_io"])
    assert "1025 bytes" in str(caught.value.__cause__)


def test_a_segment_limit_too_small_for_one_instruction_says_what_to_do(guests: Mapping[str, bytes]) -> None:
    with pytest.raises(GuestFaultError, match=r"segment limit \(8192\) too small for instruction\n") as caught:
        LocalProver().execute(
            ExecutorEnv.builder().write_slice(bytes(16)).segment_limit_po2(13).build(), guests["factors"]
        )
    assert "raise segment_limit_po2" in (caught.value.hint or "")


@pytest.mark.parametrize("by_env", [0, 1])
@pytest.mark.parametrize("stream", [False, True])
def test_reading_past_the_input_fails_and_says_so(guests: Mapping[str, bytes], by_env: int, stream: bool) -> None:
    data = by_env.to_bytes(4, "little") + (2).to_bytes(8, "little") + bytes(16)
    builder = ExecutorEnv.builder()
    env = (builder.stdin(io.BytesIO(data)) if stream else builder.write_slice(data)).build()
    with pytest.raises(GuestPanicError) as caught:
        LocalProver().execute(env, guests["starve"])
    assert "asked for more" in caught.value.message
    assert caught.value.input_read == len(data)
    assert caught.value.input_left == (None if stream else 0)


def test_a_panic_says_what_and_where_the_input_stood(guests: Mapping[str, bytes]) -> None:
    err = io.BytesIO()
    env = ExecutorEnv.builder().write_slice((77).to_bytes(4, "little") + b"left over").stderr(err).build()
    with pytest.raises(GuestPanicError) as caught:
        LocalProver().execute(env, guests["panic"])
    error = caught.value
    assert "on purpose with 77" in error.panic
    assert "last words: 77" in error.stderr
    assert "last words: 77" in err.getvalue().decode()
    assert (error.input_read, error.input_left) == (4, 9)


def test_a_panic_about_something_else_does_not_blame_the_input(guests: Mapping[str, bytes]) -> None:
    """zkhost_guest reads in large pieces, past the end of the input, whatever the guest then says of it."""
    with pytest.raises(GuestPanicError, match="trivial") as caught:
        LocalProver().execute(ExecutorEnv.builder().write(1, U64).write(391, U64).build(), guests["factors"])
    assert "it had read all 16 bytes of its input)" in caught.value.message
    assert caught.value.hint is None


def test_the_session_limit_holds(guests: Mapping[str, bytes]) -> None:
    env = ExecutorEnv.builder().write_slice(b"x" * 100_000).session_limit(1000).build()
    with pytest.raises(SessionLimitError, match="1000"):
        LocalProver().execute(env, guests["echo"])


@pytest.mark.parametrize("code", [0, 1, 255])
def test_exit_codes_are_reported(guests: Mapping[str, bytes], code: int) -> None:
    env = ExecutorEnv.builder().write_slice(code.to_bytes(4, "little")).build()
    session = LocalProver().execute(env, guests["exit"])
    assert (session.exit_code.kind, session.exit_code.code) == ("Halted", code)
    assert session.journal.bytes == b"\x2a"


@pytest.mark.parametrize("size", [0, 1, 4097, 8 << 20])
def test_journals_of_any_size(guests: Mapping[str, bytes], size: int) -> None:
    env = ExecutorEnv.builder().write_slice(size.to_bytes(4, "little")).build()
    session = LocalProver().execute(env, guests["journal"])
    assert session.journal.bytes == (bytes(range(256)) * (size // 256 + 1))[:size]
    assert sum(segment.cycles for segment in session.segments) == session.user_cycles


def test_segments_are_kept_where_asked(guests: Mapping[str, bytes], tmp_path: Any) -> None:
    env = (
        ExecutorEnv.builder().write_slice(b"x" * 200_000).segment_limit_po2(17).segment_path(tmp_path / "kept").build()
    )
    session = LocalProver().execute(env, guests["echo"])
    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert names == sorted(f"{segment.index}.bincode" for segment in session.segments)


def test_the_trace_starts_with_instructions(guests: Mapping[str, bytes]) -> None:
    events: list[list[Any]] = []
    env = ExecutorEnv.builder().write_slice(b"abc").trace_callback(events.extend).build()
    session = LocalProver().execute(env, guests["echo"])
    instructions = [event for event in events if event[0] == 0]
    assert 0 < len(instructions) <= session.user_cycles
    assert {event[0] for event in events} >= {0, 2, 3}


@dataclass(frozen=True)
class Document:
    number: U32
    text: bytes


@pytest.mark.parametrize(
    ("value", "type", "warned"),
    [
        (Document(1, bytes(5000)), None, "5,000 bytes"),
        (Document(1, bytes(4096)), None, None),
        (bytes(100_000), bytes, "100,000 bytes"),
        (bytes(100_000), SerdeBytes, None),
        ([0] * 100_000, list[U32], None),
    ],
)
def test_many_bytes_as_words_are_warned_of(value: Any, type: Any, warned: str | None) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ExecutorEnv.builder().write(value, type)
        ExecutorEnv.builder().write(value, type, format="packed")
        ExecutorEnv.builder("packed").write(value, type)
    assert [warning.category for warning in seen] == ([WordPerByteWarning] if warned else [])
    assert all(str(warned) in str(warning.message) and warning.filename == __file__ for warning in seen)


def test_an_envs_format_is_that_of_all_its_values() -> None:
    value, packed = Document(1, b"abc"), codec(Document, "packed")
    env = ExecutorEnv.builder("packed").write(value).write(value, format="standard").build()
    assert env.input == packed.encode(value) + codec(Document).encode(value)
