"""zkhost's crate for guests: where our copy is, and how a guest package comes to depend on one of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import tomlkit

from zkhost.errors import ScaffoldError
from zkhost.project.discover import GuestPackage

_ZKHOST = Path(__file__).resolve().parents[1]
_NAME = "zkhost-guest"


def guest_crate() -> tuple[Path, Path]:
    """The folder of the crate zkhost-guest and the lock file that goes with it: the checkout's, else the wheel's."""
    for root in (_ZKHOST.parent / "guest-methods", _ZKHOST / "_guest_crate"):
        if (root / _NAME / "Cargo.toml").is_file():
            return root / _NAME, root / "Cargo.lock"
    raise ScaffoldError(
        "this zkhost came without its guest crate", hint="install zkhost from a wheel or a full checkout"
    )


def add_guest_crate(package: GuestPackage) -> tuple[str, ...]:
    """Adds to a guest package's Cargo.toml what generated code needs and it lacks: zkhost-guest, a copy of which is put
    beside the package, and serde. Gives the names of what was added."""
    manifest = package.folder / "Cargo.toml"
    document = tomlkit.parse(manifest.read_text(encoding="utf-8"))
    if "dependencies" not in document:
        document["dependencies"] = tomlkit.table()
    known = document["dependencies"]
    added = []
    for name, wanted in (
        (_NAME, {"path": f"../{_NAME}"}),
        ("serde", {"version": "1", "default-features": False, "features": ["alloc", "derive"]}),
    ):
        if name not in known:
            entry = tomlkit.inline_table()
            entry.update(wanted)
            known[name] = entry
            added.append(name)
    if _NAME in added:
        beside = package.folder.parent / _NAME
        if not beside.exists():
            shutil.copytree(guest_crate()[0], beside, ignore=shutil.ignore_patterns("target", "Cargo.lock"))
    if added:
        manifest.write_text(tomlkit.dumps(document), encoding="utf-8")
    return tuple(added)
