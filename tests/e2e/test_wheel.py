"""The wheel, installed into an empty environment where there is no Rust: it proves, and makes projects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HELLO = """
from zkhost import ExecutorEnv, default_prover
from zkhost.methods import FACTORS_ELF, FACTORS_ID
env = ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()
receipt = default_prover().prove(env, FACTORS_ELF).receipt
receipt.verify(FACTORS_ID)
print(receipt.kind, int.from_bytes(receipt.journal.bytes, "little"))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a virtual environment that has the wheel and nothing else of ours."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f'. tools/env.sh && exec "{sys.executable}" -m maturin build --release --locked --out "{folder}"'
    subprocess.run(["bash", "-c", build], cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("zkhost-*-py3-none-*.whl")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    subprocess.run([folder / "venv/bin/pip", "install", "--quiet", wheel], check=True)
    return folder / "venv/bin"


def run(installed: Path, cwd: Path, *command: str) -> str:
    """Standard output of a command that succeeds, where nothing is on PATH but the environment's own commands."""
    bare = {"HOME": str(cwd), "PATH": str(installed), "LANG": os.environ.get("LANG", "C.UTF-8")}
    done = subprocess.run(
        [installed / command[0], *command[1:]], cwd=cwd, env=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.prove
def test_it_proves_the_hello_world_without_rust(installed: Path, tmp_path: Path) -> None:
    assert "site-packages" in run(installed, tmp_path, "python", "-c", "import zkhost; print(zkhost.__file__)")
    assert run(installed, tmp_path, "python", "-c", HELLO).split() == ["composite", "391"]


def test_it_holds_templates_and_guest_crates_beside_the_package(installed: Path, tmp_path: Path) -> None:
    """And their sources' folders are not in it: nothing of ours lies beside the package."""
    where = "import zkhost.project.shipped as s; print(s.guest_crates_folder()); print(s.templates_folder())"
    crates, templates = map(Path, run(installed, tmp_path, "python", "-c", where).split())
    assert crates.is_relative_to(installed.parent)
    assert (crates / "zkhost-guest/src/lib.rs").is_file()
    assert (crates / "Cargo.lock").is_file()
    assert {path.name for path in templates.iterdir()} == {path.name for path in (ROOT / "templates").iterdir()}
    site = crates.parents[2]
    assert not (site / "templates").exists()
    assert not (site / "guest-methods").exists()


def test_it_makes_projects(installed: Path, tmp_path: Path) -> None:
    run(installed, tmp_path, "zkhost", "new", "mine", "--no-git")
    assert not (tmp_path / "mine/methods/zkhost-guest").exists()
    assert (tmp_path / "mine/methods/guest/Cargo.lock").is_file()
    assert (tmp_path / "mine/.gitignore").is_file()
    assert "bundled guests: factors, sha256, echo" in run(installed, tmp_path, "zkhost", "doctor")
