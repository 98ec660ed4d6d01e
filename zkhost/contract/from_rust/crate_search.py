"""The caller's files and folders -> the crates that they belong to."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zkhost.contract.from_rust.cfg import Features
from zkhost.contract.from_rust.declarations import Dependency
from zkhost.contract.from_rust.source_crate import SourceCrate
from zkhost.errors import ContractError

_SKIPPED = frozenset({"target", ".git", "node_modules"})


class CrateSearch:
    """Reads crates, each once. `features`: those of the caller's crates, all others off; None: their defaults are on,
    the others unknown.
    """

    def __init__(self, features: frozenset[str] | None = None) -> None:
        self._features = features
        self._by_manifest: dict[Path, list[SourceCrate]] = {}

    def find(self, paths: Sequence[Path]) -> tuple[list[SourceCrate], list[Path]]:
        """Find the crates of files and folders, and the files requested. Raises ContractError without a Rust file."""
        asked: list[Path] = []
        for path in (p.resolve() for p in paths):
            asked += [path] if path.is_file() else self._files_of(path)
        asked = list(dict.fromkeys(asked))
        if not asked:
            shown = ", ".join(map(str, paths))
            raise ContractError(f"no Rust file in {shown}", hint="name a crate's folder, or its .rs files")
        crates: list[SourceCrate] = []
        loose: list[Path] = []
        for file in asked:
            own = next((c for c in self._around(file) if file in c.files), None)
            if own is None:
                loose.append(file)
            elif own not in crates:
                crates.append(own)
        return [*crates, *self._loose(loose)], asked

    def crate_in(self, folder: Path) -> SourceCrate | None:
        """Return the library in a folder; None where there is none."""
        manifest = (folder / "Cargo.toml").resolve()
        return next((c for c in self._crates(manifest) if c.name != ""), None) if manifest.is_file() else None

    def _files_of(self, folder: Path) -> list[Path]:
        """Return the Rust files that a folder stands for: those of its crates, or where it has none, all."""
        manifests = _found(folder, "Cargo.toml")
        packages = [m for m in manifests if "package" in _toml(m)]
        if packages:
            reached = [file for m in packages for crate in self._crates(m) for file in crate.files]
            return [file for file in reached if file.is_relative_to(folder)]
        return _found(folder, "*.rs")

    def _around(self, file: Path) -> list[SourceCrate]:
        """Return the crates of the nearest package above a file."""
        manifests = (folder / "Cargo.toml" for folder in file.parents)
        nearest = next((m for m in manifests if m.is_file() and "package" in _toml(m)), None)
        return self._crates(nearest) if nearest else []

    def _loose(self, files: list[Path]) -> list[SourceCrate]:
        """Return the crates of files that belong to no package: the roots that reach others, and the rest together."""
        order = {"lib.rs": 0, "main.rs": 1, "mod.rs": 2}
        crates: list[SourceCrate] = []
        rest: list[Path] = []
        for file in sorted(files, key=lambda f: (order.get(f.name, 3), len(f.parts), f)):
            if any(file in crate.files for crate in crates):
                continue
            trial = SourceCrate("", file, features=self._closed())
            if file.name in order or len(trial.files) > 1 or len(files) == 1:
                crates.append(trial)
            else:
                rest.append(file)
        rest = [file for file in rest if not any(file in crate.files for crate in crates)]
        for folder in dict.fromkeys(file.parent for file in rest):
            members = [file for file in rest if file.parent == folder]
            alone = len(members) == 1
            crates.append(SourceCrate("", members[0] if alone else None, features=self._closed(),
                                      members=() if alone else members))  # fmt: skip
        return crates

    def _closed(self) -> Features:
        return Features() if self._features is None else Features(self._features, closed=True)

    def _crates(self, manifest: Path) -> list[SourceCrate]:
        """Return the targets of a package: its library first, then its programs, whose names are empty."""
        if manifest not in self._by_manifest:
            self._by_manifest[manifest] = []
            self._by_manifest[manifest] += self._read(manifest)
        return self._by_manifest[manifest]

    def _read(self, manifest: Path) -> list[SourceCrate]:
        toml, folder = _toml(manifest), manifest.parent
        package = toml.get("package")
        if not isinstance(package, dict):
            return []
        dependencies = _dependencies(toml, manifest)
        features = _features(toml.get("features", {}), self._features)
        lib = toml.get("lib", {})
        name = str(lib.get("name") or package.get("name", "")).replace("-", "_")
        root = folder / lib.get("path", "src/lib.rs")
        crates = []
        programs = dict(dependencies)
        if root.is_file():
            crates.append(SourceCrate(name, root, dependencies=dependencies, features=features, manifest=manifest))
            programs[name] = Dependency(name, folder)
        paths = [b.get("path") or f"src/bin/{b.get('name')}.rs" for b in toml.get("bin", []) if isinstance(b, dict)]
        bins = [folder / "src/main.rs", *(folder / path for path in paths), *sorted((folder / "src/bin").glob("*.rs")),
                *sorted((folder / "src/bin").glob("*/main.rs"))]  # fmt: skip
        for file in dict.fromkeys(b.resolve() for b in bins if b.is_file()):
            crates.append(SourceCrate("", file, dependencies=programs, features=features, manifest=manifest))
        return crates


def _found(folder: Path, pattern: str) -> list[Path]:
    return sorted(
        found.resolve()
        for found in folder.rglob(pattern)
        if not _SKIPPED & set(found.relative_to(folder).parts[:-1]) and found.is_file()
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ContractError(f"{path} cannot be read: {error}", hint="cargo would not read it either") from error


def _dependencies(toml: dict[str, Any], manifest: Path) -> dict[str, Dependency]:
    """Return the crates that paths may name: those a package depends on, including those of its targets."""
    tables = [toml.get("dependencies", {}), toml.get("build-dependencies", {}), toml.get("dev-dependencies", {})]
    tables += [target.get("dependencies", {}) for target in toml.get("target", {}).values()]
    shared, shared_folder = _workspace(toml, manifest)
    found: dict[str, Dependency] = {}
    for table in reversed(tables):
        for name, spec in table.items():
            folder, detail = manifest.parent, spec if isinstance(spec, dict) else {}
            features = set(_strings(detail.get("features")))
            if detail.get("workspace"):
                inherited = shared.get(name, {})
                folder, detail = shared_folder, inherited if isinstance(inherited, dict) else {}
                features |= set(_strings(detail.get("features")))
            path = detail.get("path")
            package = str(detail.get("package", name))
            found[name.replace("-", "_")] = Dependency(package, folder / path if path else None, frozenset(features))
    return found


def _workspace(toml: dict[str, Any], manifest: Path) -> tuple[dict[str, Any], Path]:
    """Return the dependencies that a workspace shares with its members, and its folder."""
    for folder in manifest.parents:
        candidate = toml if folder == manifest.parent else _toml(folder / "Cargo.toml") if (folder / "Cargo.toml").is_file() else {}  # fmt: skip
        if "workspace" in candidate:
            return candidate["workspace"].get("dependencies", {}), folder
    return {}, manifest.parent


def _features(table: dict[str, Any], chosen: frozenset[str] | None) -> Features:
    """Return the features that are on: those chosen, or the default ones, with what they turn on."""
    on: set[str] = set()
    todo = ["default", *(chosen or ())]
    while todo:
        feature = todo.pop()
        if feature not in on:
            on.add(feature)
            todo += _strings(table.get(feature))
    return Features(frozenset(on), closed=chosen is not None)


def _strings(value: object) -> Iterable[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
