"""Inputs of guests on Boundless: what of an environment they hold, and what is refused."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkhost.boundless import GuestEnv
from zkhost.environment.executor_env import ExecutorEnv, ExecutorEnvBuilder
from zkhost.errors import MarketFormatError, UnsupportedError


def test_the_standard_input_is_what_is_carried() -> None:
    env = ExecutorEnv.builder().write_slice(b"abc").write_frame(b"de").session_limit(1000).stdout(io.BytesIO()).build()
    carried = GuestEnv.of(env)
    assert carried.stdin == env.input == b"abc\x02\0\0\0de"
    assert carried.env == ExecutorEnv(input=env.input)


@pytest.mark.parametrize(
    ("builder", "asked"),
    [
        (ExecutorEnv.builder().args(["program"]), "args"),
        (ExecutorEnv.builder().env_var("NAME", "value"), "env_vars"),
        (ExecutorEnv.builder().stdin(io.BytesIO(b"abc")), "readers"),
        (ExecutorEnv.builder().slice_io("name", lambda data: data), "slice_io"),
        (ExecutorEnv.builder().input_digest(bytes(range(32))), "input_digest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_provers_would_not_be_given_is_refused(builder: ExecutorEnvBuilder, asked: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        GuestEnv.of(builder.build())
    assert caught.value.asked == asked


@given(st.binary(max_size=300))
def test_what_is_written_is_read(stdin: bytes) -> None:
    assert GuestEnv.decode(GuestEnv(stdin).encode()).stdin == stdin


@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, plausible: bool) -> None:
    file = b"\x01\x81\xa5stdin" + data if plausible else data
    try:
        read = GuestEnv.decode(file)
    except MarketFormatError:
        return
    assert len(read.stdin) <= len(file)


@pytest.mark.parametrize(
    "file",
    [
        GuestEnv(b"abc").encode() + b"\0",
        b"\x01\x81\xa5stdin\x91\x07\0",
        b"\x01\x82\xa5stdin\xc4\0\xa1x\xc0",
        b"\x01\x91\xc4\x00",
    ],
    ids=["more after the bytes", "more after the numbers", "another field", "no names"],
)
def test_what_is_not_understood_is_refused_not_dropped(file: bytes) -> None:
    with pytest.raises(MarketFormatError):
        GuestEnv.decode(file)
