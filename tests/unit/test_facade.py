"""The facade: its export list, and that importing it stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import zkhost

HEAVY = [
    "cffi",
    "_cffi_backend",
    "msgpack",
    "httpx",
    "click",
    "rich",
    "hypothesis",
    "numpy",
    "jinja2",
    "asyncio",
    "distributed",
]


@pytest.mark.parametrize("module", ["zkhost", "zkhost.codec", "zkhost.errors"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_every_exported_name_is_there() -> None:
    for name in zkhost.__all__:
        assert getattr(zkhost, name) is not None
    assert sorted(zkhost.__all__) == sorted(zkhost._WHERE)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = zkhost.no_such_name
