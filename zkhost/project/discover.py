"""The guest packages of a project, found by its layout from Cargo manifests and pyproject.toml alone.

Tried in this order, in the caller's folder and then in those above it:

| found                                                               | guest packages     | the methods module goes to   |
|---------------------------------------------------------------------|--------------------|------------------------------|
| pyproject.toml with `[tool.zkhost] packages`                        | those it names     | methods/                     |
| methods crates: the folder itself, methods/, members of a workspace | those they name    | the crate, if it is the only one, else methods/ |
| methods/guest/Cargo.toml                                            | methods/guest      | methods/                     |
| guest/Cargo.toml                                                    | guest              | methods/                     |
| Cargo.toml of a guest package                                       | the folder itself  | methods/                     |
| Cargo.toml of a workspace                                           | its guest packages | methods/                     |

A methods crate is one with `[package.metadata.risc0] methods`. The last two rows go by dependencies: a guest package has
a bin and depends on risc0-zkvm or zkhost-guest; with default features, `prove` or `client` of risc0-zkvm it is a host.
The last row is a guess, which a build reports. `[tool.zkhost] exclude` removes packages from any of them.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from zkhost.errors import BuildError, GuestNotFoundError
from zkhost.project.manifest import Manifest, Side, read_manifest
from zkhost.project.settings import ProjectSettings, read_settings

_SKIPPED = frozenset({"target", "node_modules", "venv", "site-packages"})
_QUICK_LOOK = 500


@dataclass(frozen=True)
class GuestPackage:
    """A Cargo package with guests: its folder, its name, and the bins it declares or that are in their usual places.

    `required_features` has the features that a bin needs to be built at all, for those that need any.
    """

    folder: Path
    name: str
    bins: tuple[str, ...]
    required_features: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class GuestProject:
    """A project: its folder, its guest packages, and the folder of the methods module.

    `guessed`: nothing names the packages, their dependencies identified them as guests. `unread`: build scripts of
    methods crates that set options of guests in Rust, which is not read.
    """

    root: Path
    packages: tuple[GuestPackage, ...]
    methods: Path
    guessed: bool = False
    unread: tuple[Path, ...] = ()

    @property
    def lock(self) -> Path:
        """The path of the project's zkhost.lock."""
        return self.root / "zkhost.lock"

    @property
    def settings(self) -> ProjectSettings:
        """The project's current settings. Raises BuildError for an invalid file."""
        return read_settings(self.root)

    def owners(self, guest: str) -> tuple[GuestPackage, ...]:
        """Return the packages a guest's name means: the one with such a bin, else the package of that name.

        Raises GuestNotFoundError, naming the guests that exist.
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
    """Find the project in a folder or the nearest folder above it.

    Raises GuestNotFoundError where there is none, and BuildError where two of its packages have a guest of one name.
    """
    start = path.resolve()
    if not start.is_dir():
        raise GuestNotFoundError(f"{path} is not a folder", hint="give a project's folder")
    folders = (start, *start.parents)
    for depth, folder in enumerate(folders):
        project = _project_in(folder)
        if project is None:
            continue
        if _is_alone(project, folder):
            # A guest package is a project by itself only where it is not part of one around it.
            around = (_project_in(outer) for outer in folders[depth + 1 : depth + 3])
            own = {package.folder for package in project.packages}
            parts = (p for p in around if p is not None and not p.guessed)
            wider = (p for p in parts if own <= {package.folder for package in p.packages})
            project = next(wider, project)
        _refuse_twins(project)
        return project
    raise GuestNotFoundError(f"no guest package in {path} or above it", hint=_hint(start))


def _project_in(folder: Path) -> GuestProject | None:
    settings = read_settings(folder)
    project = _by_layout(folder, settings)
    if project is None or not settings.exclude:
        return project
    excluded = [(folder / each).resolve() for each in settings.exclude]
    packages = tuple(p for p in project.packages if not any(p.folder.is_relative_to(each) for each in excluded))
    return replace(project, packages=packages) if packages else None


def _by_layout(folder: Path, settings: ProjectSettings) -> GuestProject | None:
    if settings.packages:
        named = tuple(_named(settings.file, "[tool.zkhost] packages", folder / each) for each in settings.packages)
        return GuestProject(folder, named, folder / "methods")
    manifest = read_manifest(folder)
    methods = _methods_crates(folder, manifest)
    if methods:
        packages = (
            _named(crate.folder / "Cargo.toml", "[package.metadata.risc0] methods", crate.folder / inner)
            for crate in methods
            for inner in crate.methods
        )
        crate = methods[0].folder if len(methods) == 1 else folder / "methods"
        root = folder.parent if crate == folder and folder.name == "methods" else folder
        scripts = (each.folder / "build.rs" for each in methods)
        unread = tuple(script for script in scripts if _sets_options(script))
        return GuestProject(root, tuple(dict.fromkeys(packages)), crate, unread=unread)
    for inner in ("methods/guest", "guest"):
        package = _package(read_manifest(folder / inner))
        if package is not None:
            within = folder.name == "methods"
            return GuestProject(
                folder.parent if within else folder, (package,), folder if within else folder / "methods"
            )
    own = _package(manifest) if manifest.side(manifest) is Side.GUEST else None
    if own is not None:
        return GuestProject(folder, (own,), folder / "methods")
    guests = tuple(_guests_of(manifest))
    return GuestProject(folder, guests, folder / "methods", guessed=True) if guests else None


def _methods_crates(folder: Path, manifest: Manifest) -> list[Manifest]:
    """Return the methods crates of a folder: itself, methods/, and the members of its workspace."""
    members = [read_manifest(each) for each in manifest.members()]
    beside = [] if manifest.methods else [read_manifest(folder / "methods")]
    return list({crate.folder: crate for crate in (manifest, *beside, *members) if crate.methods}.values())


def _sets_options(script: Path) -> bool:
    """Return whether a build script passes options of its own to risc0-build."""
    try:
        text = script.read_text("utf-8", errors="replace")
    except OSError:
        return False
    return "embed_methods_with_options" in text or "GuestOptions" in text


def _guests_of(workspace: Manifest) -> Iterator[GuestPackage]:
    for member in workspace.members():
        manifest = read_manifest(member)
        package = _package(manifest) if manifest.side(workspace) is Side.GUEST else None
        if package is not None:
            yield package


def _named(file: Path, where: str, folder: Path) -> GuestPackage:
    package = _package(read_manifest(folder))
    if package is None:
        raise GuestNotFoundError(
            f"{file} names the guest package {os.path.relpath(folder, file.parent)!r}, which has no Cargo.toml or no bin",
            hint=f"correct {where}",
        )
    return package


def _package(manifest: Manifest) -> GuestPackage | None:
    """Return the package of a manifest, if it has a bin."""
    bins = tuple(manifest.bins())
    if manifest.name is None or not bins:
        return None
    required = tuple((name, features) for name, features in bins if features)
    return GuestPackage(manifest.folder.resolve(), manifest.name, tuple(name for name, _ in bins), required)


def _is_alone(project: GuestProject, folder: Path) -> bool:
    """Return whether the project is only the guest package in this folder."""
    return [package.folder for package in project.packages] == [folder]


def _refuse_twins(project: GuestProject) -> None:
    owners: dict[str, GuestPackage] = {}
    for package in project.packages:
        for name in package.bins:
            other = owners.setdefault(name, package)
            if other != package:
                raise BuildError(
                    f"two packages of {project.root} have a guest called {name}: "
                    f"{_inside(project.root, other)} and {_inside(project.root, package)}",
                    hint="rename one, name the folder of one of their methods crates instead, or leave one out by "
                    "`exclude` of [tool.zkhost] in pyproject.toml",
                )


def _inside(root: Path, package: GuestPackage) -> str:
    return os.path.relpath(package.folder, root)


def _hint(start: Path) -> str:
    """Return what to do where no project was found: why hosts do not count, and where guests are in folders below."""
    manifest = read_manifest(start)
    hosts = [each for each in (manifest, *map(read_manifest, manifest.members())) if each.side(manifest) is Side.HOST]
    seen = ""
    if hosts:
        names = ", ".join(str(host.name) for host in hosts[:5])
        seen = f"{names}: risc0-zkvm with default features, `prove` or `client` makes a host; guests have default-features = false. "
    below = [os.path.relpath(folder, start) for folder in islice(_projects_below(start, 3), 5)]
    if below:
        return f"{seen}There are guests below, in {', '.join(below)}: name one of these folders"
    return (
        f"{seen}A project has a crate with [package.metadata.risc0] methods, methods/guest/Cargo.toml, guest/Cargo.toml or a "
        "Cargo.toml that depends on risc0-zkvm; `zkhost new` makes one"
    )


def _projects_below(start: Path, depth: int) -> Iterator[Path]:
    """Yield folders with projects some levels below, as far as a quick search finds them."""
    open_, looked_at = deque([(start, 0)]), 0
    while open_ and looked_at < _QUICK_LOOK:
        folder, level = open_.popleft()
        with contextlib.suppress(OSError):
            for inner in sorted(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink()):
                if inner.name.startswith(".") or inner.name in _SKIPPED:
                    continue
                looked_at += 1
                with contextlib.suppress(BuildError):
                    if _project_in(inner) is not None:
                        yield inner
                        continue
                if level + 1 < depth:
                    open_.append((inner, level + 1))
