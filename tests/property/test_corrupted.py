"""100,000 corrupted streams of random types: the native engine and the reference accept and refuse the same ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zkhost.testing.strategies import strategy

from .schemas import TYPES
from .verdicts import decoder, disagreements, reference

STREAMS = 250


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True], ids=["standard", "packed"])
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(TYPES, st.data(), st.integers(0, 1 << 32))
def test_corrupted_streams(packed: bool, annotation: Any, data: Any, seed: int) -> None:
    some = data.draw(st.lists(strategy(annotation), min_size=1, max_size=3))
    oracles = decoder(annotation), reference(annotation)
    found = list(disagreements(annotation, some, packed, oracles, seed=seed, count=STREAMS))
    assert not found
