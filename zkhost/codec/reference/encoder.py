"""The reference encoder: walks the schema one value at a time and reports exactly what is wrong and where.

It follows the two Rust serializers call by call (risc0-zkvm 3.0.6 `serde/serializer.rs`, l2r0-small-serde 0.20.1
`serializer.rs`).
"""

from __future__ import annotations

from typing import Any

from .. import schema as s
from ..refusals import NESTING_LIMIT, Path, refuse_value
from ..types import Some
from .formats import PackedWriter, Writer
from .rules import RULES

__all__ = ["Encoder", "encode_value"]


def encode_value(node: s.Node, value: Any, packed: bool) -> bytes:
    """Return the words of a value as little-endian bytes. Raises EncodeError."""
    out = PackedWriter() if packed else Writer()
    Encoder(out).value(node, value, None, 0)
    return bytes(out.data)


class Encoder:
    """Writes values to `out`."""

    def __init__(self, out: Writer) -> None:
        self.out = out

    def value(self, node: s.Node, value: Any, path: Path, nesting: int) -> None:
        """Write one value. `nesting` counts how many uses of a type in itself it lies in."""
        while True:  # nodes that add no level of their own loop here instead of recursing
            if isinstance(node, s.Ref):
                nesting += 1
                if nesting > NESTING_LIMIT:
                    refuse_value(path, f"at most {NESTING_LIMIT} levels of nesting", value,
                                 "a value that contains itself has no end")  # fmt: skip
                node = node.target
            elif isinstance(node, s.NewType):
                node = node.inner
            elif isinstance(node, s.Option):
                self.out.word(value is not None)
                if value is None:
                    return
                if node.wrapped:
                    if type(value) is not Some:
                        refuse_value(path, "None or Some(...)", value)
                    value = value.value
                    path = (path, ".value")
                node = node.inner
            elif isinstance(node, s.Struct) and node.kind == "newtype":
                self.instance(node, value, path)
                value, path, node = self.field(node.fields[0], value, path)
            else:
                break
        RULES[type(node)].write(self, node, value, path, nesting)

    def instance(self, node: s.Struct, value: Any, path: Path) -> None:
        """Refuse anything but an instance of the class itself: a derived class is another type."""
        if type(value) is not node.cls:
            refuse_value(path, f"an instance of {node.name}", value)

    def field(self, f: s.Field, value: Any, path: Path) -> tuple[Any, Path, s.Node]:
        """Return the value of a field, its path and its node."""
        try:
            return getattr(value, f.name), (path, f".{f.name}"), f.type
        except AttributeError:
            return refuse_value((path, f".{f.name}"), "a value", value, "the field was never set")
