"""Where the servers of the packed format's reference are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkhost.errors import ConfigError
from zkhost.testing.packed import find_server


def test_without_the_variable_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZKHOST_ORACLES", raising=False)
    with pytest.raises(ConfigError, match="ZKHOST_ORACLES is not set") as caught:
        find_server("packed")
    assert "tests/oracle" in (caught.value.hint or "")


def test_built_binaries_are_taken_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZKHOST_ORACLES", str(tmp_path))
    with pytest.raises(ConfigError, match=r"neither Cargo\.toml nor zkhost-oracle-guest"):
        find_server("guest")
    (tmp_path / "zkhost-oracle-guest").touch()
    assert find_server("guest") == tmp_path / "zkhost-oracle-guest"


def test_a_workspace_needs_cargo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Cargo.toml").touch()
    monkeypatch.setenv("ZKHOST_ORACLES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="with cargo, which is not installed"):
        find_server("guest")
