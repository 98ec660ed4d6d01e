"""Finds the guest packages of a project by its layout, reading Cargo manifests only.

Tried in this order, in the folder given and then in those above it:

| found                                             | guest packages           | the methods module goes to |
|---------------------------------------------------|--------------------------|----------------------------|
| Cargo.toml with `[package.metadata.risc0] methods`| those it names           | that folder                |
| methods/Cargo.toml with the same                  | those it names           | methods/                   |
| methods/guest/Cargo.toml                          | methods/guest            | methods/                   |
| guest/Cargo.toml                                  | guest                    | methods/                   |
| Cargo.toml of a package for the zkVM              | the folder itself        | methods/                   |
| Cargo.toml of a workspace                         | its members for the zkVM | methods/                   |

A package is for the zkVM if it depends on risc0-zkvm or zkhost-guest and has a bin. The first two are the layout of
`cargo risczero new`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkhost.errors import BuildError, GuestNotFoundError

_RUNTIMES = ("risc0-zkvm", "zkhost-guest")


@dataclass(frozen=True)
class GuestPackage:
    """A Cargo package with guests: its folder, its name, and the bins it declares or that lie in their usual places."""

    folder: Path
    name: str
    bins: tuple[str, ...]


@dataclass(frozen=True)
class GuestProject:
    """A project: its folder, its guest packages, and the folder of the methods module."""

    root: Path
    packages: tuple[GuestPackage, ...]
    methods: Path

    @property
    def lock(self) -> Path:
        """Where the project's zkhost.lock is."""
        return self.root / "zkhost.lock"

    def owners(self, guest: str) -> tuple[GuestPackage, ...]:
        """The packages a guest's name means: the one with such a bin, else the package of that name.

        Raises GuestNotFoundError, naming the guests there are.
        """
        found = tuple(package for package in self.packages if guest in package.bins)
        found = found or tuple(package for package in self.packages if guest == package.name)
        if not found:
            names = [name for package in self.packages for name in package.bins]
            raise GuestNotFoundError(
                f"{self.root} has no guest {guest!r}", hint=f"its guests: {', '.join(sorted(names))}"
            )
        return found


def find_project(path: Path) -> GuestProject:
    """The project in a folder or the nearest folder above it. Raises GuestNotFoundError where there is none."""
    start = path.resolve()
    if not start.is_dir():
        raise GuestNotFoundError(f"{path} is not a folder", hint="give a project's folder")
    folders = (start, *start.parents)
    for depth, folder in enumerate(folders):
        project = _project_in(folder)
        if project is not None:
            # A guest package is a project by itself, but rather part of the one around it.
            around = (_project_in(outer) for outer in folders[depth + 1 : depth + 3])
            wider = (p for p in around if p is not None and set(project.packages) <= set(p.packages))
            return next(wider, project)
    raise GuestNotFoundError(
        f"no guest package in {path} or above it",
        hint="a project has methods/guest/Cargo.toml, guest/Cargo.toml or a Cargo.toml that depends on risc0-zkvm; "
        "`zkhost new` makes one",
    )


def _project_in(folder: Path) -> GuestProject | None:
    for methods in (folder, folder / "methods"):
        named = _named_by(methods)
        if named:
            root = folder.parent if methods == folder and folder.name == "methods" else folder
            return GuestProject(root, named, methods)
    for inner in ("methods/guest", "guest"):
        package = _package(folder / inner, required=False)
        if package is not None:
            within = folder.name == "methods"
            return GuestProject(
                folder.parent if within else folder, (package,), folder if within else folder / "methods"
            )
    own = _package(folder)
    packages = (own,) if own is not None else tuple(_members(folder))
    return GuestProject(folder, packages, folder / "methods") if packages else None


def _named_by(folder: Path) -> tuple[GuestPackage, ...]:
    manifest = _manifest(folder)
    risc0 = manifest.get("package", {}).get("metadata", {}).get("risc0", {})
    packages = []
    for inner in risc0.get("methods", []):
        package = _package(folder / inner, required=False)
        if package is None:
            raise GuestNotFoundError(
                f"{folder / 'Cargo.toml'} names the guest package {inner!r}, which has no Cargo.toml or no bin",
                hint="correct [package.metadata.risc0] methods",
            )
        packages.append(package)
    return tuple(packages)


def _members(folder: Path) -> Iterator[GuestPackage]:
    workspace = _manifest(folder).get("workspace", {})
    for pattern in workspace.get("members", []):
        for member in sorted(folder.glob(pattern)):
            package = _package(member)
            if package is not None:
                yield package


def _package(folder: Path, *, required: bool = True) -> GuestPackage | None:
    """The guest package in a folder, if it is one; with `required` it must depend on what guests need."""
    manifest = _manifest(folder)
    name = manifest.get("package", {}).get("name")
    if not isinstance(name, str) or (required and not any(r in manifest.get("dependencies", {}) for r in _RUNTIMES)):
        return None
    bins = tuple(_bins(folder, manifest, name))
    return GuestPackage(folder.resolve(), name, bins) if bins else None


def _bins(folder: Path, manifest: dict[str, Any], package: str) -> Iterator[str]:
    """The bins of a package: those declared, and those that cargo finds by their place."""
    declared = {entry["name"]: entry.get("path") for entry in manifest.get("bin", []) if "name" in entry}
    yield from declared
    if not manifest["package"].get("autobins", True):
        return
    taken = {path for path in declared.values() if path}
    folders = sorted((folder / "src/bin").glob("*")) if (folder / "src/bin").is_dir() else []
    places = [("src/main.rs", package)]
    places += [(f"src/bin/{p.name}", p.stem) for p in folders if p.suffix == ".rs"]
    places += [(f"src/bin/{p.name}/main.rs", p.name) for p in folders if p.is_dir()]
    for place, name in places:
        if (folder / place).is_file() and place not in taken and name not in declared:
            yield name


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "Cargo.toml"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BuildError(f"{path} is not TOML: {exc}", hint="correct the file; cargo says more about it") from exc
