"""What codegen prints is what rustfmt would print."""

from __future__ import annotations

import subprocess
from difflib import unified_diff

from hypothesis import HealthCheck, Phase, given, settings

from zkhost.contract.model import Module
from zkhost.contract.rust_source import item_source

from .strategies import modules


def rustfmt(source: str) -> str:
    done = subprocess.run(["rustfmt", "--edition", "2021"], input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + source
    return done.stdout


# A run of rustfmt takes too long to shrink with: the differing line says enough.
@settings(max_examples=40, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(modules())
def test_rustfmt_changes_nothing(module: Module) -> None:
    source = "\n\n".join(item_source(item, ["Clone", "Debug"]) for item in module.items) + "\n"
    assert list(unified_diff(source.splitlines(), rustfmt(source).splitlines(), "ours", "rustfmt")) == []
