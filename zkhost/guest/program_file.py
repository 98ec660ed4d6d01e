"""Programs in files: a program binary, as `zkhost build` writes it, or a guest's ELF, as cargo does."""

from __future__ import annotations

from pathlib import Path

_ELF, _BINARY = b"\x7fELF", b"R0BF"


def is_program(path: Path) -> bool:
    """Whether the file is a program binary or an ELF."""
    with path.open("rb") as file:
        return file.read(4) in (_ELF, _BINARY)


def read_program_file(path: Path) -> bytes:
    """The program binary in a file; an ELF is combined with risc0's kernel.

    Raises InvalidProgramError for a broken ELF; whatever else is in the file is given as it is.
    """
    data = path.read_bytes()
    if data.startswith(_ELF):
        from zkhost import _shim

        data = _shim.call("program_binary", {"elf": data})["program"]
    return data
