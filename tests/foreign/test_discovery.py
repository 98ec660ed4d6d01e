"""Each layout: the guests that are found in it, where the methods module goes, or why it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.foreign.layouts import LAYOUTS
from zkhost.cli.main import cli
from zkhost.errors import BuildError
from zkhost.project.discover import find_project


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_guests_of_a_layout_are_found_or_it_is_refused_by_name(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    start = layout.write(tmp_path)
    if layout.refused:
        with pytest.raises(BuildError) as caught:
            find_project(start)
        for words in layout.refused:
            assert words in str(caught.value)
        return
    project = find_project(start)
    found = {str(package.folder.relative_to(tmp_path)): package.bins for package in project.packages}
    assert found == layout.packages
    assert project.root == (tmp_path / layout.root).resolve()
    assert project.methods == (tmp_path / layout.methods).resolve()
    assert project.guessed is layout.guessed


def test_a_guess_is_said_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = next(layout for layout in LAYOUTS.values() if layout.guessed)
    # Without any toolchain the build ends before cargo runs, after the guess was said.
    for name in ("HOME", "RISC0_HOME", "ZKHOST_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("ZKHOST_GUEST_TOOLCHAIN", str(tmp_path / "home"))
    result = CliRunner().invoke(cli, ["build", str(layout.write(tmp_path))])
    assert (
        "taken for guests, since they depend on risc0-zkvm as guests do: programs/one, programs/three" in result.output
    )
    assert isinstance(result.exception, BuildError)
