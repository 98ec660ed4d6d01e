"""The library of zkhost-verify without dev mode, as docs/how-to/verify.md builds it, loaded by the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import zkhost

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
FACTORS = ROOT / "tests/unit/receipt/factors.bincode"
BUILD = """
. tools/env.sh
export RISC0_SKIP_BUILD=1
cargo rustc --profile verify --locked --quiet -p zkhost-shim --lib --crate-type cdylib --no-default-features --features disable-dev-mode
ls "$CARGO_TARGET_DIR"/verify/libzkhost_shim.{so,dylib} 2>/dev/null || true
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the small library in place of its own; gives the folder to import from."""
    environment = {name: value for name, value in os.environ.items() if name not in ("CARGO_TARGET_DIR", "RUSTFLAGS")}
    done = subprocess.run(["bash", "-c", BUILD], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(Path(zkhost.__file__).parent, folder / "zkhost", ignore=shutil.ignore_patterns("__pycache__"))
    (library,) = (path for path in (folder / "zkhost/_native").iterdir() if path.suffix in {".so", ".dylib", ".dll"})
    shutil.copy(done.stdout.split()[0], library)
    return folder


def run(package: Path, program: str, **variables: str) -> Any:
    """What the program puts into `found`, run with the copy and, of zkhost's and risc0's variables, with these only."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RISC0_", "BONSAI_", "ZKHOST_"))}
    kept |= {"ZKHOST_CACHE": os.environ["ZKHOST_CACHE"]} if "ZKHOST_CACHE" in os.environ else {}
    head = "import json\nfrom pathlib import Path\nimport zkhost\nfrom zkhost import _shim, errors, methods\n"
    tail = "\nprint(json.dumps([zkhost.__file__, found]))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + program + tail],
        cwd=package,
        env={**kept, **variables, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    file, found = json.loads(done.stdout)
    assert Path(file).is_relative_to(package)
    return found


REFUSED = """
def refused(work, *args, **kwargs):
    try:
        work(*args, **kwargs)
    except errors.ZkhostError as error:
        return [type(error).__name__, error.message, error.hint]
    return None
"""


def test_it_verifies_and_computes_image_ids(package: Path) -> None:
    program = f"""
receipt = zkhost.Receipt.load({str(FACTORS)!r})
receipt.verify(receipt.claim.pre)
image_id = zkhost.compute_image_id(methods.FACTORS_ELF)
found = [list(_shim.build_info()["features"]), image_id == methods.FACTORS_ID]
"""
    assert run(package, program) == [["disable-dev-mode"], True]


def test_the_prover_is_r0vm_and_the_other_one_says_how_to_get_it(package: Path) -> None:
    program = """
from zkhost.provers.local import LocalProver
env = zkhost.ExecutorEnv.builder().write_slice(bytes([17, *[0] * 7, 23, *[0] * 7])).build()
session = zkhost.default_executor().execute(env, methods.FACTORS_ELF)
found = [zkhost.default_prover().info.name, int.from_bytes(session.journal.bytes, "little"), refused(LocalProver),
         refused(_shim.call, "execute", {})]
"""
    name, product, local, raw = run(package, REFUSED + program)
    assert (name, product) == ("ipc", 391)
    assert (local[0], raw[0]) == ("ProverUnavailableError", "UnsupportedError")
    assert "no in-process prover" in local[1]
    assert '"execute" needs the in-process prover' in raw[1]
    for hint in (local[2], raw[2]):
        assert "install zkhost in place of zkhost-verify" in hint
        assert "RISC0_PROVER=ipc" in hint


def test_dev_mode_is_refused(package: Path, tmp_path: Path) -> None:
    fake = tmp_path / "fake.bincode"
    env = "env = zkhost.ExecutorEnv.builder().write_slice(bytes(16)).build()\n"
    make = "receipt = zkhost.default_prover().prove(env, methods.FACTORS_ELF).receipt\n"
    subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            f"import zkhost\nfrom zkhost import methods\n{env}{make}receipt.dump({str(fake)!r})",
        ],
        env=os.environ | {"RISC0_DEV_MODE": "1", "RISC0_PROVER": "local"},
        check=True,
    )
    program = f"""
prover = zkhost.default_prover()
real, fake = zkhost.Receipt.load({str(FACTORS)!r}), zkhost.Receipt.load({str(fake)!r})
smaller = {{"server": {{"r0vm": prover.info.where}}, "receipt": real.to_bytes(), "kind": "succinct"}}
found = [refused(prover.prove, env, methods.FACTORS_ELF), refused(_shim.call, "ipc_compress", smaller),
         refused(fake.verify, fake.claim.pre, allow_fake=True), refused(real.verify, real.claim.pre)]
"""
    prove, compress, verify, real = run(package, REFUSED + env + program, RISC0_DEV_MODE="1")
    for refusal in (prove, compress):
        assert refusal == [
            "ConfigError",
            "this build makes no fake receipts (feature disable-dev-mode)",
            "unset RISC0_DEV_MODE",
        ]
    assert verify[0] == "FakeReceiptError"
    assert "disable-dev-mode" in verify[2]
    assert real is None
