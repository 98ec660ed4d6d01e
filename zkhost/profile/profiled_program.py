"""The program to profile: a program binary, an ELF, or a project's guest built with debug information."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zkhost.errors import ProfileError
from zkhost.guest.program_file import read_program_file


@dataclass(frozen=True, slots=True)
class NamedProgram:
    """A program binary and its name."""

    name: str
    binary: bytes


def load_program(
    target: Path, guest: str | None = None, *, output: Callable[[bytes], object] = lambda data: None
) -> NamedProgram:
    """Return the program at `target`; `guest` picks one of a project's, and `output` receives what cargo prints.

    Raises ProfileError where there is none, and a BuildError where it cannot be built.
    """
    if target.is_file():
        return NamedProgram(target.stem, read_program_file(target))
    if not target.is_dir():
        raise ProfileError(
            f"{target} does not exist", hint="give a program binary (.bin), an ELF or a project's folder"
        )
    return _build(target, guest, output)


def _build(folder: Path, guest: str | None, output: Callable[[bytes], object]) -> NamedProgram:
    """Return a guest of the project in this folder (or above it), built with debug information."""
    from zkhost.project.builder import build_for_profile
    from zkhost.project.discover import find_project

    project = find_project(folder)
    bins = sorted(name for package in project.packages for name in package.bins)
    if guest is None and len(bins) > 1:
        raise ProfileError(f"{folder} has several guests: {', '.join(bins)}", hint="pick one with --guest NAME")
    name = guest or bins[0]
    package = project.owners(name)[0]
    # A package's name means its only bin.
    name = name if name in package.bins else package.bins[0]
    return NamedProgram(name, build_for_profile(project, name, output).read_bytes())
