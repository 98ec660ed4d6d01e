"""Sessions that were started, on disk: what a later process needs to wait for one and to verify it.

One small JSON file per session, in the user's state folder (ZKHOST_STATE_DIR/sessions). No key, no input, no program.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from zkhost import _config
from zkhost._files import write_atomic
from zkhost.provers.bonsai.fields import is_id

log = logging.getLogger("zkhost.bonsai")

_FORMAT = 1
_KEEP_S = 30 * 24 * 3600.0


@dataclass(frozen=True)
class SessionRecord:
    """A session and what its receipt must prove: what `attach(id)` needs."""

    id: str
    url: str
    image_id: str
    """64 hex digits: what the receipt is verified against."""
    receipt_kind: str = "succinct"
    prove_guest_errors: bool = False
    session_limit: int | None = None
    snark_id: str | None = None
    created: float = field(default_factory=time.time)

    def with_opts(self, receipt_kind: str, prove_guest_errors: bool) -> SessionRecord:
        """Return the record with these options for its receipt."""
        return replace(self, receipt_kind=receipt_kind, prove_guest_errors=prove_guest_errors)

    def with_snark(self, snark_id: str) -> SessionRecord:
        """Return the record with its snark stage started."""
        return replace(self, snark_id=snark_id)


class SessionStore:
    """A folder of records. Trouble with the disk is logged, never raised: it must not cost a session that runs."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._swept = False

    @property
    def folder(self) -> Path:
        """Where the records are."""
        return self._folder or _config.state_dir() / "sessions"

    def save(self, record: SessionRecord) -> None:
        """Write a record, in place of an earlier one."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            data = json.dumps({"format": _FORMAT, **asdict(record)}).encode()
            write_atomic(self._path(record.id), data, durable=False)
            self._sweep()
        except OSError as exc:
            log.warning("cannot store session %s, so keep its id and image ID yourself: %s", record.id, exc)

    def load(self, session_id: str) -> SessionRecord | None:
        """Return the record of a session; None where none can be read."""
        if not is_id(session_id):
            return None
        path = self._path(session_id)
        try:
            fields = json.loads(path.read_bytes())
            if not isinstance(fields, dict) or fields.pop("format", None) != _FORMAT:
                raise ValueError("of another format")
            return _checked(SessionRecord(**fields))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as exc:
            log.warning("cannot read the stored session %s: %s", path, exc)
            return None

    def _path(self, session_id: str) -> Path:
        return self.folder / f"{session_id}.json"

    def _sweep(self) -> None:
        """Delete records older than 30 days, once per process."""
        if self._swept:
            return
        self._swept = True
        oldest = time.time() - _KEEP_S
        for path in self.folder.iterdir():
            with contextlib.suppress(OSError):
                if path.is_file() and path.stat().st_mtime < oldest:
                    path.unlink()


def _checked(record: SessionRecord) -> SessionRecord:
    texts = (record.id, record.url, record.image_id, record.receipt_kind)
    limit, snark = record.session_limit, record.snark_id
    if (
        not all(isinstance(text, str) for text in texts)
        or not isinstance(record.prove_guest_errors, bool)
        or not (limit is None or isinstance(limit, int))
        or not (snark is None or (isinstance(snark, str) and is_id(snark)))
    ):
        raise ValueError("its fields are of other types")
    bytes.fromhex(record.image_id)
    return record
