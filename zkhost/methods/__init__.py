"""The guests that come with zkhost, built into the wheel: program binaries and their image IDs.

| guest   | input                    | journal                                        |
|---------|--------------------------|------------------------------------------------|
| factors | two u64                  | their product, a u64                           |
| sha256  | all of stdin, as bytes   | the 32 bytes of its SHA-256                    |
| echo    | all of stdin, as bytes   | the same bytes                                 |
| ml      | a model's inputs, advice | what a model computes (zkhost.ml makes these)  |

Each NAME has NAME_ELF (the program binary), NAME_ID (the ImageID) and NAME_PATH (where it lies). They are
read when first asked for. A build of zkhost made without a guest toolchain has none, which GuestNotFoundError reports.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zkhost.errors import GuestNotFoundError
from zkhost.image_id import ImageID

_DATA = Path(__file__).parent / "data"

FACTORS_ELF: bytes
FACTORS_ID: ImageID
FACTORS_PATH: Path
SHA256_ELF: bytes
SHA256_ID: ImageID
SHA256_PATH: Path
ECHO_ELF: bytes
ECHO_ID: ImageID
ECHO_PATH: Path
ML_ELF: bytes
ML_ID: ImageID
ML_PATH: Path

__all__ = [
    "ECHO_ELF",
    "ECHO_ID",
    "ECHO_PATH",
    "FACTORS_ELF",
    "FACTORS_ID",
    "FACTORS_PATH",
    "ML_ELF",
    "ML_ID",
    "ML_PATH",
    "SHA256_ELF",
    "SHA256_ID",
    "SHA256_PATH",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    guest, _, what = name.lower().rpartition("_")
    path = _DATA / f"{guest}.bin"
    try:
        if what == "path":
            path.stat()
            value: Any = path
        elif what == "elf":
            value = path.read_bytes()
        else:
            value = ImageID(json.loads((_DATA / "methods.json").read_text("utf-8"))[guest])
    except FileNotFoundError as exc:
        raise GuestNotFoundError(
            f"this zkhost has no bundled guest {guest}: it was built where there was no guest toolchain",
            hint="run `zkhost install`, then build zkhost again",
        ) from exc
    globals()[name] = value
    return value
