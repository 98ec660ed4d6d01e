"""The files that come with zkhost and are neither Python nor the library: templates, and the crates for guests.

The build script of the native library writes them to its OUT_DIR, and maturin puts them into `zkhost/_data`: in a
wheel, and in the package of an editable install alike. So this is their only place, and never a source tree.
"""

from __future__ import annotations

from pathlib import Path

from zkhost.errors import BuildError

_DATA = Path(__file__).resolve().parents[1] / "_data"


def templates_folder() -> Path:
    """Return the folder of `zkhost new`'s templates. Raises BuildError where this build of zkhost has none."""
    return _shipped("templates")


def guest_crates_folder() -> Path:
    """Return the folder of the crates that guests depend on, each in a folder of its name, with the Cargo.lock they
    were tested with. Raises BuildError where this build of zkhost has none."""
    return _shipped("guest-crates")


def _shipped(name: str) -> Path:
    folder = _DATA / name
    if not folder.is_dir():
        raise BuildError(
            f"this zkhost came without its {name}: there is no {folder}",
            hint="install zkhost from a wheel, or run `make setup` in its source tree",
        )
    return folder
