"""Finds the program to profile: a program binary, an ELF, or a project's guest built with debug information."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zkhost.errors import ProfileError

_ELF, _BINARY = b"\x7fELF", b"R0BF"


@dataclass(frozen=True, slots=True)
class NamedProgram:
    """A program binary and what to call it."""

    name: str
    binary: bytes


def is_program(path: Path) -> bool:
    """Whether the file is a program binary or an ELF."""
    with path.open("rb") as file:
        return file.read(4) in (_ELF, _BINARY)


def load_program(target: Path, guest: str | None = None) -> NamedProgram:
    """The program at `target`; `guest` picks one of a project's. Raises ProfileError where there is none."""
    if target.is_file():
        data = target.read_bytes()
        if data.startswith(_ELF):
            from zkhost import _shim

            data = _shim.call("program_binary", {"elf": data})["program"]
        return NamedProgram(target.stem, data)
    if not target.is_dir():
        raise ProfileError(
            f"{target} does not exist", hint="give a program binary (.bin), an ELF or a project's folder"
        )
    return _build(target, guest)


def _build(package: Path, guest: str | None) -> NamedProgram:
    """A guest of the package in this folder, built with debug information."""
    import sys

    from zkhost import _shim

    def show(output: bytes) -> None:
        sys.stderr.buffer.write(output)
        sys.stderr.buffer.flush()

    request = {"package": str(package), "bins": [guest] if guest else [], "debug": True}
    guests = _shim.call("build_guests", request, _shim.Host(writers={2: show}))["guests"]
    if len(guests) > 1:
        names = ", ".join(found["name"] for found in guests)
        raise ProfileError(f"{package} has several guests: {names}", hint="pick one with --guest NAME")
    return NamedProgram(guests[0]["name"], Path(guests[0]["program"]).read_bytes())
