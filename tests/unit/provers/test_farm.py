"""Jobs on machines that vanish: bounded, retried, doubled, cancelled; and a whole proof spread over them."""

from __future__ import annotations

import asyncio
import functools
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from zkhost.errors import (
    CancelledError,
    GuestPanicError,
    ProverUnavailableError,
    RecursionUnavailableError,
    WorkerLostError,
)
from zkhost.provers.dask.farm import Farm, FarmTask
from zkhost.provers.dask.spread import OnJob, Spread
from zkhost.provers.storage.checkpoint import SegmentStore
from zkhost.provers.storage.request_key import RequestKey

TRIES = 8


class Token:
    cancelled = False


@dataclass
class FakeHandle:
    answer: asyncio.Task[bytes]
    where: str
    place: str | None = None

    async def result(self) -> bytes:
        try:
            return await asyncio.shield(self.answer)
        except Exception:
            self.place = self.where
            raise

    async def find(self) -> str | None:
        return self.where

    async def cancel(self) -> None:
        self.answer.cancel()


@dataclass
class FakePool:
    """Machines m0, m1, ... in turn; `work` says what a job does there."""

    work: Callable[[str, str, tuple[bytes, ...]], Any]
    machines: int = 4
    running: int = 0
    most: int = 0
    started: list[tuple[str, str]] = field(default_factory=list)

    async def slots(self) -> int:
        return self.machines

    def start(self, job: FarmTask, inputs: tuple[bytes, ...], avoid: frozenset[str]) -> FakeHandle:
        everywhere = [f"m{number}" for number in range(max(1, self.machines))]
        names = [name for name in everywhere if name not in avoid] or everywhere
        where = names[len(self.started) % len(names)]
        self.started.append((job.name, where))
        return FakeHandle(asyncio.ensure_future(self._run(where, job, inputs)), where)

    async def _run(self, where: str, job: FarmTask, inputs: tuple[bytes, ...]) -> bytes:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            answer: bytes = await self.work(where, job.operation, inputs)
            return answer
        finally:
            self.running -= 1


def numbered(number: int) -> tuple[bytes, ...]:
    return (b"%d" % number,)


def run_jobs(farm: Farm, count: int) -> list[bytes]:
    """Runs jobs 0..count-1, whose input is their number."""
    got: list[bytes] = []

    async def accept(answer: bytes) -> None:
        got.append(answer)

    async def main() -> None:
        async with farm, asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(
                    farm.run(FarmTask(f"job {number}", "prove", functools.partial(numbered, number)), accept)
                )

    asyncio.run(main())
    return got


