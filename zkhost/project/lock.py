"""zkhost.lock: how each guest was built and its image ID, so that a build with a different result is detected.

TOML, one table `guest.NAME` each with `package`, `toolchain`, `flags`, `features`, `env` (NAME=VALUE), `source` (SHA-256 of the sources, by
their names within the project) and `image_id`. Meant to be committed; `zkhost build --check` compares.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from zkhost._files import write_atomic
from zkhost.errors import BuildError, DriftError

_HEADER = """# Made by `zkhost build`: commit it. `zkhost build --check` fails where a build comes out otherwise.
version = 1
"""

_WHAT = {
    "package": "the package",
    "toolchain": "the toolchain",
    "flags": "the rustc flags",
    "features": "the features",
    "env": "the variables",
    "source": "the sources",
    "image_id": "the image ID",
}


@dataclass(frozen=True)
class LockedGuest:
    """How a guest was built, and its image ID (64 hex digits)."""

    package: str
    toolchain: str
    flags: list[str]
    features: list[str]
    env: list[str]
    source: str
    image_id: str


def read_lock(path: Path) -> dict[str, LockedGuest]:
    """Return the recorded guests; none without a file. Raises BuildError for a file that is not a zkhost.lock."""
    if not path.exists():
        return {}
    names = {field.name for field in fields(LockedGuest)}
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        tables: dict[str, Any] = data.get("guest", {})
        return {name: LockedGuest(**{key: table[key] for key in names}) for name, table in tables.items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as exc:
        raise BuildError(
            f"{path} is not a lock file of zkhost: {exc!r}", hint="restore it, or delete it and build again"
        ) from exc


def write_lock(path: Path, guests: Mapping[str, LockedGuest]) -> None:
    """Write the file, unless it has that content already."""
    text = lock_text(guests)
    if not path.is_file() or path.read_text("utf-8") != text:
        write_atomic(path, text.encode(), durable=False)
        path.chmod(0o644)


def lock_text(guests: Mapping[str, LockedGuest]) -> str:
    """Return the file's text: guests by name, so that it is the same however they were built."""
    parts = [_HEADER]
    for name in sorted(guests):
        parts.append(f"\n[guest.{_toml(name)}]\n")
        parts += [f"{key} = {_toml(value)}\n" for key, value in asdict(guests[name]).items()]
    return "".join(parts)


def _toml(value: str | list[str]) -> str:
    """Return a value as TOML: JSON's strings and lists, except for one character that JSON does not escape."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def check_lock(path: Path, built: Mapping[str, LockedGuest], *, complete: bool) -> None:
    """Compare a build with the record. `complete`: every guest was built, so no recorded one may be missing.

    Raises DriftError that names each guest and what of it differs.
    """
    recorded = read_lock(path)
    if not recorded:
        raise DriftError(f"{path} records no guest", hint="run `zkhost build`, and commit the file")
    drifted = [line for name in sorted(built) for line in _drift(name, recorded.get(name), built[name])]
    if complete:
        drifted += [
            f"guest {name}: on record, but not in the project" for name in sorted(recorded.keys() - built.keys())
        ]
    if drifted:
        raise DriftError(
            "the build is not the one on record:\n" + "\n".join(f"  {line}" for line in drifted),
            hint="if it is meant to be another one, run `zkhost build` and commit zkhost.lock",
            drifted=drifted,
        )


def _drift(name: str, recorded: LockedGuest | None, built: LockedGuest) -> Iterable[str]:
    if recorded is None:
        yield f"guest {name}: not on record"
        return
    for key, what in _WHAT.items():
        old, new = getattr(recorded, key), getattr(built, key)
        if old != new:
            yield f"guest {name}: {what} changed from {_show(old)} to {_show(new)}"


def _show(value: str | list[str]) -> str:
    return value if isinstance(value, str) else (" ".join(value) or "none")
