"""Where rustfmt (edition 2021, its defaults) breaks a type into lines: the rules of its types.rs, overflow.rs and pairs.rs.

In text of several lines, every line but the first has its indentation from the left margin. None: it does not fit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from zkhost.contract.item_model import Array, Named, RustType, Tuple
from zkhost.contract.naming import rust_identifier

MAX_WIDTH = 100
CALL_WIDTH = 60
"""What stands in the parentheses of a tuple, on one line."""
LONGEST_ARRAY = 32
"""serde's own limit: longer arrays are `zkhost_guest::BigArray`."""
INDENT = 4


@dataclass(frozen=True, slots=True)
class Room:
    """Where text may go: from column `indent` + `used` on, `width` columns; further lines begin at `indent`."""

    width: int
    indent: int
    used: int = 0

    @classmethod
    def line(cls, indent: int) -> Room:
        """Return a whole line."""
        return cls(max(MAX_WIDTH - indent, 0), indent)

    def after(self, columns: int) -> Room | None:
        """Return the room left after text of `columns` columns."""
        return self.short_by(columns) and replace(self, width=self.width - columns, used=self.used + columns)

    def short_by(self, columns: int) -> Room | None:
        """Return the same with `columns` columns fewer at the end."""
        return replace(self, width=self.width - columns) if columns <= self.width else None

    def inside(self) -> Room:
        """Return a line of a list that is broken here, its comma reserved."""
        line = Room.line(self.indent + INDENT)
        return replace(line, width=max(line.width - 1, 0))

    def below(self) -> Room | None:
        """Return the next line, indented, with what follows this room reserved."""
        overhead = max(MAX_WIDTH - (self.indent + self.used + self.width), 0)
        return Room.line(self.indent + INDENT).short_by(overhead)

    def fits(self, text: str) -> bool:
        """Return whether the text, of one line or more, fits."""
        lines = text.split("\n")
        if len(lines) == 1:
            return len(text) <= self.width
        far = self.indent + self.used + self.width
        return len(lines[0]) <= self.width and max(map(len, lines[1:])) <= MAX_WIDTH and len(lines[-1]) <= far


def type_text(rust_type: RustType) -> str:
    """Return the type on one line."""
    match rust_type:
        case Named(name, ()):
            return rust_identifier(name)
        case Named(name, args):
            return f"{rust_identifier(name)}<{', '.join(map(type_text, args))}>"
        case Tuple((only,)):
            return f"({type_text(only)},)"
        case Tuple(items):
            return f"({', '.join(map(type_text, items))})"
        case Array(item, length) if length > LONGEST_ARRAY:
            return f"BigArray<{type_text(item)}, {length}>"
        case Array(item, length):
            return f"[{type_text(item)}; {length}]"


@functools.lru_cache(maxsize=1024)  # otherwise the time doubles with each level of tuples
def type_lines(rust_type: RustType, room: Room | None) -> str | None:
    """Return the type in `room`, over as many lines as it needs."""
    if room is None:
        return None
    match rust_type:
        case Named(name, args):
            return _generic(rust_identifier(name), [_part(arg) for arg in args], room)
        case Tuple(items):
            alone = len(items) == 1
            return bracketed("", "()", [_part(item) for item in items], room, CALL_WIDTH, comma=alone)
        case Array(item, length) if length > LONGEST_ARRAY:
            return _generic("BigArray", [_part(item), Part(lambda room: _word(str(length), room))], room)
        case Array(item, length):
            return _array(item, str(length), room)


@dataclass(frozen=True, slots=True)
class Part:
    """One of a list in brackets: its text in a room, and whether it may begin on the line of the opening bracket."""

    text: Callable[[Room], str | None]
    may_overflow: bool = False


def _part(rust_type: RustType) -> Part:
    return Part(lambda room: type_lines(rust_type, room), isinstance(rust_type, Tuple))


def _word(text: str, room: Room) -> str | None:
    return text if room.fits(text) else None


