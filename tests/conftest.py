"""What all tests share: the guests they run, and one real proof."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from zkhost import _shim
from zkhost.executor_env import ExecutorEnv
from zkhost.provers.base import ProveInfo
from zkhost.provers.local import LocalProver

ROOT = Path(__file__).parents[1]

# A shell starts what runs in the background with Ctrl-C ignored; the tests of Ctrl-C need it.
signal.signal(signal.SIGINT, signal.default_int_handler)


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
    built: dict[str, bytes] = {}
    for package in ("guests", "test-guests"):
        request = {"package": str(ROOT / "guest-methods" / package)}
        report = _shim.call("build_guests", request, _shim.Host(writers={2: lambda _: None}))
        built |= {guest["name"]: Path(guest["program"]).read_bytes() for guest in report["guests"]}
    return built


def factors_env() -> ExecutorEnv:
    """The input of the guest `factors`: 17 and 23, whose product is 391."""
    return ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()


@pytest.fixture(scope="session")
def proof(guests: Mapping[str, bytes]) -> ProveInfo:
    """A real composite proof of `factors`; made once."""
    return LocalProver().prove(factors_env(), guests["factors"])
