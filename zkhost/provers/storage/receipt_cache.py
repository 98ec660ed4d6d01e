"""A store of finished receipts, found by everything they depend on, for programs that request the same proof again.

Opt-in: `prove(..., cache=ReceiptCache(folder))`. Each hit is verified again before it is returned, so a damaged or
swapped file costs a proof, never a wrong answer. Several processes may use a folder at once. All that may
write to it must be trusted: a receipt does not name the guest's input, so the folder alone ties inputs to receipts.

    FOLDER/index.sqlite         one row per receipt (SQLite, write-ahead log)
    FOLDER/receipts/ab/<key>    the receipt as bincode, framed with its SHA-256; ab is the key's first two digits
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zkhost._files import DamagedFileError, read_frame, write_frame
from zkhost.errors import CacheError, ReceiptError, UnsuccessfulExitError
from zkhost.image_id import ImageID
from zkhost.provers.options import ProveInfo, Provenance, ProverOpts
from zkhost.provers.storage.request_key import RequestKey, request_key
from zkhost.receipt.receipt import Receipt
from zkhost.session import SessionStats

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv

GIB = 1 << 30
_LAYOUT = 1
_BUSY_TIMEOUT_S = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS receipts (
    key TEXT PRIMARY KEY, image_id TEXT NOT NULL, kind TEXT NOT NULL, risc0_version TEXT NOT NULL, stats TEXT NOT NULL,
    size INTEGER NOT NULL, stored REAL NOT NULL, used REAL NOT NULL, hits INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS by_use ON receipts (used);
"""


@dataclass(frozen=True)
class CacheEntry:
    """What the cache knows of one receipt. Size in bytes, times in seconds since 1970."""

    key: str
    image_id: ImageID
    kind: str
    risc0_version: str
    size: int
    stored: float
    used: float
    hits: int


