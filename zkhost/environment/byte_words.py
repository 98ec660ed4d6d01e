"""Bytes that the standard format sends as a word each, and the warning about many of them."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any

from zkhost.codec import schema as s

MANY_BYTES = 4096
"""More bytes of one value than this, a word each, cause a WordPerByteWarning."""

_SAMPLE = 16
_MOST_PARTS = 1000
# What is never packed, wherever it occurs.
_WORDS = (s.Int, s.Float, s.Char, s.Str, s.Unit)


class WordPerByteWarning(UserWarning):
    """A value's bytes go to the guest as a word each, which costs it a hundred cycles a byte and more."""


def warn_of_bytes(node: s.Node, value: Any) -> None:
    """Warn where more than MANY_BYTES of a value are sent that way; docs/cycles.md has the figures."""
    count = bytes_as_words(node, value)
    if count > MANY_BYTES:
        warnings.warn(
            f"some {count:,} bytes go to the guest as a word each, for which env::read takes some {113 * count:,} cycles "
            f"(zkhost_guest::read: {4 * count:,}); with format='packed' and zkhost_guest::packed::read in the guest, as "
            f"serde bytes, or with write_slice they take {count // 7:,}; the documentation's page on cycles has the table",
            WordPerByteWarning,
            stacklevel=3,
        )


def bytes_as_words(node: s.Node, value: Any) -> int:
    """Return the length of all `Vec<u8>` and `[u8; n]` (and of bools) in an encodable value.

    Of long sequences and maps the first _SAMPLE items stand for all, so that this costs next to nothing.
    """
    count = 0.0
    todo: list[tuple[float, s.Node, Any]] = [(1.0, node, value)]
    for _ in range(_MOST_PARTS):
        if not todo:
            break
        weight, here, part = todo.pop()
        match here:
            case s.Bytes(serde=False):
                count += weight * len(part)
            case s.Seq(inner=inner) | s.Array(inner=inner) | s.Set(inner=inner) if _is_byte(inner):
                count += weight * len(part)
            case s.Seq(inner=inner) | s.Array(inner=inner) | s.Set(inner=inner):
                share = weight * max(1.0, len(part) / _SAMPLE)
                todo += [(share, inner, item) for item in islice(part, _SAMPLE) if not isinstance(inner, _WORDS)]
            case s.Map(key=key, value=item):
                share = weight * max(1.0, len(part) / _SAMPLE)
                for one, other in islice(part.items(), _SAMPLE):
                    todo += [(share, key, one), (share, item, other)]
            case s.Option(inner=inner, wrapped=wrapped) if part is not None:
                todo.append((weight, inner, part.value if wrapped else part))
            case s.NewType(inner=inner):
                todo.append((weight, inner, part))
            case s.Tuple(items=items):
                todo += [(weight, inner, item) for inner, item in zip(items, part, strict=True)]
            case s.Struct(fields=fields):
                todo += [(weight, f.type, getattr(part, f.name)) for f in fields if not isinstance(f.type, _WORDS)]
            case s.Enum(variants=variants):
                fields = next((v.fields for v in variants if v.python is type(part)), ())
                todo += [(weight, f.type, getattr(part, f.name)) for f in fields if not isinstance(f.type, _WORDS)]
            case s.Ref():
                todo.append((weight, here.target, part))
    return round(count)


def _is_byte(node: s.Node) -> bool:
    return node == s.Int(8, signed=False) or isinstance(node, s.Bool)
