"""A JSON object from the server, its fields read with their type checked."""

from __future__ import annotations

import json
import re
from typing import Any

from zkhost.errors import RemoteAnswerError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_TEXT_LIMIT = 8192
_U64 = 1 << 64


def is_id(text: str) -> bool:
    """Return whether the text can be an id of the API, and so part of a path."""
    return _ID.fullmatch(text) is not None


class JsonObject:
    """A JSON object whose fields are read with their type checked."""

    def __init__(self, what: str, value: bytes | object) -> None:
        """Wrap JSON text, or a value parsed from it. `what` names it in errors."""
        self.what = what
        if isinstance(value, bytes):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as exc:
                raise self.wrong("is not JSON") from exc
        if not isinstance(value, dict):
            raise self.wrong("is not a JSON object")
        self.fields: dict[str, Any] = value

    def wrong(self, why: str) -> RemoteAnswerError:
        """Return the error for this message."""
        return RemoteAnswerError(
            f"the remote prover's answer ({self.what}) {why}",
            hint="check that BONSAI_API_URL is the root of a Bonsai API, and its version",
        )

    def text(self, name: str) -> str:
        """Return a non-empty text."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise self.wrong(f"has no text in {name!r}")
        if len(value) > _TEXT_LIMIT:
            raise self.wrong(f"has more than {_TEXT_LIMIT} characters in {name!r}")
        return value

    def optional_text(self, name: str) -> str | None:
        """As `text`, or None where the field is absent, null or empty."""
        return None if self.fields.get(name) in (None, "") else self.text(name)

    def message(self, name: str) -> str | None:
        """Return a text for people: of any length, truncated."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(f"has no text in {name!r}")
        return value[:_TEXT_LIMIT] or None if value else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.fields.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(f"has no list of texts in {name!r}")
        return tuple(value)

    def id(self, name: str) -> str:
        """Return an id of the API, fit to be part of a path."""
        value = self.text(name)
        if not is_id(value):
            raise self.wrong(f"has an id that cannot be part of a path in {name!r}")
        return value

    def integer(self, name: str) -> int:
        """Return a 64-bit integer."""
        value = self.fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _U64:
            raise self.wrong(f"has no 64-bit whole number in {name!r}")
        return value

    def count(self, name: str) -> int:
        """As `integer`, not negative."""
        value = self.integer(name)
        if value < 0:
            raise self.wrong(f"has a negative number in {name!r}")
        return value

    def optional_seconds(self, name: str) -> float | None:
        """Return a non-negative time, or None."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e12:
            raise self.wrong(f"has no time in {name!r}")
        return float(value)

    def optional_object(self, name: str) -> JsonObject | None:
        """Return a nested object, or None."""
        value = self.fields.get(name)
        return None if value is None else JsonObject(f"{self.what}, {name}", value)