class ReceiptCache:
    """Receipts in `folder` (created where missing), at most `max_bytes` in all; the longest unused go first.

    Raises CacheError where the folder cannot be used.
    """

    def __init__(self, folder: Path | str, *, max_bytes: int = 4 * GIB) -> None:
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        try:
            (self.folder / "receipts").mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._index() as index:
                index.execute("PRAGMA journal_mode = WAL")
                layout = index.execute("PRAGMA user_version").fetchone()[0]
                if layout == 0:
                    index.executescript(_SCHEMA + f"PRAGMA user_version = {_LAYOUT};")
                elif layout != _LAYOUT:
                    raise CacheError(
                        f"the cache {self.folder} has layout {layout}; this zkhost knows {_LAYOUT}",
                        hint="name another folder, or remove this one: it holds nothing that cannot be proved again",
                    )
        except (OSError, sqlite3.Error) as error:
            raise CacheError(
                f"the receipt cache {self.folder} cannot be used: {error}",
                hint="name another folder, or remove this one",
            ) from error

    @contextlib.contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection of this call's own, so that threads and forked processes never share one."""
        connection = sqlite3.connect(self.folder / "index.sqlite", timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            yield connection
        finally:
            connection.close()

    def path(self, key: str) -> Path:
        """Return where the receipt with this key is, or would be."""
        return self.folder / "receipts" / key[:2] / key

    def get(self, key: RequestKey) -> tuple[Receipt, SessionStats] | None:
        """Return the receipt for this request, verified for its program, and its run's counts; None if there is none.

        A receipt that is damaged or does not verify is removed and counts as missing.
        """
        key.require_complete("cache")
        with self._index() as index:
            row = index.execute("SELECT stats FROM receipts WHERE key = ?", (key.digest,)).fetchone()
            if row is None:
                return None
            try:
                receipt = Receipt.from_bytes(read_frame(self.path(key.digest)))
                receipt.verify(key.parts["image ID"], allow_fake=False)
            except (FileNotFoundError, DamagedFileError, ReceiptError):
                self.remove(key.digest)
                return None
            index.execute("UPDATE receipts SET used = ?, hits = hits + 1 WHERE key = ?", (time.time(), key.digest))
        return receipt, SessionStats(**json.loads(row[0]))

    def put(self, key: RequestKey, receipt: Receipt, stats: SessionStats) -> None:
        """Store a receipt that verifies for its program. A run that did not end with exit code 0 is not stored.

        Raises what `Receipt.verify` raises, for a fake receipt too, and CacheError where the folder cannot be written.
        """
        key.require_complete("cache")
        try:
            receipt.verify(key.parts["image ID"], allow_fake=False)
        except UnsuccessfulExitError:
            return
        path, data, now = self.path(key.digest), receipt.to_bytes(), time.time()
        try:
            path.parent.mkdir(exist_ok=True)
            write_frame(path, data)
            facts = (key.parts["image ID"], receipt.kind, key.parts["risc0 version"], json.dumps(asdict(stats)))
            with self._index() as index:
                index.execute(
                    "INSERT OR REPLACE INTO receipts (key, image_id, kind, risc0_version, stats, size, stored, used)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (key.digest, *facts, len(data), now, now),
                )
        except (OSError, sqlite3.Error) as error:
            raise CacheError(f"the receipt cannot be stored in {self.folder}: {error}") from error
        self._evict(spare=key.digest)

    def _evict(self, spare: str) -> None:
        with self._index() as index:
            index.execute("BEGIN IMMEDIATE")
            surplus = index.execute("SELECT coalesce(sum(size), 0) FROM receipts").fetchone()[0] - self.max_bytes
            oldest = index.execute("SELECT key, size FROM receipts WHERE key != ? ORDER BY used", (spare,)).fetchall()
            gone = []
            for key, size in oldest:
                if surplus <= 0:
                    break
                surplus -= size
                gone.append(key)
            index.executemany("DELETE FROM receipts WHERE key = ?", [(key,) for key in gone])
            for key in gone:
                self.path(key).unlink(missing_ok=True)
            index.execute("COMMIT")

    def remove(self, key: str) -> bool:
        """Remove a receipt; return whether there was one."""
        with self._index() as index:
            found = index.execute("DELETE FROM receipts WHERE key = ?", (key,)).rowcount > 0
            self.path(key).unlink(missing_ok=True)
        return found

    def entries(self) -> list[CacheEntry]:
        """Return every receipt, the last used first."""
        with self._index() as index:
            rows = index.execute(
                "SELECT key, image_id, kind, risc0_version, size, stored, used, hits FROM receipts ORDER BY used DESC"
            )
            return [CacheEntry(key, ImageID(image_id), *rest) for key, image_id, *rest in rows]

    def find(self, prefix: str) -> list[str]:
        """Return the keys that begin with these hex digits."""
        return [entry.key for entry in self.entries() if entry.key.startswith(prefix.lower())]

    def size_bytes(self) -> int:
        """Return the size of all receipts together."""
        return sum(entry.size for entry in self.entries())

    def check(self) -> Iterator[tuple[CacheEntry, str | None]]:
        """Verify every receipt; yield each entry with what is wrong with it, None where all is well. Removes none."""
        for entry in self.entries():
            try:
                Receipt.from_bytes(read_frame(self.path(entry.key))).verify(entry.image_id, allow_fake=False)
            except FileNotFoundError:
                yield entry, "its file is missing"
            except DamagedFileError:
                yield entry, "its file is damaged"
            except ReceiptError as error:
                yield entry, error.message
            else:
                yield entry, None

    def sweep(self) -> int:
        """Remove files that no row names (left by a process that died between the two); return how many."""
        known = {entry.key for entry in self.entries()}
        stray = [
            path
            for path in (self.folder / "receipts").glob("*/*")
            if path.name not in known and time.time() - path.stat().st_mtime > 60
        ]
        for path in stray:
            path.unlink(missing_ok=True)
        return len(stray)


def proved_once(
    cache: ReceiptCache | Path | str,
    env: ExecutorEnv,
    program: bytes,
    opts: ProverOpts,
    prove: Callable[[], ProveInfo],
) -> ProveInfo:
    """Return what the cache has for a request, else what `prove` makes, which is then stored unless it is fake."""
    if opts.fake:
        return prove()
    if not isinstance(cache, ReceiptCache):
        cache = ReceiptCache(cache)
    started = time.monotonic()
    key = request_key(env, program, opts)
    if (hit := cache.get(key)) is not None:
        receipt, stats = hit
        prover = Provenance("cache", str(cache.folder), key.parts["risc0 version"], "the receipt cache had it")
        return ProveInfo(receipt, stats, prover, time.monotonic() - started)
    info = prove()
    cache.put(key, info.receipt, info.stats)
    return info
