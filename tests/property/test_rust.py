"""The codec against the Rust code it stands for: risc0_zkvm::serde, and l2r0-small-serde for the packed format."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.codec.vectors import VECTORS, Vector
from zkhost import codec as c
from zkhost.testing.oracles import Refused, RustOracle, SerdeOracle
from zkhost.testing.packed import PackedOracle
from zkhost.testing.strategies import strategy

from .schemas import TYPES, typed_values
from .verdicts import UNDECIDED, Oracle, Verdict, as_python, decoder, disagreements

STREAMS = 250


@pytest.fixture(scope="module", params=["standard", "packed"])
def rust(request: pytest.FixtureRequest) -> tuple[SerdeOracle, str]:
    """The reference of a format, and the format."""
    return (RustOracle() if request.param == "standard" else PackedOracle()), request.param


def plugged(rust: SerdeOracle, annotation: Any) -> Oracle:
    """The Rust decoder as an oracle of verdicts, its values as Python has them."""

    def verdict(v: Any) -> Verdict:
        if isinstance(v, Refused):
            return UNDECIDED if v.undecided else None
        return as_python(annotation, v), 0

    def verdicts(descriptor: list[Any], streams: list[bytes], packed: bool) -> list[Verdict]:
        return [verdict(v) for v in rust.decode(descriptor, streams, "packed" if packed else "standard")]

    return verdicts


def without_offsets(annotation: Any) -> Oracle:
    """The decoder, with the value alone."""
    inner = decoder(annotation)

    def verdicts(descriptor: list[Any], streams: list[bytes], packed: bool) -> list[Verdict]:
        return [v if v is UNDECIDED else v and (v[0], 0) for v in inner(descriptor, streams, packed)]

    return verdicts


@pytest.mark.slow
@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.name)
def test_vectors(rust: tuple[SerdeOracle, str], vector: Vector) -> None:
    oracle, format = rust
    words = c.codec(vector.type, format).encode(vector.value)
    descriptor, plain = c.describe(vector.type), c.to_plain(vector.type, vector.value)
    assert oracle.encode(descriptor, [plain], format) == [words]
    assert oracle.decode(descriptor, [words], format) == [plain]


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(typed_values())
def test_random_types(rust: tuple[SerdeOracle, str], case: Any) -> None:
    oracle, format = rust
    annotation, value = case
    words = c.codec(annotation, format).encode(value)
    descriptor, plain = c.describe(annotation), c.to_plain(annotation, value)
    assert oracle.encode(descriptor, [plain], format) == [words]
    assert oracle.decode(descriptor, [words], format) == [plain]


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(TYPES, st.data(), st.integers(0, 1 << 32))
def test_corrupted_streams(rust: tuple[SerdeOracle, str], annotation: Any, data: Any, seed: int) -> None:
    oracle, format = rust
    some = data.draw(st.lists(strategy(annotation), min_size=1, max_size=3))
    oracles = without_offsets(annotation), plugged(oracle, annotation)
    assert not list(disagreements(annotation, some, format == "packed", oracles, seed=seed, count=STREAMS))
