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


@pytest.fixture
def no_toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build ends before cargo runs, after what it has to report first."""
    for name in ("HOME", "RISC0_HOME", "ZKHOST_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("ZKHOST_GUEST_TOOLCHAIN", str(tmp_path / "home"))


@pytest.mark.usefixtures("no_toolchain")
def test_options_that_a_build_script_sets_are_reported_until_there_are_settings(tmp_path: Path) -> None:
    root = LAYOUTS["a methods crate as a folder, without a workspace around it"].write(tmp_path)
    script = root / "methods/build.rs"
    assert "are not read" not in CliRunner().invoke(cli, ["build", str(root)]).output
    script.write_text("fn main() { risc0_build::embed_methods_with_options(options()); }\n")
    assert f"{script} sets options of guests" in CliRunner().invoke(cli, ["build", str(root)]).output
    (root / "pyproject.toml").write_text("[tool.zkhost.guests.multiply]\nfeatures = ['fast']\n")
    assert "are not read" not in CliRunner().invoke(cli, ["build", str(root)]).output


@pytest.mark.usefixtures("no_toolchain")
def test_a_guess_is_reported_before_anything_is_built(tmp_path: Path) -> None:
    layout = next(layout for layout in LAYOUTS.values() if layout.guessed)
    result = CliRunner().invoke(cli, ["build", str(layout.write(tmp_path))])
    assert (
        "taken for guests, since they depend on risc0-zkvm as guests do: programs/one, programs/three" in result.output
    )
    assert isinstance(result.exception, BuildError)