async def quick(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
    await asyncio.sleep(0.001)
    return inputs[0]


def test_a_job_that_failed_everywhere_is_tried_again_where_it_failed() -> None:
    failed: set[str] = set()

    async def fails_once_on_each(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        if where not in failed:
            failed.add(where)
            raise OSError(f"{where} is gone")
        return inputs[0]

    pool = FakePool(fails_once_on_each, machines=4)
    farm = Farm(pool, tries=8)
    assert run_jobs(farm, 1) == [b"0"]
    assert len(failed) == farm.stats.lost == 4
    assert farm.stats.started == 5


def test_all_jobs_are_done_and_no_more_in_flight_than_asked() -> None:
    pool = FakePool(quick, machines=10)
    farm = Farm(pool, max_in_flight=7, slow_factor=math.inf)
    assert sorted(map(int, run_jobs(farm, 200))) == list(range(200))
    assert pool.most <= 7
    assert farm.stats.most_in_flight == 7
    assert farm.stats.started == farm.stats.done == 200


def test_jobs_are_loaded_when_their_turn_comes() -> None:
    loaded: list[int] = []

    def load(number: int) -> tuple[bytes, ...]:
        loaded.append(number)
        return (b"x",)

    pool = FakePool(quick, machines=2)
    farm = Farm(pool, ahead=1.0)
    most_waiting = 0

    async def accept(answer: bytes) -> None:
        nonlocal most_waiting
        most_waiting = max(most_waiting, len(loaded) - farm.stats.done)

    async def main() -> None:
        async with farm, asyncio.TaskGroup() as group:
            for number in range(50):
                task = FarmTask(f"job {number}", "prove", functools.partial(load, number))
                group.create_task(farm.run(task, accept))

    asyncio.run(main())
    assert most_waiting <= 2


def test_a_lost_job_is_tried_elsewhere() -> None:
    async def work(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        if where == "m0":
            raise ConnectionError("gone")
        return await quick(where, operation, inputs)

    pool = FakePool(work)
    farm = Farm(pool)
    assert len(run_jobs(farm, 40)) == 40
    assert farm.stats.lost > 0
    for name, where in pool.started:
        assert sum(other == name and place == "m0" for other, place in pool.started) <= 1, (name, where)


def test_a_job_that_always_fails_names_the_reason() -> None:
    async def work(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        raise ValueError("bad silicon")

    with pytest.raises(ExceptionGroup) as caught:
        run_jobs(Farm(FakePool(work), tries=3), 1)
    lost = caught.value.exceptions[0]
    assert isinstance(lost, WorkerLostError)
    assert (lost.job, lost.attempts) == ("job 0", 3)
    assert "bad silicon" in str(lost)


def test_what_every_machine_lacks_is_not_tried_again() -> None:
    async def work(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        raise RecursionUnavailableError("no programs")

    pool = FakePool(work)
    with pytest.raises(ExceptionGroup):
        run_jobs(Farm(pool), 1)
    assert len(pool.started) == 1


def test_a_straggler_is_overtaken() -> None:
    async def work(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        if where == "m1" and inputs[0] == b"1":
            await asyncio.sleep(60)
        await asyncio.sleep(0.01)
        return inputs[0]

    pool = FakePool(work)
    farm = Farm(pool)
    start = time.monotonic()
    assert len(run_jobs(farm, 12)) == 12
    assert time.monotonic() - start < 10
    assert farm.stats.doubled >= 1
    assert pool.running == 0, "the slow copy is given up"


def test_refused_answers_are_lost_jobs() -> None:
    refused = 0
    farm = Farm(FakePool(quick))

    async def accept(answer: bytes) -> None:
        nonlocal refused
        if refused < 2:
            refused += 1
            raise ValueError("does not verify")

    async def main() -> None:
        async with farm:
            await farm.run(FarmTask("job", "prove", lambda: (b"x",)), accept)

    asyncio.run(main())
    assert (farm.stats.started, farm.stats.lost) == (3, 2)


# A whole proof: segments are spans of numbers, a join checks that its parts touch.


async def prove_spans(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
    await asyncio.sleep(random.random() * 0.002)
    if operation == "join":
        (a, b), (c, d) = ([int(part) for part in one.split(b"-")] for one in inputs)
        assert b == c, "only neighbours are joined"
        return b"%d-%d" % (a, d)
    number = int(inputs[0])
    return b"%d-%d" % (number, number + 1)


def unreliable() -> Callable[[str, str, tuple[bytes, ...]], Any]:
    """Loses a fifth of the jobs, none so often that it is given up."""
    lost: Counter[tuple[str, tuple[bytes, ...]]] = Counter()

    async def work(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        if random.random() < 0.2 and lost[operation, inputs] < TRIES - 1:
            lost[operation, inputs] += 1
            raise ConnectionError("gone")
        return await prove_spans(where, operation, inputs)

    return work


def executing(count: int, fail_at: int | None = None) -> Callable[[Path, OnJob], Mapping[str, Any]]:
    def execute(spool: Path, on_job: OnJob) -> Mapping[str, Any]:
        for index in range(count):
            if index == fail_at:
                raise GuestPanicError("the guest panicked")
            (spool / f"{index}.bincode").write_bytes(b"%d" % index)
            on_job("segment", index)
        return {"segments": count}

    return execute


def spread(store: SegmentStore, pool: FakePool, count: int, *, succinct: bool = True, **options: Any) -> Spread:
    proof = Spread(
        store,
        Farm(pool, tries=TRIES, slow_factor=math.inf),
        lambda operation, receipt: None,
        succinct=succinct,
        **options,
    )
    asyncio.run(proof.run(executing(count), Token()))
    return proof


@pytest.mark.parametrize("count", [1, 2, 3, 8, 57])
@pytest.mark.parametrize("reliable", [True, False])
def test_a_proof_is_joined_into_one(count: int, reliable: bool) -> None:
    with SegmentStore.temporary() as store:
        proof = spread(store, FakePool(prove_spans if reliable else unreliable()), count)
        assert proof.root() == b"0-%d" % count


def test_composite_pieces_are_all_proved_and_told() -> None:
    told: list[tuple[int, int | None]] = []
    with SegmentStore.temporary() as store:
        spread(store, FakePool(unreliable()), 30, succinct=False, on_done=lambda *now: told.append(now))
        assert store.missing() == []
        assert [store.receipt(job) for job in store.jobs] == [b"%d-%d" % (n, n + 1) for n in range(30)]
    assert told[-1] == (30, 30)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_checkpoint_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    key = RequestKey.of({"input": b""}, image_id=bytes(32), receipt_kind="succinct", risc0_version="3.0.6")
    made = 0

    async def dying(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        nonlocal made
        made += 1
        if made > 20:
            raise RecursionUnavailableError("power cut")
        return await prove_spans(where, operation, inputs)

    with SegmentStore.durable(tmp_path, key) as store, suppress(RecursionUnavailableError):
        spread(store, FakePool(dying), 16)
    with SegmentStore.durable(tmp_path, key) as store:
        pool = FakePool(prove_spans)
        proof = spread(store, pool, 16)
        assert proof.root() == b"0-16"
    assert made + len(pool.started) <= 31 + 8, "at most what was in flight is done twice"


def test_a_guest_that_panics_ends_the_proof() -> None:
    pool = FakePool(prove_spans)
    with SegmentStore.temporary() as store:
        proof = Spread(store, Farm(pool), lambda operation, receipt: None)
        with pytest.raises(GuestPanicError):
            asyncio.run(proof.run(executing(10, fail_at=5), Token()))
    assert pool.running == 0


def test_cancelling_ends_the_proof() -> None:
    async def slow(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        token.cancelled = True
        await asyncio.sleep(60)
        return b""

    token, pool = Token(), FakePool(slow)
    start = time.monotonic()
    with SegmentStore.temporary() as store, pytest.raises(CancelledError):
        asyncio.run(Spread(store, Farm(pool), lambda operation, receipt: None).run(executing(5), token))
    assert time.monotonic() - start < 10
    assert pool.running == 0


def test_pieces_that_come_after_the_end_are_dropped() -> None:
    """The guest runs in a thread, which notices the end of its proof only later."""

    async def refused(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        raise RecursionUnavailableError("no programs")

    def slowly(spool: Path, on_job: OnJob) -> Mapping[str, Any]:
        for index in range(30):
            (spool / f"{index}.bincode").write_bytes(b"%d" % index)
            on_job("segment", index)
            time.sleep(0.01)
        return {}

    complaints: list[dict[str, Any]] = []

    async def main(store: SegmentStore) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
        await Spread(store, Farm(pool), lambda operation, receipt: None).run(slowly, Token())

    pool = FakePool(refused)
    with SegmentStore.temporary() as store, pytest.raises(RecursionUnavailableError):
        asyncio.run(main(store))
    assert complaints == []
    assert len(pool.started) < 30


def test_a_cluster_without_workers_is_not_waited_for_for_ever() -> None:
    async def never(where: str, operation: str, inputs: tuple[bytes, ...]) -> bytes:
        await asyncio.sleep(60)
        return b""

    with SegmentStore.temporary() as store:
        proof = Spread(store, Farm(FakePool(never, machines=0)), lambda operation, receipt: None, starve_s=0.5)
        with pytest.raises(ProverUnavailableError, match="no worker"):
            asyncio.run(proof.run(executing(5), Token()))
