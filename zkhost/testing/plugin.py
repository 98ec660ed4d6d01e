"""The pytest plugin: guests in tests.

Fixtures: `zkhost_execute(program, *inputs)` runs a guest in the executor; `zkhost_prove(program, *inputs)` makes and
verifies a proof (in dev mode a fake one); `assert_cycles(session, name)` compares a run's user cycles with a stored
baseline. Marker: `zkhost_prove`, for tests that make real proofs; they run only with --zkhost-prove.

Baselines lie in `cycles.json` beside the test's file; --zkhost-update-cycles writes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.arguments import Program
    from zkhost.provers.options import ProveInfo
    from zkhost.session import SessionInfo

BASELINES = "cycles.json"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("zkhost")
    group.addoption("--zkhost-prove", action="store_true", help="run the tests that make real proofs")
    group.addoption("--zkhost-update-cycles", action="store_true", help="store the cycle counts seen as baselines")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "zkhost_prove: makes a real proof; runs only with --zkhost-prove")
    config.addinivalue_line("markers", "slow: takes more than a few seconds (of zkhost.testing.prover_suite)")
    config.addinivalue_line("markers", "prove: makes a real proof (of zkhost.testing.prover_suite)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--zkhost-prove"):
        return
    skip = pytest.mark.skip(reason="makes a real proof: run with --zkhost-prove")
    for item in items:
        if item.get_closest_marker("zkhost_prove"):
            item.add_marker(skip)


def environment(inputs: tuple[Any, ...]) -> ExecutorEnv:
    """Return a ready ExecutorEnv, or one with each input in turn: bytes unchanged, values in the standard format."""
    from zkhost.environment.executor_env import ExecutorEnv

    if len(inputs) == 1 and isinstance(inputs[0], ExecutorEnv):
        return inputs[0]
    builder = ExecutorEnv.builder()
    for value in inputs:
        builder = builder.write_slice(value) if isinstance(value, bytes | bytearray) else builder.write(value)
    return builder.build()


@pytest.fixture(scope="session")
def zkhost_execute() -> Callable[..., SessionInfo]:
    """`zkhost_execute(program, *inputs)`: the run of a guest without proof. `inputs` as for `environment`."""

    def execute(program: Program, *inputs: Any) -> SessionInfo:
        from zkhost.provers.select import default_executor

        return default_executor().execute(environment(inputs), program)

    return execute


@pytest.fixture(scope="session")
def zkhost_prove() -> Callable[..., ProveInfo]:
    """`zkhost_prove(program, *inputs)`: a verified receipt. Tests that use it need the marker `zkhost_prove`."""

    def prove(program: Program, *inputs: Any) -> ProveInfo:
        from zkhost.provers.select import default_prover

        return default_prover().prove(environment(inputs), program)

    return prove


@pytest.fixture
def assert_cycles(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`assert_cycles(session, name=None, tolerance=0.01)`: user cycles within a hundredth of the stored baseline.

    Fewer fail too, so that a gain is recorded and then kept. The name is the test's own by default.
    """
    path = Path(request.path).parent / BASELINES
    update = bool(request.config.getoption("--zkhost-update-cycles"))
    test = request.node.name

    def check(session: SessionInfo, name: str | None = None, tolerance: float = 0.01) -> None:
        __tracebackhide__ = True
        key = f"{Path(request.path).stem}::{name or test}"
        baselines: dict[str, int] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        found = session.user_cycles
        if update:
            baselines[key] = found
            path.write_text(json.dumps(dict(sorted(baselines.items())), indent=2) + "\n", "utf-8")
            return
        expected = baselines.get(key)
        again = f"run pytest with --zkhost-update-cycles to store it in {path.name}"
        if expected is None:
            pytest.fail(f"no baseline for {key}; it took {found:,} user cycles: {again}")
        if abs(found - expected) > tolerance * expected:
            change = 100 * (found - expected) / expected
            pytest.fail(f"{key} took {found:,} user cycles, {change:+.1f} % of the baseline {expected:,}: "
                        f"if that is right, {again}")  # fmt: skip

    return check
