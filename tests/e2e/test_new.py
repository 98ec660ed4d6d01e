"""Projects from every template, used as their READMEs say: build, test, and for the first one a real proof."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from zkhost.project.scaffold import list_templates
from zkhost.project.shipped import guest_crates_folder

ROOT = Path(__file__).parents[2]
ZKHOST = [sys.executable, "-c", "from zkhost.cli.main import main; main()"]


def run(command: list[str], cwd: Path, **variables: str) -> str:
    """Standard output of a command that succeeds, in the environment of a user who has zkhost installed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def make(template: str, dest: Path, *options: str) -> Path:
    run([*ZKHOST, "new", "mine", "--template", template, "--dest", str(dest), *options], dest)
    return dest / "mine"


@pytest.mark.slow
@pytest.mark.parametrize("template", [info.name for info in list_templates()])
def test_a_new_project_builds_and_its_own_tests_pass(template: str, tmp_path: Path) -> None:
    project = make(template, tmp_path)
    assert "built in" in run([*ZKHOST, "build"], project)
    assert "unchanged" in run([*ZKHOST, "build"], project)
    assert "checked against zkhost.lock" in run([*ZKHOST, "build", "--check"], project)
    assert " passed" in run([sys.executable, "-m", "pytest", "-q"], project)
    # A fake proof, of dev mode, takes the host's program through its every line.
    run([sys.executable, "-m", "host"], project, RISC0_DEV_MODE="1")
    lock = (project / "methods/guest/Cargo.lock").read_text()
    crates = sorted(set(re.findall("zkhost-[a-z]+", (project / "methods/guest/Cargo.toml").read_text())))
    patches = [f'patch.crates-io.{crate}.path="{guest_crates_folder()}/{crate}"' for crate in crates]
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    command += [each for patch in patches for each in ("--config", patch)]
    assert "zkhost-guest" in run(command, project / "methods/guest")
    assert (project / "methods/guest/Cargo.lock").read_text() == lock
    assert "checked" in run([*ZKHOST, "build", "--locked", "--check", "--force"], project)


@pytest.mark.slow
def test_the_cells_of_a_projects_notebook_run(tmp_path: Path) -> None:
    project = make("model", tmp_path)
    run([*ZKHOST, "build"], project)
    cells = json.loads((project / "notebook.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    script = "\n".join([*code, "print(reading.digit, verified.kind)"])
    assert run([sys.executable, "-c", script], project, RISC0_DEV_MODE="1") == "3 fake\n"


@pytest.mark.slow
def test_a_guest_without_std_under_a_name_of_ones_own(tmp_path: Path) -> None:
    project = make("basic", tmp_path, "--no-std", "--guest-name", "small-guest")
    assert "small-guest" in run([*ZKHOST, "build"], project)
    assert " passed" in run([sys.executable, "-m", "pytest", "-q"], project)


@pytest.mark.slow
def test_the_program_of_the_readme_runs_in_a_new_project(tmp_path: Path) -> None:
    project = make("basic", tmp_path)
    blocks = re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', (ROOT / "README.md").read_text(), re.M | re.S)
    for name, text in blocks:
        (project / name).write_text(text)
    assert [name for name, _ in blocks] == ["contract.py", "prove.py"]
    run([*ZKHOST, "build"], project)
    # A fake proof, of dev mode, takes the program through its every line.
    done = run([sys.executable, "prove.py"], project, RISC0_DEV_MODE="1")
    assert re.search(r"^\d+ cycles\nI know the factors of 391$", done, re.MULTILINE), done
    assert (project / "receipt.zkr").is_file()


@pytest.mark.slow
def test_a_projects_wheel_holds_its_guests(tmp_path: Path) -> None:
    """Installed from its wheel, the project runs its guest where there is no Rust and no source of the guest."""
    project, site = make("basic", tmp_path), tmp_path / "site"
    run([*ZKHOST, "build"], project)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), "."], project)
    [wheel] = tmp_path.glob("mine-*.whl")
    run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], tmp_path)
    assert not list(site.rglob("*.rs"))
    use = 'import contract, zkhost; print(zkhost.load("methods", contract.multiply).execute(contract.Factors(17, 23)).journal)'
    there = {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "PATH": "/nowhere"}
    assert run([sys.executable, "-c", use], site.parent, **there) == "Product(product=391)\n"


@pytest.mark.prove
def test_a_new_project_proves(tmp_path: Path) -> None:
    project = make("basic", tmp_path)
    run([*ZKHOST, "build"], project)
    assert "I know the factors of 391, and I can prove it!" in run([sys.executable, "-m", "host"], project)
    assert (project / "receipt.zkr").is_file()


SAID = {
    "bytes": "has 'guest' ",
    "composition": "a number of at least 300",
    "game": "I can solve 413728650 in ",
    "json": "has 1815 at /born/year",
    "model": "has a picture of a 3",
}


@pytest.mark.prove
@pytest.mark.slow
@pytest.mark.parametrize("template", SAID)
def test_the_other_templates_prove(template: str, tmp_path: Path) -> None:
    project = make(template, tmp_path)
    run([*ZKHOST, "build"], project)
    assert SAID[template] in run([sys.executable, "-m", "host"], project)
