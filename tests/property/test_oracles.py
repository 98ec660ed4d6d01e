"""The codec and zkhost-guest against the references, over random types: risc0's own serde and l2r0-small-serde.

Values must give the same words and the same value again; broken words must be accepted or refused alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zkhost import codec as c
from zkhost.errors import DecodeError
from zkhost.testing.oracles import LIMIT, Refused, RustOracle, SerdeOracle
from zkhost.testing.packed import PackedOracle
from zkhost.testing.roundtrip import check_value

from .schemas import typed_values
from .verdicts import as_python

FORMATS = ("standard", "packed")
quiet = settings(deadline=None, suppress_health_check=list(HealthCheck))

STREAMS_A_TYPE = 200
TYPES = 500
"""100,000 broken streams in all, in each format."""

WORDS = [0, 1, 2, 3, 0xFF, 0x100, 0xFFFF, 0xD800, 0x10FFFF, 0x110000, 0x80000000, 0xFFFFFFFF, 0xFFFFFF80]


@pytest.fixture(scope="module")
def references() -> Iterator[dict[str, SerdeOracle]]:
    packed = PackedOracle()
    yield {"standard": RustOracle(), "packed": packed}
    packed.close()


@pytest.fixture(scope="module")
def guest_crate() -> Iterator[SerdeOracle]:
    oracle = PackedOracle("guest")
    yield oracle
    oracle.close()


@settings(quiet, max_examples=1000)
@given(case=typed_values())
def test_values(references: dict[str, SerdeOracle], guest_crate: SerdeOracle, case: Any) -> None:
    annotation, value = case
    check_value(annotation, value, oracles=[*references.values(), guest_crate])


def broken(words: bytes, rng: random.Random) -> bytes:
    """The words with one to three changes: of a bit, a byte or a word, or words left out, doubled or added."""
    out = [int.from_bytes(words[i : i + 4], "little") for i in range(0, len(words), 4)]
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(7):
            case 0 if out:
                out[at] ^= 1 << rng.randrange(32)
            case 1 if out:
                shift = 8 * rng.randrange(4)
                out[at] = out[at] & ~(0xFF << shift) | rng.choice([0, 1, 2, 0x7F, 0x80, 0xFF]) << shift
            case 2 if out:
                out[at] = rng.choice(WORDS)
            case 3 if out:
                del out[at]
            case 4:
                del out[at:]
            case 5:
                out.insert(at, rng.choice(WORDS))
            case _:
                out[at:at] = out[at : at + 2]
    return b"".join(word.to_bytes(4, "little") for word in out)


def lax(codec: c.Codec[Any], stream: bytes) -> Any:
    """What the codec accepts where it must accept what Rust accepts; undecided at its limit of elements without words."""
    try:
        return codec.decode(stream, strict=False)
    except DecodeError as error:
        return Refused(LIMIT if "elements without words" in error.message else error.message)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("format", FORMATS)
def test_broken_streams(references: dict[str, SerdeOracle], guest_crate: SerdeOracle, format: str) -> None:
    verdicts = {"accepted": 0, "refused": 0, "undecided": 0}

    @settings(quiet, max_examples=TYPES, database=None)
    @given(case=typed_values(), seed=st.integers(0, 2**32))
    def check(case: Any, seed: int) -> None:
        annotation, value = case
        wire = c.WireFormat(format)
        rng = random.Random(seed)
        words = c.encode(value, annotation, format=wire)
        streams = [broken(words, rng) for _ in range(STREAMS_A_TYPE)]
        descriptor, codec = c.describe(annotation), c.codec(annotation, wire)
        expected = references[format].decode(descriptor, streams, format)
        crate = guest_crate.decode(descriptor, streams, format)
        for stream, theirs, guests in zip(streams, expected, crate, strict=True):
            if isinstance(theirs, Refused) and theirs.undecided:
                verdicts["undecided"] += 1
                continue
            assert isinstance(guests, Refused) == isinstance(theirs, Refused), (stream.hex(), guests, theirs)
            if not isinstance(theirs, Refused):
                assert guests == theirs
            ours = lax(codec, stream)
            if isinstance(ours, Refused):
                if ours.undecided:
                    verdicts["undecided"] += 1
                    continue
                assert isinstance(theirs, Refused), (annotation, stream.hex(), ours, theirs)
                verdicts["refused"] += 1
                continue
            assert not isinstance(theirs, Refused), (annotation, stream.hex(), ours, theirs)
            verdicts["accepted"] += 1
            assert c.to_plain(annotation, ours) == as_python(annotation, theirs)

    check()
    total = sum(verdicts.values())
    print(f"{format}: {total} broken streams: {verdicts}")
    assert total >= TYPES * STREAMS_A_TYPE
    assert min(verdicts["accepted"], verdicts["refused"]) > total // 10
    assert verdicts["undecided"] < total // 20
