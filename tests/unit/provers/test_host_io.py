"""What a guest reads and prints through the host: failures say what failed, text arrives whole."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping

import pytest

from zkhost.environment.executor_env import ExecutorEnv, ExecutorEnvBuilder
from zkhost.errors import HostIOError
from zkhost.provers.interface import Prover
from zkhost.provers.ipc import IpcProver
from zkhost.provers.local import LocalProver
from zkhost.session import Progress

CHANNEL = "slice_io::zkhost_test::SYS_DOUBLE"


@pytest.fixture(params=[LocalProver, IpcProver], ids=["local", "ipc"])
def prover(request: pytest.FixtureRequest) -> Prover:
    made: Prover = request.param()
    return made


class Broken:
    def read(self, size: int, /) -> bytes:
        raise OSError("the disk is gone")

    def write(self, data: bytes, /) -> None:
        raise OSError("the disk is gone")


def broken(data: bytes) -> bytes:
    raise OSError("the disk is gone")


def streams() -> ExecutorEnvBuilder:
    return ExecutorEnv.builder().read_fd(10, io.BytesIO(b"ten")).write_fd(11, io.BytesIO())


@pytest.mark.parametrize(
    ("what", "builder", "guest"),
    [
        ("the reader of standard input", lambda: streams().stdin(Broken()), "streams"),
        ("the reader of file descriptor 10", lambda: streams().read_fd(10, Broken()), "streams"),
        ("the writer of file descriptor 11", lambda: streams().write_fd(11, Broken()), "streams"),
        ("the writer of standard output", lambda: streams().write_slice(b"out").stdout(Broken()), "streams"),
        (
            f"the slice_io handler of {CHANNEL!r}",
            lambda: ExecutorEnv.builder().write_frame(b"?").slice_io(CHANNEL, broken),
            "slice_io",
        ),
    ],
)
def test_the_message_says_what_failed_and_why(
    prover: Prover, guests: Mapping[str, bytes], what: str, builder: Callable[[], ExecutorEnvBuilder], guest: str
) -> None:
    with pytest.raises(HostIOError) as caught:
        prover.execute(builder().build(), guests[guest])
    assert caught.value.message == f"{what} failed while the guest ran: OSError: the disk is gone"
    assert isinstance(caught.value.__cause__, OSError)
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message


def test_a_callback_that_fails_is_named(guests: Mapping[str, bytes]) -> None:
    def on_progress(now: Progress) -> None:
        raise KeyError("no such bar")

    env = ExecutorEnv.builder().write_slice(b"x").build()
    with pytest.raises(HostIOError, match="the progress callback failed while the guest ran: KeyError: 'no such bar'"):
        LocalProver().execute(env, guests["echo"], on_progress=on_progress)


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_a_character_over_the_edge_of_a_piece_arrives_whole(
    prover: Prover, guests: Mapping[str, bytes], capsys: pytest.CaptureFixture[str], before: int
) -> None:
    """A guest's output comes in pieces of 1024 bytes; here each edge lies inside a character for some `before`."""
    text = "x" * before + "\N{SNOWMAN}\N{CRAB}" * 1000
    prover.execute(streams().write_slice(text.encode()).build(), guests["streams"])
    assert capsys.readouterr().out == text


def test_text_that_ends_inside_a_character_ends_with_a_replacement(
    guests: Mapping[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    LocalProver().execute(streams().write_slice("ab\N{SNOWMAN}".encode()[:-1]).build(), guests["streams"])
    assert capsys.readouterr().out == "ab\N{REPLACEMENT CHARACTER}"
    LocalProver().execute(streams().write_slice(b"next").build(), guests["streams"])
    assert capsys.readouterr().out == "next", "nothing of it is left for the next run"
