"""The wheels of zkhost and zkhost-verify, each in an empty environment where there is no Rust.

`make release` names the folder of those that it has made in ZKHOST_DIST; else they are built here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.release.verification import FACTORS_ID

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
FACTORS = ROOT / "tests/unit/receipt/factors.bincode"
DEMO = """
import classify_digit, zkhost.ml
verify = zkhost.ml.verify
zkhost.ml.verify = lambda receipt, *args, **options: receipt.dump("digit.bincode") or verify(receipt, *args, **options)
classify_digit.main()
"""
REFUSALS = """
import zkhost
from zkhost import _shim, errors
from zkhost.provers.local import LocalProver
def refused(work, *args):
    try:
        work(*args)
    except errors.ZkhostError as error:
        print(type(error).__name__, "install zkhost in place of zkhost-verify" in error.hint)
print(_shim.build_info()["features"])
refused(zkhost.default_prover)
refused(LocalProver)
refused(_shim.call, "execute", {})
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheels."""
    if "ZKHOST_DIST" in os.environ:
        return Path(os.environ["ZKHOST_DIST"]).absolute()
    folder = tmp_path_factory.mktemp("dist")
    # For this machine's CPU, as the library of the checkout: what that was built of is not built again.
    build = ["bash", "-c", f'. tools/env.sh && tools/release/build.sh "{folder}"']
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def environment(folder: Path, wheels: list[Path]) -> Path:
    """The bin folder of a new virtual environment with a wheel, its extra `ml`, and nothing else of ours."""
    [wheel] = wheels
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin/pip", "install", "--quiet", f"{wheel}[ml]"], check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment of zkhost."""
    return environment(
        tmp_path_factory.mktemp("zkhost"), list(dist.glob(f"zkhost-*-py3-none-*{os.uname().machine}.whl"))
    )


@pytest.fixture(scope="module")
def verifier(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment of zkhost-verify."""
    wheels = list(dist.glob(f"zkhost_verify-*-py3-none-*{os.uname().machine}.whl"))
    return environment(tmp_path_factory.mktemp("zkhost_verify"), wheels)


@pytest.fixture(scope="module")
def demo(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the model demo has run, and left its receipt."""
    folder = tmp_path_factory.mktemp("demo")
    for name in ("classify_digit.py", "digits.onnx"):
        shutil.copy(ROOT / "examples" / name, folder)
    assert "sees a 3, proved" in run(installed, folder, "python", "-c", DEMO)
    return folder


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
    shutil.copy(ROOT / "examples/hello_world.py", tmp_path)
    assert "I know the factors of 391" in run(installed, tmp_path, "python", "hello_world.py")


@pytest.mark.prove
def test_each_verifies_what_zkhost_proved(installed: Path, verifier: Path, demo: Path) -> None:
    for file in (FACTORS, ROOT / "tools/release/verification.py"):
        shutil.copy(file, demo)
    command = ("python", "verification.py", "factors.bincode", "digits.onnx", "digit.bincode")
    printed = run(installed, demo, *command)
    assert "factors of 391: verified" in printed
    assert "the model sees a 3" in printed
    assert run(verifier, demo, *command) == printed


def test_the_small_one_says_that_it_does_not_prove(verifier: Path, tmp_path: Path) -> None:
    assert run(verifier, tmp_path, "python", "-c", REFUSALS).splitlines() == [
        "[]",
        "ProverUnavailableError True",
        "ProverUnavailableError True",
        "UnsupportedError True",
    ]


def test_both_are_one_version_and_have_the_same_guests(installed: Path, verifier: Path, tmp_path: Path) -> None:
    script = "import zkhost.methods as m; print(m.FACTORS_ID, m.SHA256_ID, m.ECHO_ID, m.ML_ID)"
    for command in (["zkhost", "--version"], ["python", "-c", script]):
        assert run(installed, tmp_path, *command) == run(verifier, tmp_path, *command)


def test_the_small_one_verifies_from_the_shell(verifier: Path, tmp_path: Path) -> None:
    shutil.copy(FACTORS, tmp_path)
    run(verifier, tmp_path, "zkhost", "verify", "factors.bincode", "--image-id", FACTORS_ID)


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
