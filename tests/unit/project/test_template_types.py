"""What `zkhost new` makes is typed: mypy --strict on the Python of each template, as a user would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zkhost.project.methods_module import module_source
from zkhost.project.scaffold import NewProject, list_templates, make_project


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy knows about zkhost, for all templates."""
    return tmp_path_factory.mktemp("mypy-cache")


@pytest.mark.parametrize("template", [info.name for info in list_templates()])
def test_its_python_is_typed(template: str, tmp_path: Path, cache: Path) -> None:
    project = make_project(NewProject("typed", tmp_path, template=template, git=False))
    guests = [path.parent.name for path in project.glob("methods/**/Cargo.toml")]
    (project / "methods/__init__.py").write_text(module_source(dict.fromkeys(guests, "00" * 32)))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), "contract.py", "host", "tests"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
