"""A Cargo manifest: a package's bins, the members of a workspace, and whether a package is a guest or a host.

Read as cargo reads it for the guest's target: `[target.'cfg(...)'.dependencies]` count where they apply to the zkVM,
renamed dependencies by the crate's own name, and what `workspace = true` inherits from the workspace's table.
"""

from __future__ import annotations

import enum
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkhost.errors import BuildError

_RUNTIME, _GUEST_CRATE = "risc0-zkvm", "zkhost-guest"
_HOST_FEATURES = frozenset({"default", "prove", "client", "bonsai", "cuda", "metal"})
_TRIPLE = "riscv32im-risc0-zkvm-elf"
_CFG = {
    "target_os": "zkvm",
    "target_arch": "riscv32",
    "target_vendor": "risc0",
    "target_endian": "little",
    "target_pointer_width": "32",
    "target_env": "",
    "panic": "abort",
}
_TOKEN = re.compile(r'\s*([A-Za-z_][\w-]*|"[^"]*"|[(),=])')


class Side(enum.Enum):
    """Which side of risc0 a package is on, by its dependencies."""

    GUEST = "guest"
    HOST = "host"
    NEITHER = "neither"


@dataclass(frozen=True)
class Manifest:
    """A Cargo.toml, empty where it is missing: `folder` and the parsed `data`."""

    folder: Path
    data: Mapping[str, Any]

    @property
    def name(self) -> str | None:
        """The package's name; None for a workspace alone."""
        name = _table(self.data, "package").get("name")
        return name if isinstance(name, str) else None

    @property
    def methods(self) -> tuple[str, ...]:
        """`[package.metadata.risc0] methods`: the guest packages that a methods crate names, by their folders in it."""
        named = _table(self.data, "package", "metadata", "risc0").get("methods", [])
        return tuple(each for each in named if isinstance(each, str)) if isinstance(named, list) else ()

    def members(self) -> Iterator[Path]:
        """Yield the folders of a workspace's members, without those that `exclude` names."""
        workspace = _table(self.data, "workspace")
        excluded = [self.folder / each for each in workspace.get("exclude", [])]
        seen = set()
        for pattern in workspace.get("members", []):
            for folder in sorted(self.folder.glob(pattern)):
                # As in cargo: what is listed by its own name is a member nevertheless.
                listed = not any(c in pattern for c in "*?[")
                if not listed and any(folder.is_relative_to(each) for each in excluded):
                    continue
                if folder not in seen and (folder / "Cargo.toml").is_file():
                    seen.add(folder)
                    yield folder

    def bins(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the bins that are declared or in their usual places, each with the features it requires."""
        package = self.name
        if package is None:
            return
        entries = [entry for entry in self.data.get("bin", []) if "name" in entry]
        declared = {str(entry["name"]): entry for entry in entries}
        for name, entry in declared.items():
            yield name, tuple(entry.get("required-features", ()))
        if not _table(self.data, "package").get("autobins", True):
            return
        taken = {entry["path"] for entry in entries if "path" in entry}
        source = self.folder / "src/bin"
        inner = sorted(source.iterdir()) if source.is_dir() else []
        places = [("src/main.rs", package)]
        places += [(f"src/bin/{p.name}", p.stem) for p in inner if p.suffix == ".rs"]
        places += [(f"src/bin/{p.name}/main.rs", p.name) for p in inner if p.is_dir()]
        for place, name in places:
            if (self.folder / place).is_file() and place not in taken and name not in declared:
                yield name, ()

    def side(self, workspace: Manifest | None = None) -> Side:
        """Tell guest from host by the dependencies: risc0-zkvm with default features, `prove` or `client` is a host's.

        `workspace`: the manifest whose `[workspace.dependencies]` it inherits from.
        """
        found = self._dependencies(workspace)
        if _GUEST_CRATE in found:
            return Side.GUEST
        if _RUNTIME not in found:
            return Side.NEITHER
        features = found[_RUNTIME] | self._default_features()
        return Side.HOST if features & _HOST_FEATURES else Side.GUEST

    def _dependencies(self, workspace: Manifest | None) -> dict[str, frozenset[str]]:
        """Return each dependency for the zkVM, by its crate's own name, with its features; "default" is one of them."""
        shared = _table(workspace.data, "workspace", "dependencies") if workspace is not None else {}
        tables = [_table(self.data, "dependencies")]
        for target, table in _table(self.data, "target").items():
            if _is_guests(target):
                tables.append(_table(table, "dependencies"))
        found: dict[str, frozenset[str]] = {}
        for table in tables:
            for key, entry in table.items():
                name, features = _dependency(key, entry, shared)
                found[name] = found.get(name, frozenset()) | features
        return found

    def _default_features(self) -> frozenset[str]:
        """Return the features of risc0-zkvm that the package's own default features turn on."""
        features = _table(self.data, "features")
        names = {key for key, entry in self._all_entries() if _dependency(key, entry, {})[0] == _RUNTIME} | {_RUNTIME}
        found, open_, seen = set(), ["default"], set()
        while open_:
            feature = open_.pop()
            if feature in seen:
                continue
            seen.add(feature)
            for each in features.get(feature, []):
                crate, slash, inner = str(each).partition("/")
                if not slash:
                    open_.append(crate)
                elif crate.removesuffix("?") in names:
                    found.add(inner)
        return frozenset(found)

    def _all_entries(self) -> Iterator[tuple[str, Any]]:
        yield from _table(self.data, "dependencies").items()
        for table in _table(self.data, "target").values():
            yield from _table(table, "dependencies").items()


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in a folder. Raises BuildError for one that is not TOML."""
    path = folder / "Cargo.toml"
    try:
        return Manifest(folder, tomllib.loads(path.read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return Manifest(folder, {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BuildError(f"{path} is not TOML: {exc}", hint="correct the file; cargo's own message has more") from exc


def _dependency(key: str, entry: Any, shared: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    table: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
    inherited: Mapping[str, Any] = {}
    if table.get("workspace") is True:
        common = shared.get(key, {})
        inherited = common if isinstance(common, dict) else {}
    name = str(table.get("package", inherited.get("package", key)))
    features = {str(each) for each in (*inherited.get("features", ()), *table.get("features", ()))}
    # A member can turn on default features that the workspace's table turned off, but not the reverse.
    if table.get("default-features", inherited.get("default-features", True)) is not False:
        features.add("default")
    return name, frozenset(features)


def _table(data: Any, *path: str) -> Mapping[str, Any]:
    for key in path:
        data = data.get(key, {}) if isinstance(data, dict) else {}
    return data if isinstance(data, dict) else {}


def _is_guests(target: str) -> bool:
    """Return whether `[target.'...']` applies to the zkVM: its triple, or a `cfg(...)` that holds there.

    >>> _is_guests('cfg(target_os = "zkvm")'), _is_guests('cfg(not(target_os = "zkvm"))')
    (True, False)
    """
    inner = re.fullmatch(r"\s*cfg\s*\((.*)\)\s*", target, re.DOTALL)
    if inner is None:
        return target.strip() == _TRIPLE
    return _holds(_TOKEN.findall(inner[1]))


def _holds(tokens: list[str]) -> bool:
    """Read one predicate off the front of the tokens. An option that the target does not have does not hold."""
    if not tokens:
        return False
    word = tokens.pop(0)
    if tokens[:1] == ["("]:
        tokens.pop(0)
        inner = []
        while tokens and tokens[0] != ")":
            inner.append(_holds(tokens))
            if tokens[:1] == [","]:
                tokens.pop(0)
        if tokens:
            tokens.pop(0)
        return {"all": all(inner), "any": any(inner), "not": not any(inner)}.get(word, False)
    if tokens[:1] == ["="] and len(tokens) > 1:
        value = tokens[1].strip('"')
        del tokens[:2]
        return _CFG.get(word) == value
    return False