def _generic(name: str, args: Sequence[Part], room: Room) -> str | None:
    rest = room.after(len(name))
    if rest is None:
        return None
    if not args:
        return name
    text = bracketed("", "<>", args, rest, MAX_WIDTH)
    return text and name + text


def _array(item: RustType, length: str, room: Room) -> str | None:
    left = type_lines(item, replace(room, width=max(MAX_WIDTH - room.indent - room.used - len("[;"), 0)))
    if left is None:
        return None
    if len(_last(f"[{left}; {length}]")) <= room.width:
        return f"[{left}; {length}]"
    below = room.below()
    return f"[{left};\n{' ' * below.indent}{length}]" if below and below.fits(length) else None


def bracketed(
    head: str, brackets: str, parts: Sequence[Part], room: Room, width: int, *, comma: bool = False
) -> str | None:
    """`head` and a list in brackets, up to `width` columns of it on one line; `comma`: a comma ends that line too.

    A list of one may take the whole line.
    """
    inside = room.inside()
    budget = max(room.width - _beyond(head, room) - 2, 0)
    one_line, listed = True, _overflowed(parts, head, room, min(width, budget))
    if listed is None:
        texts = [text for part in parts if (text := part.text(inside)) is not None]
        if len(texts) < len(parts):
            return None
        columns = sum(map(len, texts)) + 2 * (len(texts) - 1)
        one_line = not any("\n" in text for text in texts) and columns <= (
            budget if len(texts) == 1 else min(width, budget)
        )
        listed = (", " if one_line else f",\n{' ' * inside.indent}").join(texts)
    listed += "," if comma or not one_line else ""
    if one_line and (len(_first(listed)) + 1 if listed else 2) <= max(room.width - len(_last(head)), 0):
        return head + brackets[0] + listed + brackets[1]
    opening = f"\n{' ' * inside.indent}{listed}" if listed else ""
    return f"{head}{brackets[0]}{opening}\n{' ' * room.indent}{brackets[1]}"


def _overflowed(parts: Sequence[Part], head: str, room: Room, width: int) -> str | None:
    """Return a single part that begins on the line of the opening bracket, where it may and fits."""
    if len(parts) != 1 or not parts[0].may_overflow:
        return None
    behind = room.after(len(_last(head)) + 1)
    text = parts[0].text((behind and behind.short_by(1)) or replace(room, width=0))
    if text is None or len(_first(text)) > width:
        return None
    whole = parts[0].text(room.inside())
    return whole if text.count("\n") == 1 and whole and "\n" not in whole else text


def _first(text: str) -> str:
    return text.partition("\n")[0]


def _last(text: str) -> str:
    return text.rpartition("\n")[2]


def _beyond(head: str, room: Room) -> int:
    """Return how many columns of the room `head` takes."""
    return max(len(_last(head)) - room.indent - room.used, 0) if "\n" in head else len(head)


def assigned(prefix: str, rust_type: RustType, room: Room) -> str | None:
    """Return a field: `name:` behind its visibility, or the visibility alone, and its type."""
    named = prefix.endswith(":")
    text = type_lines(rust_type, room.after(len(prefix.strip()) + named))
    if text is not None and "\n" not in text:
        return f"{prefix} {text}" if named else prefix + text
    over = len(prefix) + 1
    behind = room.after(over) or replace(room, width=0, used=room.used + over)
    beside, below = type_lines(rust_type, behind), behind.below()
    lower = type_lines(rust_type, below)
    if below is None or lower is None or (beside is not None and not (below.fits(lower) and _better(lower, beside))):
        # Where there is no name rustfmt adds this space too, after that of `pub `.
        return beside and f"{prefix} {beside}".removeprefix(" ")
    if prefix and not named:
        return None  # rustfmt would leave a space after `pub`, and fail because of it
    return f"{prefix}\n{' ' * below.indent}{lower}".removeprefix(f"\n{' ' * below.indent}")


def _better(lower: str, beside: str) -> bool:
    first, second = _first(beside), _first(lower)
    return (
        "\n" not in lower
        or beside.count("\n") > lower.count("\n") + 1
        or any(first.endswith(sign) and not second.endswith(sign) for sign in "({[")
    )
