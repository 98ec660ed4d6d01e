"""A project's methods module: MULTIPLY_ELF, MULTIPLY_ID, MULTIPLY_PATH and multiply.bin for a guest multiply."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from zkhost._files import write_atomic
from zkhost.errors import BuildError
from zkhost.image_id import ImageID

_HEADER = '''"""The project's guests: program binaries and image IDs. Made by `zkhost build`; do not edit."""

from pathlib import Path
from typing import Final

from zkhost import ImageID

_HERE: Final = Path(__file__).parent
'''
_MARK = "Made by `zkhost build`"


def write_methods(folder: Path, programs: Mapping[str, Path], image_ids: Mapping[str, str]) -> dict[str, Path]:
    """Copy the program binaries into `folder`, write the module there, and return the copies by guest.

    Guests of the module that are not among `programs` are kept if their image ID is given. Files that would not change
    are not written. Raises BuildError rather than overwrite a module that zkhost did not generate, and for two guests
    whose names differ only in what a Python name cannot hold.
    """
    module = folder / "__init__.py"
    if module.exists() and _MARK not in (text := module.read_text("utf-8")) and text.strip():
        raise BuildError(
            f"{module} was not made by zkhost, and would be written over", hint="move what is in it to another module"
        )
    _refuse_clashes(image_ids)
    folder.mkdir(parents=True, exist_ok=True)
    copies = {name: folder / f"{name}.bin" for name in image_ids}
    for name, program in programs.items():
        _write(copies[name], program.read_bytes())
    _write(module, module_source(image_ids).encode())
    _write(folder / "py.typed", b"")
    return copies


def module_source(image_ids: Mapping[str, str]) -> str:
    """Return the module's text; `image_ids` has the 64 hex digits by guest."""
    parts = [_HEADER]
    for guest in sorted(image_ids):
        name = constant(guest)
        parts.append(
            f'\n{name}_PATH: Final[Path] = _HERE / "{guest}.bin"\n'
            f"{name}_ELF: Final[bytes] = {name}_PATH.read_bytes()\n"
            f'{name}_ID: Final = ImageID("{ImageID(image_ids[guest])}")\n'
        )
    return "".join(parts)


def constant(guest: str) -> str:
    """Return the prefix of a guest's constants.

    >>> constant("my-guest")
    'MY_GUEST'
    """
    return re.sub(r"\W", "_", guest).upper()


def _refuse_clashes(guests: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for guest in guests:
        other = seen.setdefault(constant(guest), guest)
        if other != guest:
            raise BuildError(
                f"the guests {other!r} and {guest!r} would both be {constant(guest)} in Python",
                hint="rename one of them",
            )


def _write(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        write_atomic(path, content, durable=False)
        path.chmod(0o644)
