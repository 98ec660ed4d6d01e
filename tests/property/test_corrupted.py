"""100,000 corrupted streams of random types: the compiled decoder and the reference accept and refuse the same ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zkhost import codec as c

from .schemas import TYPES, values
from .verdicts import compiled, disagreements, reference

STREAMS = 250


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True], ids=["standard", "packed"])
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(TYPES, st.data(), st.integers(0, 1 << 32))
def test_corrupted_streams(packed: bool, annotation: Any, data: Any, seed: int) -> None:
    some = data.draw(st.lists(values(c.schema_of(annotation)), min_size=1, max_size=3))
    oracles = compiled(annotation), reference(annotation)
    found = list(disagreements(annotation, some, packed, oracles, seed=seed, count=STREAMS))
    assert not found
