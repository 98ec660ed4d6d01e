"""A built guest as the caller sees it: typed execute and prove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.guest.program_file import read_program_file as read_program_file
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.guest.program_file": "read_program_file",
        },
    )
