"""How a guest package depends on zkhost's crates for guests.

A dependency is an ordinary one, on a version of crates.io. A build makes cargo use the copy that came with this
zkhost instead (`[patch.crates-io]` on its command line), so projects hold no copy, and build with plain cargo once that
version is published.
"""

from __future__ import annotations

import tomllib
from typing import Any

import tomlkit

from zkhost.project.discover import GuestPackage
from zkhost.project.shipped import guest_crates_folder

GUEST_CRATE = "zkhost-guest"
NN_CRATE = "zkhost-nn"


def crate_requirement(crate: str) -> str:
    """Return the version of one of zkhost's crates to depend on, as written in Cargo.toml: "0.1"."""
    manifest = guest_crates_folder() / crate / "Cargo.toml"
    version = str(tomllib.loads(manifest.read_text("utf-8"))["package"]["version"])
    return ".".join(version.split(".")[:2])


def add_guest_crate(package: GuestPackage) -> tuple[str, ...]:
    """Add to a guest package's Cargo.toml what generated code needs and it lacks: zkhost-guest and serde.

    Returns the names of what was added.
    """
    manifest = package.folder / "Cargo.toml"
    document = tomlkit.parse(manifest.read_text(encoding="utf-8"))
    if "dependencies" not in document:
        document["dependencies"] = tomlkit.table()
    known = document["dependencies"]
    wanted: dict[str, Any] = {
        GUEST_CRATE: crate_requirement(GUEST_CRATE),
        "serde": {"version": "1", "default-features": False, "features": ["alloc", "derive"]},
    }
    added = [name for name in wanted if name not in known]
    for name in added:
        known[name] = wanted[name]
        if isinstance(wanted[name], dict):
            known[name] = tomlkit.inline_table()
            known[name].update(wanted[name])
    if added:
        manifest.write_text(tomlkit.dumps(document), encoding="utf-8")
    return tuple(added)
