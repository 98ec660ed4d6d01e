"""The reference engine's rules for each kind of node: how it is written and read, and how its values are ordered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import schema as s
from ..refusals import Path

__all__ = ["RULES", "Key", "Rules", "natural", "order_key", "unordered"]

Key = Callable[[Any], Any]
# The first argument is the Encoder or Decoder, which look their rules up here.
Write = Callable[[Any, Any, Any, Path, int], None]
Read = Callable[[Any, Any, Path, int], Any]


class Rules(NamedTuple):
    """The rules of one kind of node.

    `write` takes the encoder, the node, the value, its path and its nesting depth, `read` the same without a value.
    `order` takes the node and returns a function whose results sort as Rust's derived `Ord` sorts the values, or None
    where the values themselves sort so.
    """

    write: Write
    read: Read
    order: Callable[[Any], Key | None]


#: By the class of the node. The modules scalars, containers and structures fill it.
RULES: dict[type[s.Node], Rules] = {}


def order_key(node: s.Node) -> Key | None:
    """Return the order of a node's values: see `Rules.order`."""
    return RULES[type(node)].order(node)


def natural(_: s.Node) -> None:
    """Return None: Python sorts these values as Rust does. (Both order text by code point.)"""


def unordered(node: s.Node) -> Key:
    """Fail for a node that cannot be a key. `translate` refuses such keys."""
    raise AssertionError(node)
