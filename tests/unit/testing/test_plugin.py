"""The pytest plugin: fixtures, the marker, and cycle baselines that a change of cost fails against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zkhost.environment.executor_env import ExecutorEnv
from zkhost.testing.plugin import environment

pytest_plugins = ["pytester"]

CYCLES = """
class Run:
    def __init__(self, cycles):
        self.user_cycles = cycles

def test_cost(assert_cycles):
    assert_cycles(Run({cycles}))
    assert_cycles(Run(7000), "other", tolerance=0)
"""


def run(pytester: pytest.Pytester, *arguments: str) -> Any:
    """As in a user's project: pytest finds the plugin by the installed package's entry point."""
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


def test_cycles(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_cost=CYCLES.format(cycles=10_000))
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no baseline for test_cost::test_cost*10,000 user cycles*--zkhost-update-cycles*"])

    run(pytester, "--zkhost-update-cycles").assert_outcomes(passed=1)
    stored = json.loads(Path(pytester.path, "cycles.json").read_text("utf-8"))
    assert stored == {"test_cost::other": 7000, "test_cost::test_cost": 10_000}

    run(pytester).assert_outcomes(passed=1)
    for cycles, outcome in ((10_050, "passed"), (10_200, "failed"), (9_800, "failed")):
        pytester.makepyfile(test_cost=CYCLES.format(cycles=cycles))
        result = run(pytester)
        result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*took 9,800 user cycles, -2.0 % of the baseline 10,000*"])


def test_proofs_run_only_when_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.zkhost_prove
        def test_it(zkhost_prove, zkhost_execute):
            assert callable(zkhost_prove) and callable(zkhost_execute)
    """)
    run(pytester, "--strict-markers").assert_outcomes(skipped=1)
    run(pytester, "--strict-markers", "--zkhost-prove").assert_outcomes(passed=1)


def test_inputs() -> None:
    env = ExecutorEnv.builder().write_slice(b"abc").build()
    assert environment((env,)) is env
    assert environment((b"abc", b"d")).input == b"abcd"
    assert environment((True, b"x")).input == b"\1\0\0\0x"
    assert environment(()).input == b""
