"""The reference decoder: walks the schema word by word and reports exactly what is wrong, where, and at which word.

It follows the two Rust deserializers call by call (risc0-zkvm 3.0.6 `serde/deserializer.rs`, l2r0-small-serde 0.20.1
`deserializer.rs`) and, where `strict`, also refuses what they accept: padding that is not zero, words left over,
maps and sets out of order or with a key twice.
"""

from __future__ import annotations

from typing import Any

from .. import schema as s
from ..refusals import NESTING_LIMIT, ZERO_SIZED_LIMIT, Path, refuse_words
from .formats import PackedReader, Reader
from .rules import RULES

__all__ = ["Decoder", "decode_value"]


def decode_value(node: s.Node, data: bytes, offset: int, packed: bool, strict: bool) -> tuple[Any, int]:
    """Return a value from the words of `data` that begin at byte `offset`, and the offset after it, in bytes.

    Raises DecodeError. Ignores what follows the value.
    """
    source = (PackedReader if packed else Reader)(data, offset, strict)
    value = Decoder(source).value(node, None, 0)
    source.finish(None)
    return value, source.at


class Decoder:
    """Reads values from `source`."""

    def __init__(self, source: Reader) -> None:
        self.source = source
        self.zero_sized_left = ZERO_SIZED_LIMIT

    def value(self, node: s.Node, path: Path, nesting: int) -> Any:
        """Read one value. `nesting` counts how many uses of a type in itself it lies in."""
        while True:  # nodes that add no level of their own loop here instead of recursing
            if isinstance(node, s.Ref):
                nesting += 1
                if nesting > NESTING_LIMIT:
                    refuse_words(path, self.source.at // 4, f"at most {NESTING_LIMIT} levels of nesting", "more")
                node = node.target
            elif isinstance(node, s.NewType):
                node = node.inner
            elif isinstance(node, s.Option) and not node.wrapped:
                if not self.tag(path):
                    return None
                node = node.inner
            else:
                break
        return RULES[type(node)].read(self, node, path, nesting)

    def tag(self, path: Path) -> bool:
        """Read the tag of an option."""
        tag = self.source.word(path, "an option tag, 0 or 1")
        if tag > 1:
            refuse_words(path, self.source.at // 4 - 1, "an option tag, 0 or 1", str(tag))
        return tag == 1

    def bound(self, items: tuple[s.Node, ...], count: int, path: Path) -> None:
        """Count elements that take no words: the input does not bound them."""
        if all(map(s.zero_sized, items)):
            if count > self.zero_sized_left:
                expected = f"at most {ZERO_SIZED_LIMIT} elements without words in all"
                refuse_words(path, self.source.at // 4 - 1, expected, f"a length of {count}")
            self.zero_sized_left -= count
