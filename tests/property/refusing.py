"""What the tests of the native engine share: both formats, many examples, and a reference that refuses everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

FORMATS = pytest.mark.parametrize("packed", [False, True], ids=["standard", "packed"])
many = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


class Refused(Exception):
    pass


def refuse(*_: Any, **__: Any) -> Any:
    raise Refused
