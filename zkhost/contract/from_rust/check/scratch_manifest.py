"""The Cargo.toml of a scratch crate: with the dependencies of the crate it copies."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

_WELL_KNOWN: dict[str, dict[str, Any]] = {
    "alloy-primitives": {"version": "1", "features": ["serde"]},
    "alloy-serde": {"version": "1"},
    "arrayvec": {"version": "0.7", "features": ["serde"]},
    "borsh": {"version": "1", "features": ["derive"]},
    "bytes": {"version": "1", "features": ["serde"]},
    "chrono": {"version": "0.4", "features": ["serde"]},
    "compact_str": {"version": "0.8", "features": ["serde"]},
    "either": {"version": "1", "features": ["serde"]},
    "ethereum-types": {"version": "0.15"},
    "hashbrown": {"version": "0.15", "features": ["serde"]},
    "hex": {"version": "0.4", "features": ["serde"]},
    "humantime-serde": {"version": "1"},
    "indexmap": {"version": "2", "features": ["serde"]},
    "num-bigint": {"version": "0.4", "features": ["serde"]},
    "ordered-float": {"version": "4", "features": ["serde"]},
    "primitive-types": {"version": "0.13", "features": ["serde"]},
    "risc0-zkvm": {"version": "3.0", "default-features": False},
    "rust_decimal": {"version": "1", "features": ["serde-str"]},
    "semver": {"version": "1", "features": ["serde"]},
    "serde-big-array": {"version": "0.5"},
    "serde_arrays": {"version": "0.2"},
    "serde_bytes": {"version": "0.11"},
    "serde_derive": {"version": "1"},
    "serde_repr": {"version": "0.1"},
    "serde_with": {"version": "3", "features": ["base64", "hex", "json"]},
    "smallvec": {"version": "1", "features": ["serde"]},
    "smol_str": {"version": "0.3", "features": ["serde"]},
    "solana-pubkey": {"version": "2", "features": ["serde"]},
    "time": {"version": "0.3", "features": ["serde"]},
    "url": {"version": "2", "features": ["serde"]},
    "uuid": {"version": "1", "features": ["serde"]},
}
"""For files that belong to no package: crates whose names stand in them."""

_TABLES = ("dependencies", "build-dependencies")


def loose_manifest(text: str) -> dict[str, Any]:
    """Return a manifest for files without one, with the well-known crates that their text names."""
    words = set(re.findall(r"\w+", text))
    named = {name: spec for name, spec in _WELL_KNOWN.items() if name.replace("-", "_") in words}
    serde = {"version": "1", "features": ["derive", "rc"]}
    return {"package": {"edition": "2021"}, "dependencies": {"serde": serde, **named}}


def package_manifest(manifest: Path) -> dict[str, Any]:
    """Return the manifest for a copy of a package: what it inherits from its workspace filled in, paths absolute."""
    toml = tomllib.loads(manifest.read_text())
    root, shared = _workspace(manifest, toml)
    package = toml.get("package", {})
    edition = package.get("edition", "2015")
    made: dict[str, Any] = {
        "package": {
            "edition": shared.get("package", {}).get("edition", "2021") if isinstance(edition, dict) else edition
        }
    }
    if "build" in package:
        made["package"]["build"] = package["build"]
    for table in _TABLES:
        made[table] = _resolved(toml.get(table, {}), manifest.parent, root, shared)
    targets = toml.get("target", {})
    made["target"] = {
        cfg: {table: _resolved(spec.get(table, {}), manifest.parent, root, shared) for table in _TABLES}
        for cfg, spec in targets.items()
    }
    made["features"] = toml.get("features", {})
    whole = tomllib.loads((root / "Cargo.toml").read_text())
    made["patch"] = {source: _resolved(table, root, root, {}) for source, table in whole.get("patch", {}).items()}
    return made


def _workspace(manifest: Path, toml: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    if "workspace" in toml:
        return manifest.parent, toml["workspace"]
    for folder in manifest.parent.parents:
        file = folder / "Cargo.toml"
        if file.is_file() and "workspace" in (outer := tomllib.loads(file.read_text())):
            return folder, outer["workspace"]
    return manifest.parent, {}


def _resolved(table: dict[str, Any], folder: Path, root: Path, shared: dict[str, Any]) -> dict[str, Any]:
    made = {}
    for name, spec in table.items():
        detail = dict(spec) if isinstance(spec, dict) else {"version": spec}
        base = folder
        if detail.pop("workspace", False):
            inherited = shared.get("dependencies", {}).get(name, {})
            inherited = dict(inherited) if isinstance(inherited, dict) else {"version": inherited}
            features = [*inherited.pop("features", []), *detail.pop("features", [])]
            detail, base = {**inherited, **detail, **({"features": features} if features else {})}, root
        if "path" in detail:
            detail["path"] = str((base / detail["path"]).resolve())
        made[name] = detail
    return made
