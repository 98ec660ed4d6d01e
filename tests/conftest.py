"""What all tests share: the guests they run, and one real proof."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from zkhost.environment.executor_env import ExecutorEnv
from zkhost.provers.local import LocalProver
from zkhost.provers.options import ProveInfo
from zkhost.testing.prover_suite import build_guests

# A shell starts what runs in the background with Ctrl-C ignored; the tests of Ctrl-C need it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes, or drawing it, says how busy the machine is, and nothing about the code.
settings.register_profile("zkhost", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("zkhost")


ROOT = Path(__file__).parents[1]
GUEST_METHODS = ROOT / "guest-methods"

# Where the servers of the packed format's reference are built from, unless built ones are named.
os.environ.setdefault("ZKHOST_ORACLES", str(ROOT / "tests" / "oracle"))


@pytest.fixture(scope="session", autouse=True)
def calibration_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What tests prove, at whatever speed, says nothing about this machine's."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("calibration") / "calibration.json"
        patch.setenv("ZKHOST_CALIBRATION", str(path))
        yield path


@pytest.fixture(scope="session")
def guests() -> Mapping[str, bytes]:
    """The program binaries of guest-methods/test-guests and of the bundled guests, by name. Built if need be."""
    return build_guests(GUEST_METHODS)


def factors_env() -> ExecutorEnv:
    """The input of the guest `factors`: 17 and 23, whose product is 391."""
    return ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()


@pytest.fixture(scope="session")
def proof(guests: Mapping[str, bytes]) -> ProveInfo:
    """A real composite proof of `factors`; made once."""
    return LocalProver().prove(factors_env(), guests["factors"])
