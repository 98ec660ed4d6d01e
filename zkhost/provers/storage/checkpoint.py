"""An unfinished proof on disk: the jobs to prove, and the receipts of those proved.

A session of the guest is proved in jobs: its segments, and batches of keccak permutations. Provers that work job by job
store them in a `SegmentStore`: a temporary one, or with `checkpoint=DIR` a durable one that outlives the process.

    DIR/request.json            what is proved (zkhost.provers.storage.request_key); another request starts afresh
    DIR/session                 the outcome of the execution and the list of its jobs, once it has ended
    DIR/spool/<n>.bincode       the jobs, as the executor writes them
    DIR/proved/<digest>         receipts by the SHA-256 of the job they prove, and those joined from them
    DIR/receipt                 the finished receipt; spool and proved are empty then
    DIR/limit                   the smaller segment_limit_po2 that running out of memory led to

No two executions of a risc0 guest are alike: each begins with 16 random bytes, which hide the memory from anyone who sees
the state digests. So receipts of one execution are of no use in another, and the jobs are stored as carefully as the
receipts: a damaged receipt costs one segment's work, a damaged job that is not proved yet costs a fresh start.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zkhost._files import (
    DamagedFileError,
    folder_lock,
    read_frame,
    remove_leftovers,
    sha256_file,
    sync_folder,
    write_atomic,
    write_frame,
)
from zkhost.errors import CheckpointError
from zkhost.provers.storage.request_key import RequestKey

DISK_LIMIT_BYTES = 64 << 30
"""The disk space that the jobs of a run may take: enough for some 10^11 cycles."""


class CheckpointWarning(UserWarning):
    """A checkpoint starts afresh, or does some work again, and why."""


@dataclass(frozen=True)
class ProofJob:
    """A part of a session that is proved on its own: `kind` is "segment" or "keccak", `size` in bytes."""

    kind: str
    index: int
    digest: str
    size: int

    def __str__(self) -> str:
        return f"{self.kind} {self.index}"

    @property
    def file_name(self) -> str:
        """The file's name, as the shim writes it."""
        return f"{self.index}.bincode" if self.kind == "segment" else f"keccak-{self.index}.bincode"


