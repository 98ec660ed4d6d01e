"""The tutorial, from its first line to its last, as a reader would type it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.mark.prove
@pytest.mark.slow
def test_every_step_of_the_tutorial_works(tmp_path: Path) -> None:
    script = ["set -euo pipefail"]
    for language, title, body in BLOCK.findall(TUTORIAL.read_text()):
        if language == "console":
            script += [line.removeprefix("$ ") for line in body.splitlines()]
        else:
            assert title, f"a {language} block without a file name"
            script += [f"cat > {title} <<'END_OF_FILE'", body.rstrip("\n"), "END_OF_FILE"]
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for variable in ("RISC0_PROVER", "RISC0_DEV_MODE", "RISC0_SERVER_PATH", "BONSAI_API_URL", "BONSAI_API_KEY"):
        env.pop(variable, None)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "391 in " in done.stdout
    assert "refused: " in done.stdout
    assert "I know the factors of 391, and I can prove it!" in done.stdout
    assert "verified: a composite receipt of program " in done.stdout
    assert "proved: 8701000000000000" in done.stdout
