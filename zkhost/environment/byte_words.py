"""Bytes that the standard format sends as a word each, and the warning about many of them."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any

from zkhost.codec import schema as s

MANY_BYTES = 4096
"""So many bytes of one value, a word each, are worth a WordPerByteWarning."""

_MOST_PARTS = 10_000
"""How many parts of a value are looked at: the warning must not cost more than the encoding."""


class WordPerByteWarning(UserWarning):
    """A value's bytes go to the guest as a word each, which costs it a hundred cycles a byte and more."""


def warn_of_bytes(node: s.Node, value: Any) -> None:
    """Warn where more than MANY_BYTES of a value are sent that way; docs/cycles.md has the figures."""
    count = bytes_as_words(node, value)
    if count > MANY_BYTES:
        warnings.warn(
            f"{count:,} bytes go to the guest as a word each, for which env::read takes some {113 * count:,} cycles "
            f"(zkhost_guest::read: {4 * count:,}); with format='packed' and zkhost_guest::packed::read in the guest, as "
            f"serde bytes, or with write_slice they take {count // 7:,}: see docs/cycles.md",
            WordPerByteWarning,
            stacklevel=3,
        )


def bytes_as_words(node: s.Node, value: Any) -> int:
    """The length of all `Vec<u8>` and `[u8; n]` (and of bools) in an encodable value, in its first _MOST_PARTS parts."""
    count, left = 0, _MOST_PARTS
    todo: list[tuple[s.Node, Any]] = [(node, value)]
    while todo and left > 0:
        here, part = todo.pop()
        left -= 1
        match here:
            case s.Bytes(serde=False):
                count += len(part)
            case s.Seq(inner=inner) | s.Array(inner=inner) | s.Set(inner=inner) if _is_byte(inner):
                count += len(part)
            case s.Seq(inner=inner) | s.Array(inner=inner) | s.Set(inner=inner) if _has_bytes(inner):
                todo += [(inner, item) for item in islice(part, left)]
            case s.Map(key=key, value=item) if _has_bytes(here):
                for one, other in islice(part.items(), left):
                    todo += [(key, one), (item, other)]
            case s.Option(inner=inner, wrapped=False) | s.NewType(inner=inner) if part is not None:
                todo.append((inner, part))
            case s.Tuple(items=items):
                todo += zip(items, part, strict=False)
            case s.Struct(fields=fields):
                todo += [(field.type, getattr(part, field.name)) for field in fields]
            case s.Enum(variants=variants):
                fields = next((v.fields for v in variants if v.python is type(part)), ())
                todo += [(field.type, getattr(part, field.name)) for field in fields]
            case s.Ref():
                todo.append((here.target, part))
    return count


def _is_byte(node: s.Node) -> bool:
    return node == s.Int(8, signed=False) or isinstance(node, s.Bool)


def _has_bytes(node: s.Node) -> bool:
    return any(isinstance(part, s.Bytes | s.Seq | s.Array | s.Set | s.Ref) for part in s.walk(node))
