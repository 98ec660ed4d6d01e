"""Files that survive a crash: written whole or not at all, and known to be damaged when they are."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_MAGIC = b"zkhost\x00\x01"
_DIGEST_BYTES = 32
_CHUNK_BYTES = 1 << 20


class DamagedFileError(Exception):
    """A file's content is not what was written: truncated, modified, or never a frame. The caller handles it."""


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader, or the next process after a crash, sees all of it or the old content.

    `durable` also waits for the disk (fsync of the file and of its folder), so that this holds after a power cut, too.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries (new, renamed, removed files) are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_frame(path: Path, payload: bytes, *, durable: bool = True) -> None:
    """As `write_atomic`, with the payload's SHA-256 in front, which `read_frame` checks."""
    write_atomic(path, _MAGIC + hashlib.sha256(payload).digest() + payload, durable=durable)


def read_frame(path: Path) -> bytes:
    """Return the payload that `write_frame` wrote. Raises FileNotFoundError, or DamagedFileError for anything else."""
    data = path.read_bytes()
    head = len(_MAGIC) + _DIGEST_BYTES
    payload = data[head:]
    if not data.startswith(_MAGIC) or hashlib.sha256(payload).digest() != data[len(_MAGIC) : head]:
        raise DamagedFileError(f"{path} is damaged: its content does not match its digest")
    return payload


def remove_leftovers(folder: Path) -> None:
    """Remove what an interrupted `write_atomic` may have left. For a folder that only this process writes to."""
    for path in folder.glob(".new-*"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[bool]:
    """Lock the folder for this process while the block runs; yield False where another process has it.

    The kernel releases the lock when a process ends, however it ends.
    """
    import fcntl

    with (folder / "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
