"""The messages of the Bonsai REST API and their checks.

Source of the shapes: crate bonsai-sdk 1.4.3 (`responses`), as r0vm 3.0.6 and Bento serve them. Unknown fields are
ignored. Anything else raises RemoteAnswerError, which names the message and the field.
"""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass
from typing import Any

from zkhost.errors import RemoteAnswerError
from zkhost.provers.bonsai.fields import JsonObject

_STATE = re.compile(r"(?P<name>[A-Za-z][A-Za-z ]{0,63})(?:: *(?P<done>\d{1,12})/(?P<total>\d{1,12}))?")


class Status(enum.StrEnum):
    """The status of a session or a snark."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


@dataclass(frozen=True)
class Stats:
    """Counts of a session that succeeded: segments, the guest's cycles, total cycles."""

    segments: int
    user_cycles: int
    total_cycles: int


@dataclass(frozen=True)
class SessionStatus:
    """Answer of GET sessions/status/{id}."""

    status: Status
    state: str | None = None
    receipt_url: str | None = None
    error_msg: str | None = None
    elapsed_s: float | None = None
    stats: Stats | None = None

    @classmethod
    def parse(cls, data: bytes) -> SessionStatus:
        """Parse from JSON."""
        o = JsonObject("session status", data)
        return cls(
            status=_status(o),
            state=o.message("state"),
            receipt_url=o.optional_text("receipt_url"),
            error_msg=o.message("error_msg"),
            elapsed_s=o.optional_seconds("elapsed_time"),
            stats=_stats(o),
        )


@dataclass(frozen=True)
class SnarkStatus:
    """Answer of GET snark/status/{id}."""

    status: Status
    output: str | None = None
    error_msg: str | None = None

    @classmethod
    def parse(cls, data: bytes) -> SnarkStatus:
        """Parse from JSON."""
        o = JsonObject("snark status", data)
        return cls(_status(o), o.optional_text("output"), o.message("error_msg"))


@dataclass(frozen=True)
class Upload:
    """Answer of GET inputs/upload and receipts/upload: where to PUT, and the id it will have."""

    url: str
    id: str

    @classmethod
    def parse(cls, data: bytes) -> Upload:
        """Parse from JSON."""
        o = JsonObject("upload", data)
        return cls(o.text("url"), o.id("uuid"))


@dataclass(frozen=True)
class Quotas:
    """Answer of GET user/quotas. `exec_cycle_limit` in millions of cycles, the other two in cycles."""

    exec_cycle_limit: int
    concurrent_proofs: int
    cycle_budget: int
    cycle_usage: int

    @classmethod
    def parse(cls, data: bytes) -> Quotas:
        """Parse from JSON."""
        o = JsonObject("quotas", data)
        return cls(*(o.integer(name) for name in cls.__dataclass_fields__))


@dataclass(frozen=True)
class State:
    """A status's `state`: a stage's name and, for `ProveSegments: N/M` and `RecursionJoin: N/M`, how far it is."""

    name: str
    done: int | None = None
    total: int | None = None

    @classmethod
    def parse(cls, text: str) -> State | None:
        """Parse the status's text, which is for people to read: None for one that is empty or of another form."""
        match = _STATE.fullmatch(text.strip())
        if match is None:
            return None
        if match["done"] is None:
            return cls(match["name"])
        return cls(match["name"], int(match["done"]), int(match["total"]))


def parse_url(what: str, data: bytes) -> str:
    """Return the `url` of an image upload or a receipt download."""
    return JsonObject(what, data).text("url")


def parse_created(what: str, data: bytes) -> str:
    """Return the `uuid` of what was created."""
    return JsonObject(what, data).id("uuid")


def parse_versions(data: bytes) -> tuple[str, ...]:
    """Return the `risc0_zkvm` list of GET version."""
    return JsonObject("version", data).texts("risc0_zkvm")


def session_request(
    image_id: str, input_id: str, assumptions: list[str], execute_only: bool, exec_cycle_limit: int | None
) -> bytes:
    """Return the body of POST sessions/create. `exec_cycle_limit` in millions of cycles."""
    return _dump(
        img=image_id,
        input=input_id,
        assumptions=assumptions,
        execute_only=execute_only,
        exec_cycle_limit=exec_cycle_limit,
    )


def snark_request(session_id: str) -> bytes:
    """Return the body of POST snark/create."""
    return _dump(session_id=session_id)


def error_message(data: bytes) -> str:
    """Return an error body's message: `{type, msg}` of r0vm and Bento, else its text. At most 500 characters, one line."""
    try:
        o = JsonObject("error", data)
        text = f"{o.text('type')}: {o.text('msg')}"
    except RemoteAnswerError:
        text = data.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500]


def _dump(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _status(o: JsonObject) -> Status:
    text = o.text("status")
    try:
        return Status(text)
    except ValueError:
        raise o.wrong(f"has an unknown status: {text[:40]!r}") from None


def _stats(o: JsonObject) -> Stats | None:
    stats = o.optional_object("stats")
    if stats is None:
        return None
    return Stats(stats.count("segments"), stats.count("cycles"), stats.count("total_cycles"))