class SegmentStore:
    """The jobs and receipts of one proof. Make one with `temporary()` or `durable(folder, key)`.

    `execution` is the reply of the shim's `execute`, once that has ended, and `jobs` are those to prove. What a
    user should know (why it starts afresh, what was damaged) is a CheckpointWarning.
    """

    def __init__(self, root: Path, key: RequestKey | None, *, disk_limit_bytes: int) -> None:
        self.root = root
        self.spool = root / "spool"
        self.execution: dict[str, Any] | None = None
        self.jobs: list[ProofJob] = []
        self.segment_limit_po2: int | None = None
        """The limit that running out of memory led to, None where it did not."""
        self._proved = root / "proved"
        self.is_durable = key is not None
        self._disk_limit = disk_limit_bytes
        self._spooled = 0
        self._sound: set[str] = set()
        self._lock = threading.Lock()  # the executor hands over segments and keccak batches from two threads
        self.spool.mkdir(exist_ok=True)
        self._proved.mkdir(exist_ok=True)
        if key is not None:
            self._resume(key)

    @classmethod
    @contextlib.contextmanager
    def temporary(cls, disk_limit_bytes: int = DISK_LIMIT_BYTES) -> Iterator[SegmentStore]:
        """Yield a store that is deleted after the block."""
        with tempfile.TemporaryDirectory(prefix="zkhost-") as name:
            yield cls(Path(name), None, disk_limit_bytes=disk_limit_bytes)

    @classmethod
    @contextlib.contextmanager
    def durable(
        cls, folder: Path | str, key: RequestKey, disk_limit_bytes: int = DISK_LIMIT_BYTES
    ) -> Iterator[SegmentStore]:
        """Yield the store in `folder`, created where missing, with what an earlier run proved for the same key.

        Raises CheckpointError where another process uses it, or where the folder holds something else, and
        UnsupportedError where the guest reads input that the key cannot cover.
        """
        key.require_complete("checkpoint")
        root = Path(folder)
        _claim(root)
        with folder_lock(root) as taken:
            if not taken:
                raise CheckpointError(
                    f"another process is proving with the checkpoint {root}",
                    hint="wait for it, or use another folder",
                )
            yield cls(root, key, disk_limit_bytes=disk_limit_bytes)

    def _resume(self, key: RequestKey) -> None:
        for folder in (self.root, self._proved):
            remove_leftovers(folder)
        request = self.root / "request.json"
        earlier: RequestKey | None = None
        try:
            earlier = RequestKey.from_json(request.read_text())
        except FileNotFoundError:
            pass
        except ValueError as error:
            self.note(f"the checkpoint starts afresh: its request.json is damaged ({error})")
        if earlier is not None and earlier.digest != key.digest:
            changes = "; ".join(key.differences(earlier))
            self.note(f"the checkpoint starts afresh, for it was made for another request: {changes}")
            earlier = None
        if earlier is None:
            self.clear()
            write_atomic(request, key.to_json().encode())
        else:
            self._load()

    def _load(self) -> None:
        with contextlib.suppress(FileNotFoundError, DamagedFileError, ValueError):
            self.segment_limit_po2 = int(read_frame(self.root / "limit"))
        try:
            session = json.loads(read_frame(self.root / "session"), object_hook=_from_json)
        except FileNotFoundError:
            self._forget_session()
        except (DamagedFileError, ValueError) as error:
            self.note(f"the checkpoint starts afresh: {error}")
            self._forget_session()
        else:
            self.execution = session["execution"]
            if not (self.root / "receipt").exists():
                self.jobs = [ProofJob(**job) for job in session["jobs"]]
                self._check_jobs()

    def _check_jobs(self) -> None:
        for job in self.jobs:
            if self.receipt(job) is None and self.path(job) is None:
                self.note(f"the checkpoint starts afresh: {job} was not proved yet, and is damaged")
                self._forget_session()
                return

    def begin_execution(self) -> None:
        """Prepare for the executor to write into `spool`."""
        self._forget_session()

    def take(self, kind: str, index: int) -> ProofJob:
        """Register a job that the executor has written. Raises CheckpointError once the jobs exceed the disk limit."""
        path = self.spool / ProofJob(kind, index, "", 0).file_name
        job = ProofJob(kind, index, sha256_file(path), path.stat().st_size)
        with self._lock:
            self.jobs.append(job)
            self._spooled += job.size
        if self._spooled > self._disk_limit:
            raise CheckpointError(
                f"the first {len(self.jobs)} jobs take {self._spooled} bytes, and {self._disk_limit} are allowed",
                hint="allow more with disk_limit_bytes, or use a larger segment_limit_po2 (fewer segments)",
            )
        return job

    def end_execution(self, execution: Mapping[str, Any]) -> None:
        """Record the outcome (the reply of the shim's `execute`) after all jobs are registered."""
        self.execution = dict(execution)
        if not self.is_durable:
            return
        for job in self.jobs:
            with (self.spool / job.file_name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(self.spool)
        session = {"execution": self.execution, "jobs": [asdict(job) for job in self.jobs]}
        write_frame(self.root / "session", json.dumps(session, default=_to_json).encode())

    def receipt(self, job: ProofJob) -> bytes | None:
        """Return the receipt of a proved job, None where there is none or it is damaged (it is removed then)."""
        return self.load(job.digest, f"the receipt of {job}")

    def missing(self) -> list[ProofJob]:
        """Return the jobs that are not proved, in order. Reads each receipt once, to find the damaged ones."""
        return [job for job in self.jobs if job.digest not in self._sound and self.receipt(job) is None]

    def path(self, job: ProofJob) -> Path | None:
        """Return the job's file, None where it is gone or damaged."""
        path = self.spool / job.file_name
        return path if path.exists() and sha256_file(path) == job.digest else None

    def store(self, job: ProofJob, receipt: bytes) -> None:
        """Store the verified receipt of a job."""
        self.save(job.digest, receipt)
        if not self.is_durable:
            (self.spool / job.file_name).unlink(missing_ok=True)

    def save(self, name: str, receipt: bytes) -> None:
        """Store a receipt under the name of what it proves (hex digits)."""
        write_frame(self._proved / name, receipt, durable=self.is_durable)
        self._sound.add(name)

    def load(self, name: str, what: str = "a joined receipt") -> bytes | None:
        """Return a receipt by its name, None where there is none or it is damaged (it is removed then, with a note)."""
        path = self._proved / name
        try:
            receipt = read_frame(path)
        except FileNotFoundError:
            return None
        except DamagedFileError:
            self.note(f"{what} was damaged on disk; it is made again")
            path.unlink()
            return None
        self._sound.add(name)
        return receipt

    def finished(self) -> bytes | None:
        """Return the finished receipt of an earlier run, None where there is none; `execution` is that run's."""
        if self.execution is None:
            return None
        try:
            return read_frame(self.root / "receipt")
        except FileNotFoundError:
            return None
        except DamagedFileError as error:
            self.note(f"the checkpoint starts afresh: {error}")
            self._forget_session()
            return None

    def finish(self, receipt: bytes) -> None:
        """Store the finished receipt and delete what it was made of."""
        if self.is_durable:
            write_frame(self.root / "receipt", receipt)
            self._forget_jobs()

    def lower_limit(self, segment_limit_po2: int) -> None:
        """Start afresh with smaller segments, and record that, for after a crash too."""
        self._forget_session()
        self.segment_limit_po2 = segment_limit_po2
        if self.is_durable:
            write_frame(self.root / "limit", str(segment_limit_po2).encode())

    def clear(self) -> None:
        """Delete everything."""
        (self.root / "limit").unlink(missing_ok=True)
        self._forget_session()

    def _forget_session(self) -> None:
        for name in ("session", "receipt"):
            (self.root / name).unlink(missing_ok=True)
        self._forget_jobs()
        self.execution = None

    def _forget_jobs(self) -> None:
        for folder in (self.spool, self._proved):
            shutil.rmtree(folder)
            folder.mkdir()
        if self.is_durable:
            sync_folder(self.root)
        self.jobs, self._spooled = [], 0
        self._sound.clear()

    def note(self, text: str) -> None:
        """Warn the user."""
        warnings.warn(text, CheckpointWarning, stacklevel=2)

    def shown_bytes(self) -> int | None:
        """Return what a durable store takes on disk, in bytes; None for a temporary one."""
        return self.disk_bytes() if self.is_durable else None

    def disk_bytes(self) -> int:
        """Return what the store takes on disk, in bytes."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())


def _claim(folder: Path) -> None:
    """Make the folder; refuse one with other files in it."""
    folder.mkdir(parents=True, exist_ok=True)
    ours = {"request.json", "session", "spool", "proved", "receipt", "limit", "lock"}
    others = [path.name for path in folder.iterdir() if path.name not in ours and not path.name.startswith(".new-")]
    if others:
        raise CheckpointError(
            f"{folder} is not a checkpoint: it holds {sorted(others)[0]!r}", hint="name an empty or a new folder"
        )


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"cannot store a {type(value).__name__}")


def _from_json(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if set(value) == {"base64"} else value
