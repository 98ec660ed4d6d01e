"""Programs of this repository's Rust workspaces that tests run, built if need be."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def built(commands: str) -> Path:
    """Run shell commands behind tools/env.sh that end with a build, and return the target folder that they leave chosen."""
    env = {name: value for name, value in os.environ.items() if name not in ("CARGO_TARGET_DIR", "RUSTFLAGS")}
    script = f'. tools/env.sh && {commands} && echo "$CARGO_TARGET_DIR"'
    target = subprocess.run(["bash", "-c", script], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return Path(target.stdout.strip())
