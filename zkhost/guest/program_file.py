"""Programs in files: a program binary, as `zkhost build` writes it, or a guest's ELF, as cargo does."""

from __future__ import annotations

from pathlib import Path

from zkhost.image_id import program_binary

_ELF, _BINARY = b"\x7fELF", b"R0BF"


def is_program(path: Path) -> bool:
    """Return whether the file is a program binary or an ELF."""
    with path.open("rb") as file:
        return file.read(4) in (_ELF, _BINARY)


def read_program_file(path: Path) -> bytes:
    """Return the program binary in a file; an ELF is combined with risc0's kernel.

    Raises InvalidProgramError for a broken ELF; any other content is returned unchanged.
    """
    data = path.read_bytes()
    return program_binary(data) if data.startswith(_ELF) else data
