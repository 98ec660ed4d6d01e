"""What a checkpoint costs, and what a kill -9 loses.

    python tests/bench/bench_checkpoint.py PROGRAM [--cycles 10000] [--po2 14] [--kills 10] [--real]

PROGRAM is the program binary of the test guest `burn`: 8 segments with these numbers. It is proved once plain, once
with a checkpoint; then recorded receipts and times take the place of proving, and a process is killed at --kills random
points, each time in a fresh copy of the checkpoint, and run again. With --real the kills hit one real proof, one after
the other. Work is counted in segments begun.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zkhost._cancel import CancelToken
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.provers.engine.isolated import IsolatedWorker
from zkhost.provers.engine.segment_run import ProofRequest, SegmentRun
from zkhost.provers.engine.worker import InProcessWorker
from zkhost.provers.local import LocalProver
from zkhost.provers.options import ProveInfo
from zkhost.provers.storage.checkpoint import ProofJob, SegmentStore


class Recorder(InProcessWorker):
    """Proves with another worker; prints when, and records receipts and times by job."""

    def __init__(self, worker: Any) -> None:
        self.worker = worker
        self.record: dict[str, tuple[bytes, float]] = {}

    def prove_job(self, job: ProofJob, path: Path, cancel: CancelToken) -> bytes:
        print(f"begin {job.index}", flush=True)
        start = time.monotonic()
        receipt: bytes = self.worker.prove_job(job, path, cancel)
        self.record[job.digest] = receipt, time.monotonic() - start
        return receipt


class Replay:
    """Sleeps as long as a recorded proof took, times `speed`, and gives its receipt."""

    def __init__(self, record: dict[str, tuple[bytes, float]], speed: float) -> None:
        self.record, self.speed = record, speed

    def prove_job(self, job: ProofJob, path: Path, cancel: CancelToken) -> bytes:
        receipt, seconds = self.record[job.digest]
        time.sleep(seconds * self.speed)
        return receipt


def prove(worker: InProcessWorker, env: ExecutorEnv, program: bytes, checkpoint: Path) -> ProveInfo:
    """As LocalProver.prove does, with another worker."""

    class Prover(LocalProver):
        @contextlib.contextmanager
        def run(self, request: ProofRequest, store: SegmentStore) -> Iterator[SegmentRun]:
            yield SegmentRun(request, worker, store)

    return Prover().prove(env, program, checkpoint=checkpoint)


def drive(args: argparse.Namespace) -> None:
    """The process that is killed."""
    env, program = setting(args)
    if args.record:
        record = pickle.loads(Path(args.record).read_bytes())
        prove(Recorder(Replay(record, args.speed)), env, program, Path(args.checkpoint))
    else:
        with IsolatedWorker() as worker:
            prove(Recorder(worker), env, program, Path(args.checkpoint))
    print("verified", flush=True)


def setting(args: argparse.Namespace) -> tuple[ExecutorEnv, bytes]:
    env = ExecutorEnv.builder().write_slice(args.cycles.to_bytes(8, "little")).segment_limit_po2(args.po2).build()
    return env, Path(args.program).read_bytes()


def run(args: argparse.Namespace, checkpoint: Path, extra: list[str], kill_after_s: float | None) -> tuple[int, bool]:
    """One process on a checkpoint, killed after a while or left to end: segments begun, whether it ended verified."""
    command = [sys.executable, __file__, args.program, "--checkpoint", str(checkpoint), *extra]
    command += ["--cycles", str(args.cycles), "--po2", str(args.po2), "--speed", str(args.speed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # the clock starts with the first segment
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            process.kill()
        lines = [first, *process.stdout]
    return sum(line.startswith("begin") for line in lines), lines[-1].strip() == "verified"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--po2", type=int, default=14)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--segment-s", type=float, default=1.0, help="how long a replayed segment takes on average")
    parser.add_argument("--speed", type=float, default=1.0, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--checkpoint")
    parser.add_argument("--record")
    args = parser.parse_args()
    if args.checkpoint:
        drive(args)
        return
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(args, Path(name)), indent=1))


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    env, program = setting(args)
    dice = random.Random(args.seed)
    start = time.monotonic()
    LocalProver().prove(env, program)
    plain_s = time.monotonic() - start

    recorder = Recorder(IsolatedWorker())
    before = folder / "before"
    start = time.monotonic()

    # A copy of the checkpoint as it is before the first segment is proved, to begin the kills from.
    original = recorder.prove_job

    def first(job: ProofJob, path: Path, cancel: CancelToken) -> bytes:
        if not before.exists():
            shutil.copytree(folder / "kept", before)
        return original(job, path, cancel)

    recorder.prove_job = first  # type: ignore[method-assign]
    prove(recorder, env, program, folder / "kept")
    kept_s = time.monotonic() - start
    recorder.worker.close()
    segments = len(recorder.record)
    proving_s = sum(seconds for _, seconds in recorder.record.values())
    args.speed = args.segment_s * segments / proving_s
    record = folder / "record"
    record.write_bytes(pickle.dumps(recorder.record))

    rows = []
    for kill in range(args.kills):
        copy = folder / f"kill-{kill}"
        shutil.copytree(before, copy)
        at = dice.uniform(0, proving_s * args.speed)
        extra = ["--record", str(record)]
        begun, _ = run(args, copy, extra, at)
        again, verified = run(args, copy, extra, None)
        at_segment = at / args.speed / proving_s * segments
        rows.append({"at_segment": at_segment, "extra": begun + again - segments, "ok": verified})
        shutil.rmtree(copy)
    result: dict[str, Any] = {
        "segments": segments,
        "plain_s": plain_s,
        "checkpoint_s": kept_s,
        "overhead_percent": 100 * (kept_s / plain_s - 1),
        "outside_proving_s": kept_s - proving_s,
        "replayed_kills": rows,
    }
    if args.real:
        result["real_kills"] = real_kills(args, folder / "real", dice, segments, proving_s / segments)
    return result


def real_kills(
    args: argparse.Namespace, folder: Path, dice: random.Random, segments: int, each_s: float
) -> dict[str, Any]:
    """One proof, killed again and again until it is done."""
    begun, kills, verified = 0, 0, False
    while not verified:
        at = None if kills == args.kills else dice.uniform(0.1, 1.9) * each_s * segments / args.kills
        count, verified = run(args, folder, [], at)
        begun, kills = begun + count, kills + (not verified)
    extra = (begun - segments) / max(1, kills)
    return {"kills": kills, "segments_begun": begun, "extra_a_kill": extra, "verified": verified}


if __name__ == "__main__":
    main()
