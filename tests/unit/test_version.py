"""One version: that of `[workspace.package]` in Cargo.toml, which everything else has from there or repeats."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import zkhost

ROOT = Path(__file__).parents[2]


def manifest(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


VERSION = manifest(ROOT / "Cargo.toml")["workspace"]["package"]["version"]
# The guests' crates stand in a workspace of their own, and those that are shipped take nothing from it.
MANIFESTS = [ROOT / "guest-methods/Cargo.toml"] + [
    path for folder in ("rust-shim", "guest-methods") for path in sorted((ROOT / folder).glob("**/Cargo.toml"))
    if "target" not in path.parts and path != ROOT / "guest-methods/Cargo.toml"
]  # fmt: skip


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_crate_has_it(path: Path) -> None:
    toml = manifest(path)
    found = toml["package"] if "package" in toml else toml["workspace"]["package"]
    assert found["version"] in (VERSION, {"workspace": True})


def test_the_package_takes_it_from_there() -> None:
    project = manifest(ROOT / "pyproject.toml")
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["maturin"]["manifest-path"] == "rust-shim/Cargo.toml"
    assert zkhost.__version__ == VERSION


def test_the_command_prints_it() -> None:
    code = "import sys; from zkhost.cli.main import main; sys.argv = ['zkhost', '--version']; main()"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"zkhost, version {VERSION}\n"
