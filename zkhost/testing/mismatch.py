"""The report when this codec and an oracle disagree: the value, and both streams word by word."""

from __future__ import annotations

import difflib
from typing import Any

from zkhost.errors import CodecError

__all__ = ["MismatchError", "align"]


class MismatchError(CodecError, AssertionError):
    """This codec and an oracle disagree."""

    value: Any
    """The value that was encoded."""
    format: str
    """The wire format, as in `standard`."""
    oracle: str
    """The oracle's name."""
    ours: bytes | None
    """What this codec made of the value; None where it raised."""
    theirs: bytes | None
    """What the oracle made of it; None where it refused."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        path: str = "",
        value: Any = None,
        format: str = "",
        oracle: str = "",
        ours: bytes | None = None,
        theirs: bytes | None = None,
    ) -> None:
        super().__init__(message, hint=hint, path=path)
        self.value = value
        self.format = format
        self.oracle = oracle
        self.ours = ours
        self.theirs = theirs


def align(ours: bytes, theirs: bytes, names: tuple[str, str], context: int = 3) -> str:
    """Return two streams side by side, a word a line, with `!` where they differ and gaps where one has more.

    >>> print(align(bytes([1, 0, 0, 0, 2, 0, 0, 0]), bytes([1, 0, 0, 0, 3, 0, 0, 0]), ("zkhost", "rust")))
       word  zkhost    rust
          0  00000001  00000001
    !     1  00000002  00000003
    """
    left, right = _words(ours), _words(theirs)
    rows: list[tuple[bool, str, str, str]] = []
    for tag, a, b, x, y in difflib.SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        for i in range(max(b - a, y - x)):
            mine, other = left[a + i : b][:1], right[x + i : y][:1]
            at = str(a + i) if mine else ""
            rows.append((tag != "equal", at, mine[0] if mine else "-", other[0] if other else "-"))
    width = max(8, len(names[0]))
    lines = [f"   word  {names[0]:{width}}  {names[1]}"]
    near = [any(row[0] for row in rows[max(0, i - context) : i + context + 1]) for i in range(len(rows))]
    skipped = False
    for row, shown in zip(rows, near, strict=True):
        if shown:
            lines.append(f"{'!' if row[0] else ' '} {row[1]:>5}  {row[2]:{width}}  {row[3]}")
        elif not skipped:
            lines.append("    ...")
        skipped = not shown
    return "\n".join(lines)


def _words(data: bytes) -> list[str]:
    """Return words as eight hex digits; bytes that do not fill one unchanged."""
    whole = len(data) // 4 * 4
    words = [f"{int.from_bytes(data[i : i + 4], 'little'):08x}" for i in range(0, whole, 4)]
    return words + ([data[whole:].hex()] if data[whole:] else [])
