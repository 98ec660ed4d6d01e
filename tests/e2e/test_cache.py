"""The receipt cache with real receipts, from Python and from the command line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from zkhost import _shim
from zkhost.cli.main import cli
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import FakeReceiptError, ImageIDMismatchError
from zkhost.provers.local import LocalProver
from zkhost.provers.options import ProveInfo, Provenance, ProverOpts
from zkhost.provers.storage.receipt_cache import ReceiptCache
from zkhost.provers.storage.request_key import request_key
from zkhost.receipt.receipt import Receipt
from zkhost.session import SessionStats

RECEIPT = Path(__file__).parents[1] / "unit" / "receipt" / "factors.bincode"
STATS = SessionStats(1, 2, 3, 4, 5)
OPTS = ProverOpts()


@pytest.fixture
def kept(tmp_path: Path) -> tuple[ReceiptCache, Any]:
    """A cache with a real receipt, and its key."""
    from zkhost.provers.storage.request_key import RequestKey

    receipt = Receipt.load(RECEIPT)
    assert receipt.claim is not None
    key = RequestKey.of(
        {"input": b"17 x 23"},
        image_id=receipt.claim.pre,
        receipt_kind="composite",
        risc0_version=_shim.build_info()["risc0_version"],
    )
    cache = ReceiptCache(tmp_path / "cache")
    cache.put(key, receipt, STATS)
    return cache, key


def run(*args: str) -> Any:
    return CliRunner().invoke(cli, ["cache", *args])


def test_a_real_receipt_is_kept_and_verified_at_each_hit(kept: tuple[ReceiptCache, Any]) -> None:
    cache, key = kept
    hit = cache.get(key)
    assert hit is not None
    assert hit[0] == Receipt.load(RECEIPT)
    assert hit[1] == STATS


def test_another_programs_receipt_is_not_kept(tmp_path: Path) -> None:
    from zkhost.provers.storage.request_key import RequestKey

    key = RequestKey.of({}, image_id=bytes(32), receipt_kind="composite", risc0_version="3.0.6")
    with pytest.raises(ImageIDMismatchError):
        ReceiptCache(tmp_path).put(key, Receipt.load(RECEIPT), STATS)


def test_commands(kept: tuple[ReceiptCache, Any]) -> None:
    cache, key = kept
    folder = str(cache.folder)
    assert key.digest[:16] in run("ls", folder).stdout
    (entry,) = json.loads(run("ls", folder, "--json").stdout)
    assert entry["key"] == key.digest
    assert run("verify", folder).exit_code == 0
    path = cache.path(key.digest)
    path.write_bytes(path.read_bytes()[:-1])
    result = run("verify", folder, "--remove")
    assert result.exit_code == 1
    assert "damaged, removed" in result.stdout
    assert json.loads(run("ls", folder, "--json").stdout) == []
    cache.put(key, Receipt.load(RECEIPT), STATS)
    assert run("rm", folder).exit_code == 2
    assert run("rm", folder, "ffff0000").exit_code == 1
    assert run("rm", folder, key.digest[:8]).stdout == "1 removed\n"
    assert cache.entries() == []


@pytest.mark.slow
def test_dev_mode_neither_fills_nor_uses_a_cache(
    guests: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    env = ExecutorEnv.builder().write_slice(b"x").build()
    for _ in range(2):
        with pytest.warns(UserWarning, match="fake"):
            info = LocalProver().prove(env, guests["echo"], cache=tmp_path / "cache")
        assert info.prover.name == "local"
        with pytest.raises(FakeReceiptError):
            info.receipt.verify(info.receipt.claim.pre, allow_fake=False)  # type: ignore[union-attr]
    assert not (tmp_path / "cache").exists() or ReceiptCache(tmp_path / "cache").entries() == []


@pytest.mark.prove
def test_the_second_time_costs_nothing(guests: Mapping[str, bytes], proof: ProveInfo, tmp_path: Path) -> None:
    cache = ReceiptCache(tmp_path)
    env = ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()
    cache.put(request_key(env, guests["factors"], OPTS), proof.receipt, proof.stats)
    start = time.monotonic()
    info = LocalProver().prove(env, guests["factors"], cache=cache)
    assert time.monotonic() - start < proof.elapsed_s / 2
    assert info.receipt == proof.receipt
    assert info.stats == proof.stats
    assert info.prover == Provenance("cache", os.fspath(tmp_path), info.prover.version, "the receipt cache had it")
