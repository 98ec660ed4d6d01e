"""The Rust module with the image IDs of other guests that a guest knows: src/image_ids.rs of its package.

`mod image_ids;` and `env::verify(image_ids::INNER_ID, journal)` is all that the guest needs. The file is meant to be
committed, as src/contract.rs is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zkhost._files import write_atomic
from zkhost.errors import BuildError, DriftError
from zkhost.image_id import ImageID
from zkhost.project.discover import GuestPackage
from zkhost.project.methods_module import constant

IMAGE_IDS_FILE = Path("src/image_ids.rs")
_MARK = "Made by `zkhost build`"
_HEADER = (
    f"//! The image IDs of the guests that this package's guests verify. {_MARK}; do not edit.\n#![allow(dead_code)]\n"
)


def write_image_ids(package: GuestPackage, image_ids: Mapping[str, str], *, check: bool = False) -> Path | None:
    """Write the module, and return its path if it changed; `image_ids` has 64 hex digits by guest.

    Raises BuildError rather than overwrite a file that zkhost did not generate, and DriftError where it would change
    and `check` is set.
    """
    path = package.folder / IMAGE_IDS_FILE
    text = image_ids_source(image_ids)
    old = path.read_text("utf-8") if path.is_file() else ""
    if old == text:
        return None
    if old.strip() and _MARK not in old:
        raise BuildError(
            f"{path} was not made by zkhost, and would be written over", hint="give that module another name"
        )
    if check:
        raise DriftError(
            f"{path} has not the image IDs of {', '.join(sorted(image_ids))} as they were built",
            hint="run `zkhost build`, and commit what it writes",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text.encode(), durable=False)
    path.chmod(0o644)
    return path


def image_ids_source(image_ids: Mapping[str, str]) -> str:
    """Return the module's text: one constant for each guest, eight words as in risc0, formatted as by rustfmt."""
    parts = [_HEADER]
    for guest in sorted(image_ids):
        words = ", ".join(f"0x{word:08x}" for word in ImageID(image_ids[guest]).words)
        parts.append(f"\npub const {constant(guest)}_ID: [u32; 8] = [\n    {words},\n];\n")
    return "".join(parts)
