"""Errors of encoding and decoding: where (path and word offset), what was expected, what was found."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import DecodeError, EncodeError

__all__ = [
    "AS_RUST",
    "NESTING_LIMIT",
    "ZERO_SIZED_LIMIT",
    "Path",
    "refuse_found",
    "refuse_value",
    "refuse_words",
    "render",
    "show",
]

#: How many times a value may go through a recursive reference, one inside the other.
NESTING_LIMIT = 512
#: How many elements of no words (as of `Vec<()>`) one decode call makes in all.
ZERO_SIZED_LIMIT = 65_536

#: What to do about words that only a strict reader refuses.
AS_RUST = "strict=False accepts what the Rust deserializer does, which does not look at it"

Path = tuple[Any, Any] | None
"""A linked list, innermost first: (path of the parent, step); a step is ".field", an index, or a key as [repr]."""


def render(path: Path) -> str:
    """`.orders[3].price`; the empty path is the value itself."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(f"[{step}]" if isinstance(step, int) else step)
    return "".join(reversed(steps))


def show(value: Any) -> str:
    """Return a value with its type, truncated to fit a line."""
    if value is None:
        return "None"
    text = repr(value)
    if len(text) > 60:
        text = text[:57] + "..."
    return f"{text} ({type(value).__name__})"


def refuse_value(path: Path, expected: str, value: Any, hint: str | None = None) -> NoReturn:
    """Raise the EncodeError for a value."""
    refuse_found(path, expected, show(value), hint)


def refuse_found(path: Path, expected: str, found: str, hint: str | None = None) -> NoReturn:
    """Raise the EncodeError for what was found at a path."""
    where = render(path)
    raise EncodeError(
        f"at {where or 'the value'}: expected {expected}, found {found}",
        hint=hint,
        path=where,
        expected=expected,
        found=found,
    )


def refuse_words(path: Path, offset: int, expected: str, found: str, hint: str | None = None) -> NoReturn:
    """Raise the DecodeError for the word at `offset`."""
    where = render(path)
    raise DecodeError(
        f"at {where or 'the value'}, word {offset}: expected {expected}, found {found}",
        hint=hint,
        path=where,
        offset=offset,
        expected=expected,
        found=found,
    )
