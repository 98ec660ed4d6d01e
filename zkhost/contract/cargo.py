"""The guest packages of a project, read from their Cargo manifests alone: no cargo, no build."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkhost.errors import ContractError

_SKIPPED = frozenset({"target", ".git", ".venv", "node_modules", "__pycache__"})
_DEPTH = 4


@dataclass(frozen=True)
class GuestPackage:
    """A Cargo package with guests: its folder and the names of its programs."""

    folder: Path
    guests: tuple[str, ...]


def guest_packages(root: Path) -> list[GuestPackage]:
    """The packages below a folder that hold programs using risc0 or zkhost-guest, in the order of their folders.

    Raises ContractError for a manifest that is not TOML.
    """
    found = []
    for manifest in sorted(_manifests(root, _DEPTH)):
        try:
            data = tomllib.loads(manifest.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ContractError(f"{manifest} is not TOML: {error}") from error
        if {"risc0-zkvm", "zkhost-guest"} & data.get("dependencies", {}).keys():
            guests = tuple(_programs(manifest.parent, data))
            found += [GuestPackage(manifest.parent, guests)] if guests else []
    return found


def _manifests(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / "Cargo.toml").is_file():
        yield folder / "Cargo.toml"
    if depth:
        for inner in folder.iterdir():
            if inner.is_dir() and inner.name not in _SKIPPED and not inner.is_symlink():
                yield from _manifests(inner, depth - 1)


def _programs(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    """The names of a package's programs: those declared, and those Cargo finds by their place."""
    package = manifest.get("package", {})
    declared = manifest.get("bin", [])
    yield from (entry["name"] for entry in declared if "name" in entry)
    if package.get("autobins", True):
        taken = {str(entry.get("path", f"src/bin/{entry.get('name')}.rs")) for entry in declared}
        names = {str(entry.get("name")) for entry in declared}
        places = [("src/main.rs", str(package.get("name")))]
        bins = folder / "src" / "bin"
        for path in sorted(bins.iterdir()) if bins.is_dir() else []:
            if path.suffix == ".rs":
                places.append((f"src/bin/{path.name}", path.stem))
            elif (path / "main.rs").is_file():
                places.append((f"src/bin/{path.name}/main.rs", path.name))
        yield from (name for place, name in places
                    if (folder / place).is_file() and place not in taken and name not in names)  # fmt: skip
