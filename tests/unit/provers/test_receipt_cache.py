"""The receipt cache, with receipts that stand for real ones (tests/e2e/test_cache.py has those)."""

from __future__ import annotations

import itertools
import multiprocessing
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zkhost.errors import CacheError, InvalidSealError, UnsupportedError
from zkhost.image_id import ImageID, ImageIDLike
from zkhost.provers.storage.receipt_cache import ReceiptCache
from zkhost.provers.storage.request_key import RequestKey
from zkhost.receipt.claim import ReceiptKind
from zkhost.session import SessionStats

STATS = SessionStats(1, 2, 3, 4, 5)


class StandIn:
    """Verifies unless its bytes begin with `bad`."""

    kind = ReceiptKind.COMPOSITE

    def __init__(self, data: bytes) -> None:
        self.data = data

    def verify(self, image_id: ImageIDLike, *, allow_fake: bool) -> None:
        assert ImageID(image_id) == ImageID(bytes(32))
        assert not allow_fake
        if self.data.startswith(b"bad"):
            raise InvalidSealError("bad")

    def to_bytes(self) -> bytes:
        return self.data

    @classmethod
    def from_bytes(cls, data: bytes) -> StandIn:
        return cls(data)


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zkhost.provers.storage.receipt_cache.Receipt", StandIn)


def key(number: int) -> RequestKey:
    env = {"input": b"%d" % number}
    return RequestKey.of(env, image_id=bytes(32), receipt_kind="composite", risc0_version="3.0.6")


def receipt(data: bytes) -> Any:
    return StandIn(data)


def content(cache: ReceiptCache, number: int) -> bytes | None:
    hit = cache.get(key(number))
    return None if hit is None else hit[0].to_bytes()


def test_what_is_put_is_found_again_by_another_process_too(tmp_path: Path) -> None:
    cache = ReceiptCache(tmp_path / "c")
    assert cache.get(key(1)) is None
    cache.put(key(1), receipt(b"one"), STATS)
    again = ReceiptCache(tmp_path / "c")
    hit = again.get(key(1))
    assert hit is not None
    assert (hit[0].to_bytes(), hit[1]) == (b"one", STATS)
    assert again.get(key(2)) is None
    entry = again.entries()[0]
    assert (entry.size, entry.hits, entry.kind, entry.image_id) == (3, 1, "composite", ImageID(bytes(32)))


def test_what_does_not_verify_is_not_kept(tmp_path: Path) -> None:
    cache = ReceiptCache(tmp_path)
    with pytest.raises(InvalidSealError):
        cache.put(key(1), receipt(b"bad"), STATS)
    assert cache.entries() == []


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_damage_costs_a_proof_and_no_more(tmp_path: Path, damage: bytes | None) -> None:
    cache = ReceiptCache(tmp_path)
    cache.put(key(1), receipt(b"one"), STATS)
    path = cache.path(key(1).digest)
    path.unlink() if damage is None else path.write_bytes(damage)
    assert [fault for _, fault in cache.check()] == ["its file is missing" if damage is None else "its file is damaged"]
    assert cache.get(key(1)) is None
    assert cache.entries() == []


def test_a_receipt_swapped_for_one_that_does_not_verify_is_no_hit(tmp_path: Path) -> None:
    from zkhost._files import write_frame

    cache = ReceiptCache(tmp_path)
    cache.put(key(1), receipt(b"one"), STATS)
    write_frame(cache.path(key(1).digest), b"bad, but framed well")
    assert cache.get(key(1)) is None


def test_the_longest_unused_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr("zkhost.provers.storage.receipt_cache.time", SimpleNamespace(time=lambda: float(next(clock))))
    cache = ReceiptCache(tmp_path, max_bytes=25)
    for number in (1, 2):
        cache.put(key(number), receipt(b"0123456789"), STATS)
    assert content(cache, 1)
    cache.put(key(3), receipt(b"0123456789"), STATS)
    assert [content(cache, number) is not None for number in (1, 2, 3)] == [True, False, True]
    assert cache.size_bytes() == 20
    assert len(list((tmp_path / "receipts").glob("*/*"))) == 2


def test_a_receipt_larger_than_the_cache_is_kept_alone(tmp_path: Path) -> None:
    cache = ReceiptCache(tmp_path, max_bytes=5)
    cache.put(key(1), receipt(b"0123456789"), STATS)
    assert content(cache, 1) == b"0123456789"


def test_input_read_while_running_is_refused(tmp_path: Path) -> None:
    live = RequestKey.of({"read_fds": [0]}, image_id=bytes(32), receipt_kind="composite", risc0_version="3.0.6")
    with pytest.raises(UnsupportedError, match="cache"):
        ReceiptCache(tmp_path).get(live)


def test_a_folder_that_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be used"):
        ReceiptCache(tmp_path / "file")
    (tmp_path / "index.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(CacheError, match="cannot be used"):
        ReceiptCache(tmp_path)


def test_a_layout_of_the_future_is_left_alone(tmp_path: Path) -> None:
    ReceiptCache(tmp_path)
    index = sqlite3.connect(tmp_path / "index.sqlite")
    index.execute("PRAGMA user_version = 99")
    index.close()
    with pytest.raises(CacheError, match="layout 99"):
        ReceiptCache(tmp_path)


def test_strays_are_swept(tmp_path: Path) -> None:
    import os

    cache = ReceiptCache(tmp_path)
    cache.put(key(1), receipt(b"one"), STATS)
    stray = tmp_path / "receipts" / "ab" / "abcd"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"")
    assert cache.sweep() == 0, "another process may be about to name it"
    os.utime(stray, (0, 0))
    assert cache.sweep() == 1
    assert content(cache, 1) == b"one"


def _use(folder: str, seed: int, failures: Any) -> None:
    import random

    dice, cache = random.Random(seed), ReceiptCache(folder, max_bytes=60)
    try:
        for _ in range(40):
            number = dice.randrange(10)
            if dice.random() < 0.5:
                cache.put(key(number), receipt(b"receipt %d" % number), STATS)
            else:
                found = content(cache, number)
                assert found in (None, b"receipt %d" % number), found
    except BaseException as error:
        failures.put(repr(error))
        raise


def test_several_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    failures = context.Queue()
    processes = [context.Process(target=_use, args=(str(tmp_path), seed, failures)) for seed in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4, failures.get(timeout=1)
    assert ReceiptCache(tmp_path).size_bytes() <= 60
