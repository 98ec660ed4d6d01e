"""What tests of one layer of the codec share: both formats, many examples, and a next layer that refuses everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

FORMATS = pytest.mark.parametrize("packed", [False, True], ids=["standard", "packed"])
many = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


class Refused(Exception):
    pass


def refuse(*_: Any) -> Any:
    raise Refused
