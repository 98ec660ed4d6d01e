"""Estimates: the segment size chosen, memory, time, what is refused; on made-up runs and on bundled guests."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import zkhost
from zkhost._cancel import CancelToken
from zkhost.cli.main import cli
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import (
    CancelledError,
    FaultReason,
    GuestExitError,
    GuestFaultError,
    HostIOError,
    OutOfMemoryError,
    UnsupportedError,
)
from zkhost.methods import FACTORS_ELF, FACTORS_PATH, SHA256_ELF, SHA256_PATH
from zkhost.provers.arguments import Program
from zkhost.provers.planning import available_memory, calibration
from zkhost.session import ExitCode, Journal, OnProgress, Phase, Progress, SegmentInfo, SessionInfo

GB = 10**9


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZKHOST_CALIBRATION", str(tmp_path / "calibration.json"))
    for name in ("RISC0_PROVER", "RISC0_EXECUTOR", "RISC0_SERVER_PATH", "BONSAI_API_URL", "RISC0_DEV_MODE"):
        monkeypatch.delenv(name, raising=False)


class MadeUp(zkhost.Executor):
    """An executor whose runs have the segments that `sizes` says for a limit; None: the limit is too small."""

    name = "made up"

    def __init__(
        self, sizes: Callable[[int], list[int] | None], *, code: int = 0, keccaks: tuple[int, ...] = ()
    ) -> None:
        self.sizes, self.code, self.keccaks = sizes, code, keccaks
        self.limits: list[int] = []
        self.told = 0

    def execute(
        self,
        env: ExecutorEnv,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        cancel: CancelToken | None = None,
    ) -> SessionInfo:
        assert env.segment_limit_po2 is not None
        self.limits.append(env.segment_limit_po2)
        sizes = self.sizes(env.segment_limit_po2)
        if sizes is None:
            raise GuestFaultError("segment limit (8192) too small for instruction", reason=FaultReason.SEGMENT_LIMIT)
        for done in range(1, len(sizes) + 1):
            self.told += 1
            if on_progress is not None:
                try:
                    on_progress(Progress(Phase.EXECUTE, done))
                except Exception as error:  # as the native library does
                    raise HostIOError("the host's own code failed") from error
        segments = tuple(SegmentInfo(index, po2, 1) for index, po2 in enumerate(sizes))
        return SessionInfo(
            ExitCode.halted(self.code), Journal(b""), 1234, None, None, None, segments, 0.0, keccak_po2s=self.keccaks
        )


def even(limit: int) -> list[int]:
    """A run of 2**20 rows that splits without loss."""
    return [limit] * (1 << (20 - limit))


def estimate(executor: MadeUp, memory_bytes: int = 64 * GB, env: ExecutorEnv | None = None) -> zkhost.Estimate:
    return zkhost.estimate(env, b"program", executor=executor, memory_bytes=memory_bytes)


def test_the_smallest_of_equally_quick_sizes() -> None:
    found = estimate(MadeUp(even))
    assert found.best.segment_limit_po2 == 14
    assert [option.segment_limit_po2 for option in found.options] == [20, 19, 18, 17, 16, 15, 14]
    assert (found.user_cycles, found.best.segments, found.best.rows) == (1234, 64, 1 << 20)
    assert {option.time_s for option in found.options} == {192.0}
    assert [round(option.memory_bytes / GB, 2) for option in found.options] == [9.6, 4.8, 2.4, 1.2, 0.6, 0.3, 0.15]
    assert not found.calibrated
    assert not found.best.measured


def paging(limit: int) -> list[int]:
    """Every step down makes paging cost more; at 16 it drowns."""
    return {20: [20], 19: [19, 19], 18: [18] * 5, 17: [17] * 14}.get(limit, [limit] * 100_000)


def test_a_limit_that_drowns_in_paging_is_given_up_early() -> None:
    executor = MadeUp(paging)
    found = estimate(executor)
    assert found.best.segment_limit_po2 == 19
    assert executor.limits == [20, 19, 18, 17, 16]
    assert executor.told < 100, "most of the 100,000 segments were never waited for"


def test_what_fits_is_quickest_though_it_drowns_a_little() -> None:
    assert estimate(MadeUp(paging), 2 * GB).best.segment_limit_po2 == 17


def test_nothing_fits() -> None:
    executor = MadeUp(paging)
    with pytest.raises(OutOfMemoryError, match=r"needs 1.2 GB with segment_limit_po2 17, and 0.7 GB") as caught:
        estimate(executor, GB * 7 // 10)
    assert caught.value.segment_limit_po2 == 17
    assert executor.told < 1000


def test_too_small_a_limit_for_the_guest_is_no_option() -> None:
    executor = MadeUp(lambda limit: None if limit < 16 else even(limit))
    assert estimate(executor).best.segment_limit_po2 == 16
    assert executor.limits[-1] == 15


def test_a_small_run_is_not_tried_with_every_large_limit() -> None:
    executor = MadeUp(lambda limit: [15] if limit > 15 else [limit] * 50)
    assert estimate(executor).best.segment_limit_po2 == 16
    assert executor.limits == [20, 16, 15]


def test_a_limit_that_is_set_is_taken() -> None:
    env = ExecutorEnv.builder().segment_limit_po2(18).build()
    executor = MadeUp(paging)
    assert estimate(executor, env=env).fits
    found = estimate(executor, GB, env)
    assert (found.best.segment_limit_po2, found.fits, executor.limits) == (18, False, [18, 18])


def test_keccak_batches_are_proved_too() -> None:
    found = estimate(MadeUp(lambda limit: [15], keccaks=(17, 16)))
    assert found.best.rows == (1 << 15) + (1 << 17) + (1 << 16)
    assert (found.best.memory_bytes, found.best.time_s) == (1.2 * GB, 6 + 24 + 12)


def test_times_of_this_machine() -> None:
    calibration.record("local", {20: [100.0], 19: [51.0]})
    calibration.record("ipc", {20: [7.0]})
    found = estimate(MadeUp(paging))
    assert (found.prover, found.calibrated) == ("local", True)
    assert (found.best.segment_limit_po2, found.best.time_s, found.best.measured) == (19, 102.0, True)
    assert [option.measured for option in found.options] == [True, True, False, False]
    assert zkhost.estimate(None, b"", executor=MadeUp(lambda _: [20]), prover="ipc").options[0].time_s == 7.0


def test_what_cannot_be_estimated() -> None:
    with pytest.raises(GuestExitError, match=r"Halted\(3\)"):
        estimate(MadeUp(even, code=3))
    with pytest.raises(UnsupportedError, match="a stream can be read only once"):
        estimate(MadeUp(even), env=ExecutorEnv.builder().stdin(io.BytesIO(b"x")).build())


def test_a_real_guest_that_drowns_at_15() -> None:
    env = ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()
    found = zkhost.estimate(env, FACTORS_ELF, memory_bytes=GB)
    assert (found.best.segment_limit_po2, found.best.segments, found.best.largest_po2) == (16, 1, 15)
    assert found.best.paging_cycles
    assert found.best.paging_cycles > 4 * found.user_cycles
    small = zkhost.estimate(env, FACTORS_ELF, memory_bytes=GB // 5)
    assert (small.best.segment_limit_po2, small.best.segments > 1) == (14, True)


def test_a_guest_object_and_its_input_and_silence(capfd: pytest.CaptureFixture[str]) -> None:
    out = io.BytesIO()
    env = ExecutorEnv.builder().write_slice(bytes(100_000)).stdout(out).build()
    found = zkhost.Guest(SHA256_ELF).estimate(env)
    run = zkhost.default_executor().execute(ExecutorEnv.builder().write_slice(bytes(100_000)).build(), SHA256_ELF)
    assert (found.best.segments, found.user_cycles) == (2, run.user_cycles)
    assert (out.getvalue(), capfd.readouterr().out) == (b"", "")


def test_cancelling() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        zkhost.estimate(None, SHA256_ELF, cancel=token)


@pytest.fixture
def input_file(tmp_path: Path) -> str:
    (tmp_path / "in.bin").write_bytes(bytes(100_000))
    return str(tmp_path / "in.bin")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["prove", *arguments])


def test_the_command(input_file: str) -> None:
    shown = run(str(SHA256_PATH), "--input", input_file, "--estimate")
    assert shown.exit_code == 0, shown.output
    assert "best with --segment-limit-po2 17" in shown.stdout
    assert "not measured here" in shown.stdout
    assert "<- best" in shown.stdout
    given = run(str(SHA256_PATH), "--input", input_file, "--estimate", "--segment-limit-po2", "18", "--json")
    found = json.loads(given.stdout)
    assert (found["best"]["segment_limit_po2"], len(found["options"]), found["calibrated"]) == (18, 1, False)
    calibration.record("local", {17: [31.0]})
    assert "(as measured here)" in run(str(SHA256_PATH), "--input", input_file, "--estimate").stdout


def test_the_commands_errors(tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text("{}\n")
    both = run(str(FACTORS_PATH), "--estimate", "--inputs", str(tmp_path / "lines.jsonl"))
    assert (both.exit_code, "--estimate is for one proof" in both.output) == (2, True)
    assert not (tmp_path / "receipt.zkr").exists()


def test_available_memory_is_what_the_control_group_leaves(tmp_path: Path) -> None:
    def write(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    write("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable:    4000000 kB\n")
    assert available_memory.available_bytes(tmp_path) == 4_096_000_000
    write("proc/self/cgroup", "0::/user/job\n")
    group = "sys/fs/cgroup/user"
    for name, text in (("max", "3000000000"), ("current", "1500000000"), ("stat", "anon 1\ninactive_file 500000000\n")):
        write(f"{group}/memory.{name}", text)
    assert available_memory.available_bytes(tmp_path) == 2_000_000_000
    for name, text in (("max", "max"), ("current", "1500000000"), ("stat", "anon 1\n")):
        write(f"{group}/job/memory.{name}", text)
    assert available_memory.available_bytes(tmp_path) == 2_000_000_000
    assert available_memory.available_bytes(tmp_path / "nowhere") > 10_000_000
    assert available_memory.available_bytes() > 10_000_000
