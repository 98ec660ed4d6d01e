"""The guests that come with zkhost and those of the tests, in the executor; zkhost-guest on random types in the zkVM."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.property.schemas import typed_values
from zkhost.codec import U32, U64, encode
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import GuestPanicError
from zkhost.provers.local import LocalProver
from zkhost.testing import EchoGuest, TypedGuest, check_value

pytestmark = pytest.mark.slow


def run(program: bytes, data: bytes) -> Any:
    return LocalProver().execute(ExecutorEnv.builder().write_slice(data).build(), program)


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 4095, 4096, 4097, 100_000])
def test_sha256_and_echo(guests: Mapping[str, bytes], size: int) -> None:
    data = bytes(i * 31 % 256 for i in range(size))
    assert bytes(run(guests["sha256"], data).journal) == hashlib.sha256(data).digest()
    assert bytes(run(guests["echo"], data).journal) == data


def test_factors(guests: Mapping[str, bytes]) -> None:
    journal = run(guests["factors"], encode(17, U64) + encode(23, U64)).journal
    assert journal.decode(U64) == 391
    for a, b, reason in ((1, 23, "trivial factors"), (2**63, 2, "does not fit")):
        with pytest.raises(GuestPanicError, match=reason):
            run(guests["factors"], encode(a, U64) + encode(b, U64))


@pytest.mark.parametrize("by_env", [0, 1])
def test_the_end_of_input_is_an_error(guests: Mapping[str, bytes], by_env: int) -> None:
    data = encode(by_env, U32) + b"".join(encode(n, U64) for n in (2, 10, 20))
    with pytest.raises(GuestPanicError, match="at byte 24" if by_env == 0 else "UnexpectedEnd"):
        run(guests["starve"], data)


def test_a_read_inside_of_a_read_is_an_error(guests: Mapping[str, bytes]) -> None:
    with pytest.raises(GuestPanicError, match="must take its words from the deserializer"):
        run(guests["starve"], encode(2, U32) + encode(0, U64))


def test_borrowed_texts_stay_what_they_are(guests: Mapping[str, bytes]) -> None:
    texts = [f"{index} é " * (index * index % 97) for index in range(200)]
    texts[100] = "long " * 5000
    data = encode(len(texts), U32) + b"".join(encode(text, str) for text in texts)
    assert bytes(run(guests["borrowed"], data).journal).decode() == "".join(texts)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=typed_values())
def test_random_types_through_zkhost_guest(guests: Mapping[str, bytes], case: Any) -> None:
    annotation, value = case
    check_value(annotation, value, oracles=[TypedGuest(guests["typed_echo"]), EchoGuest(guests["echo"])])
