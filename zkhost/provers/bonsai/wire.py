"""The messages of the Bonsai REST API and their checks.

Source of the shapes: crate bonsai-sdk 1.4.3 (`responses`), as r0vm 3.0.6 and Bento serve them. Unknown fields are
passed over. Anything else raises RemoteAnswerError, which names the message and the field.
"""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass
from typing import Any

from zkhost.errors import RemoteAnswerError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_STATE = re.compile(r"(?P<name>[A-Za-z][A-Za-z ]{0,63})(?:: *(?P<done>\d{1,12})/(?P<total>\d{1,12}))?")
_TEXT_LIMIT = 8192
_U64 = 1 << 64


class Status(enum.StrEnum):
    """How a session or a snark stands."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


@dataclass(frozen=True)
class Stats:
    """Of a session that succeeded: segments, cycles of the guest, cycles in all."""

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
        """From JSON."""
        o = _Object("session status", data)
        return cls(
            status=o.status(),
            state=o.message("state"),
            receipt_url=o.optional_text("receipt_url"),
            error_msg=o.message("error_msg"),
            elapsed_s=o.optional_seconds("elapsed_time"),
            stats=o.stats(),
        )


@dataclass(frozen=True)
class SnarkStatus:
    """Answer of GET snark/status/{id}."""

    status: Status
    output: str | None = None
    error_msg: str | None = None

    @classmethod
    def parse(cls, data: bytes) -> SnarkStatus:
        """From JSON."""
        o = _Object("snark status", data)
        return cls(o.status(), o.optional_text("output"), o.message("error_msg"))


@dataclass(frozen=True)
class Upload:
    """Answer of GET inputs/upload and receipts/upload: where to PUT, and the id it will have."""

    url: str
    id: str

    @classmethod
    def parse(cls, data: bytes) -> Upload:
        """From JSON."""
        o = _Object("upload", data)
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
        """From JSON."""
        o = _Object("quotas", data)
        return cls(*(o.integer(name) for name in cls.__dataclass_fields__))


@dataclass(frozen=True)
class State:
    """A status's `state`: a stage's name and, for `ProveSegments: N/M` and `RecursionJoin: N/M`, how far it is."""

    name: str
    done: int | None = None
    total: int | None = None

    @classmethod
    def parse(cls, text: str) -> State | None:
        """From the status's text, which is for people to read: None for one that is empty or of another form."""
        match = _STATE.fullmatch(text.strip())
        if match is None:
            return None
        if match["done"] is None:
            return cls(match["name"])
        return cls(match["name"], int(match["done"]), int(match["total"]))


def parse_url(what: str, data: bytes) -> str:
    """The `url` of an image upload or a receipt download."""
    return _Object(what, data).text("url")


def parse_created(what: str, data: bytes) -> str:
    """The `uuid` of what was created."""
    return _Object(what, data).id("uuid")


def parse_versions(data: bytes) -> tuple[str, ...]:
    """The `risc0_zkvm` list of GET version."""
    return _Object("version", data).texts("risc0_zkvm")


def session_request(
    image_id: str, input_id: str, assumptions: list[str], execute_only: bool, exec_cycle_limit: int | None
) -> bytes:
    """Body of POST sessions/create. `exec_cycle_limit` in millions of cycles."""
    return _dump(
        img=image_id,
        input=input_id,
        assumptions=assumptions,
        execute_only=execute_only,
        exec_cycle_limit=exec_cycle_limit,
    )


def snark_request(session_id: str) -> bytes:
    """Body of POST snark/create."""
    return _dump(session_id=session_id)


def is_id(text: str) -> bool:
    """Whether the text can be an id of the API, and so part of a path."""
    return _ID.fullmatch(text) is not None


def error_message(data: bytes) -> str:
    """What an error's body says: `{type, msg}` of r0vm and Bento, else its text. At most 500 characters, one line."""
    try:
        o = _Object("error", data)
        text = f"{o.text('type')}: {o.text('msg')}"
    except RemoteAnswerError:
        text = data.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500]


def _dump(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


class _Object:
    """A JSON object whose fields are read with their type checked."""

    def __init__(self, what: str, data: bytes) -> None:
        self.what = what
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as exc:
            raise self.wrong("is not JSON") from exc
        if not isinstance(value, dict):
            raise self.wrong("is not a JSON object")
        self.fields = value

    def wrong(self, why: str) -> RemoteAnswerError:
        return RemoteAnswerError(
            f"the remote prover's answer ({self.what}) {why}",
            hint="check that BONSAI_API_URL is the root of a Bonsai API, and its version",
        )

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise self.wrong(f"has no text in {name!r}")
        if len(value) > _TEXT_LIMIT:
            raise self.wrong(f"has more than {_TEXT_LIMIT} characters in {name!r}")
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self.fields.get(name) in (None, "") else self.text(name)

    def message(self, name: str) -> str | None:
        """A text for people: of any length, cut."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(f"has no text in {name!r}")
        return value[:_TEXT_LIMIT] or None if value else None

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.fields.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(f"has no list of texts in {name!r}")
        return tuple(value)

    def id(self, name: str) -> str:
        value = self.text(name)
        if not is_id(value):
            raise self.wrong(f"has an id that cannot be part of a path in {name!r}")
        return value

    def integer(self, name: str) -> int:
        value = self.fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _U64:
            raise self.wrong(f"has no 64-bit whole number in {name!r}")
        return value

    def count(self, name: str) -> int:
        value = self.integer(name)
        if value < 0:
            raise self.wrong(f"has a negative number in {name!r}")
        return value

    def optional_seconds(self, name: str) -> float | None:
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e12:
            raise self.wrong(f"has no time in {name!r}")
        return float(value)

    def status(self) -> Status:
        text = self.text("status")
        try:
            return Status(text)
        except ValueError:
            raise self.wrong(f"has an unknown status: {text[:40]!r}") from None

    def stats(self) -> Stats | None:
        value = self.fields.get("stats")
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong("has no object in 'stats'")
        inner = _Object.__new__(_Object)
        inner.what, inner.fields = f"{self.what}, stats", value
        return Stats(inner.count("segments"), inner.count("cycles"), inner.count("total_cycles"))
