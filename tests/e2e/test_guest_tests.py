"""`zkhost test` on a real package: cargo's harness in the zkVM's executor."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from zkhost.cli.main import cli

pytestmark = pytest.mark.slow

PACKAGE = Path(__file__).parent / "guest_with_tests"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, copied so that its target folder does not stay in the checkout."""
    return Path(shutil.copytree(PACKAGE, tmp_path_factory.mktemp("tests") / "package", ignore=_built))


def _built(_: str, names: list[str]) -> set[str]:
    return {"target"} & set(names)


@pytest.mark.timeout(1800)
def test_each_test_runs_in_the_zkvm_with_its_cycles(package: Path) -> None:
    result = CliRunner().invoke(cli, ["test", str(package), "--json"], catch_exceptions=False)
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)
    tests = {test["name"].removeprefix("tests::"): test for test in report["tests"]}
    assert {name: test["outcome"] for name, test in tests.items()} == {
        "of_two_numbers": "ok",
        "is_in_the_zkvm": "ok",
        "is_wrong": "FAILED",
        "of_nothing": "ignored",
        "takes_long": "ignored",
    }
    (harness,) = report["harness_cycles"].values()
    assert tests["of_two_numbers"]["user_cycles"] > harness > 0
    assert "printed by the test" in tests["is_in_the_zkvm"]["output"]
    assert "on purpose" in tests["is_wrong"]["message"]
    assert tests["is_wrong"]["kind"] == "bin"
    assert "should_panic" in tests["of_nothing"]["message"]


@pytest.mark.timeout(1800)
def test_one_line_a_test(package: Path) -> None:
    result = CliRunner().invoke(cli, ["test", str(package), "of_two"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any("ok" in line and "cycles  tests::of_two_numbers" in line for line in lines)
    assert "1 passed, 0 failed, 0 ignored" in lines[-1]


@pytest.mark.timeout(1800)
def test_an_ignored_test_runs_when_asked_for(package: Path) -> None:
    args = ["test", str(package), "tests::takes_long", "--exact", "--include-ignored", "--json"]
    (test,) = json.loads(CliRunner().invoke(cli, args, catch_exceptions=False).stdout)["tests"]
    assert test["outcome"] == "ok"
    assert test["user_cycles"] > 100_000
