"""Which built guests a folder stands for: one rule for `zkhost.load` and the command line.

1. A project's folder, its methods/ folder, or one of its guest packages: the guests of that project, as `zkhost build`
   put them into methods/. Other files there do not count.
2. Another folder with program binaries (*.bin): these.
3. Any other folder inside a project: the guests of that project.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from zkhost.errors import GuestNotFoundError
from zkhost.guest.program_file import is_program
from zkhost.project.discover import GuestProject, find_project

F = TypeVar("F")


def find_program(folder: Path, name: str | None) -> tuple[str, Path, Path | None]:
    """Name and program binary of a built guest, and its project's root (None for a binary that belongs to none).

    `name` may be None where there is only one.

    Raises GuestNotFoundError, with what was searched for and what exists.
    """
    loose = _binaries(folder)
    try:
        project = find_project(folder)
    except GuestNotFoundError:
        if not loose:
            raise
    else:
        if not loose or _is_part(folder.resolve(), project):
            found = _of_project(project, name, {} if folder.resolve() == project.methods else loose)
            return *found, project.root
    return *pick(loose, name, f"in {folder}"), None


def pick(found: dict[str, F], name: str | None, where: str, hint: str | None = None) -> tuple[str, F]:
    """Return the one of that name, or the only one. Raises GuestNotFoundError, naming those that exist."""
    if name is None and len(found) == 1:
        return next(iter(found.items()))
    if name is not None and name in found:
        return name, found[name]
    wanted = f"no guest {name}" if name is not None else "no guest" if not found else "more than one guest"
    there = f"it has {', '.join(sorted(found))}" if found else "run `zkhost build` first"
    raise GuestNotFoundError(f"there is {wanted} {where}", hint=hint or there)


def _of_project(project: GuestProject, name: str | None, loose: dict[str, Path]) -> tuple[str, Path]:
    guests = {guest for package in project.packages for guest in package.bins}
    built = {guest: path for guest, path in _binaries(project.methods).items() if guest in guests}
    hint = None
    if name in guests and name not in built:
        hint = f"run `zkhost build` in {project.root}"
    if name in loose and name not in built:
        hint = f"run `zkhost build` in {project.root}, or name the file {loose[name]} if that is what you mean"
    return pick(built, name, f"in {project.methods}, as far as it was built", hint)


def _is_part(folder: Path, project: GuestProject) -> bool:
    """Return whether this folder stands for the project."""
    return folder in (project.root, project.methods) or any(
        folder.is_relative_to(package.folder) for package in project.packages
    )


def _binaries(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.bin")) if path.is_file() and is_program(path)}
